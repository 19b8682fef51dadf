"""CNVkit's segmentation without what it does not need: its command line's imports, a slow search, its log lines.

CNVkit's package imports its whole command line (plots, tables of every kind, clustering), which takes longer than
segmenting a panel; here its modules are imported one by one. Its hidden Markov model first looks for the purity and
ploidy under which the bins are likeliest, bin by bin in Python for each of 136 pairs; here the same likelihoods are
computed for all pairs at once. Its other steps are called as they are, in its own order, so that each bin is given the
same state as by ``cnvkit.py segment -m hmm`` (a test compares).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.light_imports import lighten

COLUMNS = ("chromosome", "start", "end", "gene", "log2", "depth", "weight")
OUTLIER_WINDOW, OUTLIER_FACTOR = 50, 10  # as CNVkit's do_segmentation calls its drop_outliers
MAX_COPIES = 6  # states of CNVkit's method hmm; the next two are the grid it searches
PURITIES = np.arange(0.2, 1.0 + 1e-9, 0.05)
PLOIDIES = np.arange(1.5, 5.0 + 1e-9, 0.5)
TINY = 1e-300

Floats = NDArray[np.float64]


def starts(bins: pd.DataFrame, method: str) -> dict[str, NDArray[np.int64]]:
    """Start of each segment per chromosome, as CNVkit proposes them for usable bins.

    Parameters
    ----------
    bins : DataFrame
        Columns ``COLUMNS`` in genome order; log2 is finite and weight positive.
    method : str
        ``hmm``, ``haar`` or ``cbs``.

    Raises
    ------
    OSError, RuntimeError
        If the method is ``cbs`` and R or its package DNAcopy does not run.
    """
    with _quietly():
        _lighten()
        from cnvlib import cnary, segmentation

        whole = bins[list(COLUMNS)].astype({"depth": float}).fillna({"depth": 1.0})
        array = cnary.CopyNumArray(whole, {"sample_id": "sample"})
        if method != "hmm":
            found = segmentation.do_segmentation(array, method, processes=1).data
            begin = np.ones(len(found), dtype=bool)
        else:
            array = segmentation.drop_outliers(array, OUTLIER_WINDOW, OUTLIER_FACTOR)
            found = array.data
            begin = _changes(array)
    found = found[["chromosome", "start"]].reset_index(drop=True)[begin]
    return {str(name): np.sort(part["start"].to_numpy()) for name, part in found.groupby("chromosome", sort=False)}


def _changes(array: Any) -> NDArray[np.bool_]:
    """Whether a segment begins at each bin: CNVkit's ``segment_hmm``, of one sample without variants."""
    from cnvlib.segmentation import hmm

    smoothed = array.copy()
    smoothed["log2"] = smoothed.smooth_log2()
    noise = max(float(hmm.biweight_midvariance(smoothed["log2"].to_numpy(), initial=0)), hmm.LOG2_STDEV_FLOOR)
    states = hmm.enumerate_states(MAX_COPIES, False)
    copies = np.array([state[0] for state in states])
    begin = hmm.compute_start_probs(states)
    arms, _, _, distances, names = hmm.prepare_observations(smoothed, None)
    steps = [hmm.log_transition_matrices(distance, len(states), copies) for distance in distances]
    autosomes = set(map(str, array.autosomes().chromosome.unique()))
    searched = [arm for arm, name in enumerate(names) if name in autosomes]
    purity, ploidy = _likeliest(
        hmm, [arms[arm] for arm in searched], [steps[arm] for arm in searched], states, begin, noise
    )
    changes = []
    for arm, step in zip(arms, steps, strict=True):
        emitted = hmm.log_emission_probs(arm, None, None, states, purity, ploidy, noise)
        path = hmm.viterbi_log(emitted, step, begin)
        changes.append(np.append(True, path[1:] != path[:-1]))
    return np.concatenate(changes)


def _likeliest(
    hmm: Any,
    arms: Sequence[Floats],
    steps: Sequence[Floats],
    states: Sequence[tuple],
    begin: Floats,
    noise: float,
) -> tuple[float, float]:
    """Purity and ploidy of the grid under which the bins of all arms are likeliest; 1 and 2 without any arm."""
    if not arms:
        return 1.0, 2.0
    grid = [(float(purity), float(ploidy)) for purity in PURITIES for ploidy in PLOIDIES]
    means = np.array([hmm._expected_log2(np.array([s[0] for s in states], float), *pair) for pair in grid])
    total = log_likelihood(arms, steps, means, begin, noise).sum(axis=0)
    return grid[int(np.argmax(total))]


def log_likelihood(
    arms: Sequence[Floats], log_steps: Sequence[Floats], means: Floats, log_begin: Floats, noise: float
) -> Floats:
    """Log likelihood of the bins of each arm under each set of state means, up to a constant, shape (arms, sets).

    The forward algorithm on probabilities, scaled at every bin (Rabiner 1989, doi:10.1109/5.18626), all arms at once.

    Parameters
    ----------
    arms
        Log2 ratios of each arm, shape (bins,).
    log_steps
        Log transition matrices of each arm from a bin to the next, shape (bins - 1, states, states).
    means
        Expected log2 ratio of each state, shape (sets, states).
    log_begin
        Log probability of each state at the first bin, shape (states,).
    noise
        Standard deviation of the log2 ratios.
    """
    order = np.argsort([-len(arm) for arm in arms], kind="stable")  # so that arms drop out from the end
    lengths = np.array([len(arms[row]) for row in order])
    values = np.zeros((len(arms), int(lengths[0])))
    steps = np.zeros((int(lengths[0]), len(arms), means.shape[1], means.shape[1]))
    for row, arm in enumerate(order):
        values[row, : lengths[row]] = arms[arm]
        steps[1 : lengths[row], row] = np.exp(log_steps[arm]).transpose(0, 2, 1)
    total = np.zeros((len(arms), len(means)))
    state = np.broadcast_to(np.exp(log_begin)[:, None], (len(arms), *means.T.shape))
    for place in range(int(lengths[0])):
        alive = int(np.searchsorted(-lengths, -place))
        log_emitted = -0.5 * ((values[:alive, place, None, None] - means.T) / noise) ** 2  # arms, states, sets
        top = log_emitted.max(axis=1, keepdims=True)
        state = (state if place == 0 else steps[place, :alive] @ state[:alive]) * np.exp(log_emitted - top)
        scale = np.maximum(state.sum(axis=1, keepdims=True), TINY)
        state = state / scale
        total[:alive] += (np.log(scale) + top)[:, 0]
    found = np.empty_like(total)
    found[order] = total
    return found


@contextmanager
def _quietly() -> Iterator[None]:
    """CNVkit's log lines go to whoever collects logs, and not to standard error where nobody does."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    root.addHandler(nowhere)
    try:
        yield
    finally:
        root.removeHandler(nowhere)


def _lighten() -> None:
    """Let modules of CNVkit be imported without what else they bring along and do not use.

    That is CNVkit's command line, bioframe's plots, and SciPy's statistics and filters but for one of them: together
    they take longer to import than all else of a tumour takes to be computed.
    """
    smoothing = "_savitzky_golay"
    for name in ("cnvlib", "bioframe", "scipy.stats"):
        lighten(name)
    lighten("scipy.signal", savgol_coeffs=smoothing, savgol_filter=smoothing)
