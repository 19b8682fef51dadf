"""Purity and ploidy: what is stated, what segments and allele fractions say, and the grid that stands for both."""
