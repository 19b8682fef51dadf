"""The page of a sample, and the figures and words that pages share."""
