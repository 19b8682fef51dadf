"""Facts of the reference genomes, and positions along them."""
