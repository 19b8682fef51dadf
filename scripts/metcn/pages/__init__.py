"""Pages that people read, and the figures on them."""
