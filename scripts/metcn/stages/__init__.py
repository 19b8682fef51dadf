"""Stages: read tables, call the core, write tables. One module per rule file of the workflow."""
