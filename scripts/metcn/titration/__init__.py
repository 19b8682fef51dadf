"""Tumours made of a laboratory's own normals, and how many of them are found."""
