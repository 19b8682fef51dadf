"""From copies to a verdict per criteria set, the overall call, and the files that carry it."""
