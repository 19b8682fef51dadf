"""``python -m metcn``: the same as the command ``metcn``."""

import sys

from metcn.cli import main

sys.exit(main())
