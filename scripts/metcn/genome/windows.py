"""GC content and mappability of a build in windows of 10 kb, as shipped with the project's facts."""

from __future__ import annotations

import gzip
from functools import lru_cache

import numpy as np
import pandas as pd

from metcn.files import resource_root
from metcn.genome.build import AUTOSOMES, SEX_CHROMOSOMES, Genome

FILE = "windows_10kb.u8.gz"
WINDOW_BP = 10_000
LEVELS = 200  # a byte says how many two-hundredths, so no value is off by more than 0.0025 ...
UNKNOWN = 255  # ... or that nothing is known
COLUMNS = ("gc", "mappability")


@lru_cache
def load(genome: Genome) -> pd.DataFrame:
    """GC content and mappability along 1-22, X and Y: chromosome, start, end, gc, mappability, in genome order.

    Bare names; the last window of a chromosome ends with it; NaN where unknown. Read once per process: treat it as
    read-only. Sources, and what the values mean, are in ``resources/README.md``.

    >>> from metcn.genome import build
    >>> windows = load(build.load("GRCh37"))
    >>> windows[(windows["chromosome"] == "7") & (windows["start"] == 116_310_000)].to_numpy().tolist()  # begins MET
    [['7', 116310000, 116320000, 0.4, 1.0]]
    """
    names = [*AUTOSOMES, *SEX_CHROMOSOMES]
    length = np.array([genome.contigs[name] for name in names])
    count = -(-length // WINDOW_BP)
    start = (np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)) * WINDOW_BP
    codes = np.frombuffer(gzip.decompress((resource_root() / genome.name / FILE).read_bytes()), dtype=np.uint8)
    values = np.where(codes == UNKNOWN, np.nan, codes / LEVELS).reshape(len(COLUMNS), len(start))
    end = np.minimum(start + WINDOW_BP, np.repeat(length, count))
    frame = pd.DataFrame({"chromosome": np.repeat(names, count), "start": start, "end": end})
    return frame.assign(**dict(zip(COLUMNS, values, strict=True)))
