"""What normals say of bins, and how it is taken out of a sample."""
