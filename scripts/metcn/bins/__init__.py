"""Where depth is measured: bins of targets and of the genome between them, with their roles and masks."""
