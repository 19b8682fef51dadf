"""MET copies, MET/CEP7-like ratio and a verdict from sequencing depth."""

from metcn.provenance import VERSION as __version__

__all__ = ["__version__"]
