"""Segments: stretches of equal copy number, found by CNVkit; context for pictures and purity, never MET's own ratio."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.segments import cnvkit
from metcn.stats import fragments, robust

POOLED = 30.0  # fragments that joined neighbours expect, where bins hold few
COLUMNS = ("chromosome", "start", "end", "gene", "log2", "depth", "probes", "weight", "se")


def find(frame: pd.DataFrame, *, method: str, arm: Any) -> pd.DataFrame:
    """Segments of one sample's ratios, one row each in genome order (columns ``COLUMNS``).

    CNVkit proposes the breakpoints; a segment's level is then the weighted median of its bins here, so that it is the
    same whatever the method, with a robust standard error.

    Parameters
    ----------
    frame : DataFrame
        Ratios: chromosome, start, end, gene, kind, log2, depth, weight, spread, expected; masked bins have log2 NaN and
        are left out. Where the fragments expected of a bin are known, counting them is a floor under a segment's error,
        and neighbours of few fragments are joined first.
    method : str
        ``hmm``, ``haar``, ``cbs`` (needs R with DNAcopy), or ``none`` (one segment per chromosome arm).
    arm : array_like of str, shape (bins,)
        Chromosome arm of each bin: segments never cross a centromere.

    Raises
    ------
    InputError
        If ``method`` is ``cbs`` and R or DNAcopy is absent.
    """
    keep = (frame["log2"].notna() & (frame["weight"] > 0)).to_numpy()
    kept = frame[keep].reset_index(drop=True)
    arms = np.asarray(arm)[keep]
    if kept.empty:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in COLUMNS})
    kept, arms = _joined(kept.assign(bins=1), arms)
    label = np.zeros(len(kept), dtype=int) if method == "none" else _proposed(kept, method)
    changes = np.ones(len(kept), dtype=bool)
    changes[1:] = (arms[1:] != arms[:-1]) | (label[1:] != label[:-1])
    segment = np.cumsum(changes) - 1
    return pd.DataFrame([_row(part) for _, part in kept.groupby(segment, sort=True)])[list(COLUMNS)]


def _joined(kept: pd.DataFrame, arms: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Bins and their arms, neighbours of kinds that hold few fragments joined until they expect ``POOLED``."""
    expected = kept["expected"].to_numpy(float)
    typical = kept.groupby("kind")["expected"].transform("mean").to_numpy(float)
    few = typical < fragments.FEW
    if not few.any():
        return kept, arms
    apart = np.r_[True, (arms[1:] != arms[:-1]) | ~few[1:] | ~few[:-1]]
    label = fragments.pools(np.where(few, expected, POOLED), apart, POOLED)
    first = np.unique(label, return_index=True)[1]
    number = np.maximum(expected * 2 ** kept["log2"].to_numpy(float) - 0.5, 0.0)
    beyond = np.maximum(kept["spread"].to_numpy(float) ** 2 - fragments.sd(expected) ** 2, 0.0)
    seen, due, extra, size = (
        np.bincount(label, weights=w) for w in (number, expected, beyond * expected**2, few * 1.0)
    )
    table = kept.iloc[first].reset_index(drop=True)
    table["end"] = np.maximum.reduceat(kept["end"].to_numpy(), first)
    table["depth"] = np.bincount(label, weights=np.nan_to_num(kept["depth"].to_numpy(float))) / np.bincount(label)
    pooled = size > 0
    table.loc[pooled, "log2"] = fragments.log2_ratio(seen, due)[pooled]
    table.loc[pooled, "spread"] = np.sqrt(fragments.sd(due) ** 2 + extra / due**2)[pooled]
    table.loc[pooled, "expected"] = due[pooled]
    weight = np.where(pooled, (np.median(table["spread"]) / table["spread"]) ** 2, table["weight"])
    return table.assign(weight=np.minimum(weight, 1.0), bins=np.maximum(size, 1).astype(int)), arms[first]


def _proposed(kept: pd.DataFrame, method: str) -> np.ndarray:
    """Number of the segment that each bin is in, by CNVkit."""
    try:
        starts = cnvkit.starts(kept, method)
    except (OSError, RuntimeError) as error:
        if method != "cbs":
            raise
        raise InputError(
            "segments.method cbs needs R with the package DNAcopy, which did not run; install it or choose hmm"
        ) from error
    label = np.zeros(len(kept), dtype=int)
    chromosomes, middle = kept["chromosome"].to_numpy(), ((kept["start"] + kept["end"]) / 2).to_numpy()
    number = 0
    for chromosome, begins in starts.items():
        rows = np.flatnonzero(chromosomes == chromosome)
        label[rows] = number + np.searchsorted(begins, middle[rows], side="right")
        number += len(begins) + 1
    return label


def _row(part: pd.DataFrame) -> dict[str, Any]:
    """Summary of the bins of one segment."""
    log2 = part["log2"].to_numpy(float)
    level = robust.weighted_median(log2, part["weight"].to_numpy(float))
    noise = robust.spread(log2) if len(part) > 2 else float(part["spread"].iloc[0])
    error = 1.25 * noise / np.sqrt(len(part))  # of a median, on normal noise
    expected = part["expected"].to_numpy(float)
    if np.isfinite(expected).all():
        seen = float(np.sum(expected * 2**log2))
        if (part["bins"] > 1).any():  # a median of few fragments lies on one of a few values, and so may all bins
            level = float(fragments.log2_ratio(seen - len(part) / 2, expected.sum()))
            error = float(np.sum(part["spread"].to_numpy(float) ** -2.0)) ** -0.5
        error = max(error, float(fragments.sd(seen)))
    genes = dict.fromkeys(name for name in part["gene"] if name not in ("-", "Antitarget", "Background", "."))
    return {
        "chromosome": part["chromosome"].iloc[0],
        "start": int(part["start"].iloc[0]),
        "end": int(part["end"].max()),
        "gene": ",".join(genes) or "-",
        "log2": level,
        "depth": float(np.nanmean(part["depth"])) if part["depth"].notna().any() else np.nan,
        "probes": int(part["bins"].sum()),
        "weight": float(part["weight"].sum()),
        "se": error,
    }
