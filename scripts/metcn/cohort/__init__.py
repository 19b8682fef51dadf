"""All samples of a run: the table, its page, and MultiQC content."""
