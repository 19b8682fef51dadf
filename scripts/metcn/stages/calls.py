"""Calls stages: from estimates to verdicts, and from verdicts to what people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metcn import calls as core
from metcn import cohort as overview
from metcn import criteria, provenance, vcf
from metcn import genome as builds
from metcn.columns import REASONS
from metcn.errors import InputError
from metcn.files import read_json, write_json, writing

SCHEMA = 1
