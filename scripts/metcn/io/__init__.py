"""Tables and sequences in and out."""
