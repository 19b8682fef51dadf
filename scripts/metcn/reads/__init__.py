"""From files of reads to fragments per bin."""
