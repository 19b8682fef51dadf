"""Statistics without knowledge of the project."""
