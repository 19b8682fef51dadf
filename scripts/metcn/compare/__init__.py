"""Samples of one patient side by side."""
