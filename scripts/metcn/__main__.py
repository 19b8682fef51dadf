"""``python -m metcn``: the same as the command ``metcn``."""

import gc
import sys

from metcn.cli.main import main

# Nearly all that a short process makes are the objects of its imports, which stay: Python need not look through them
# for garbage again and again, nor when it ends. That is a quarter of a stage's start.
gc.set_threshold(10_000)
status = main()
gc.freeze()
sys.exit(status)
