"""How deep one sample is in each bin: fragments or bases of an alignment, or another tool's coverage table."""
