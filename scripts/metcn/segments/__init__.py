"""Copy-number segments, found by CNVkit."""
