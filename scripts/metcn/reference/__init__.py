"""What normals say of each bin: the panel of normals, how it is built, checked and stored."""
