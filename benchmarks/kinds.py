"""Kinds of tumour for the purity fit, learned from absolute copy-number profiles, and how well they explain others.

A profile is its share of the autosomes with 0, 1, 2 ... 12 copies; profiles are a mixture of multinomials, one per
kind, found by expectation and maximisation. The table printed is that of `metcn.purity.segment_likelihood`, which has
a flat kind beside.
"""

from __future__ import annotations

import sys

import numpy as np
import options
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from metcn.genome.build import AUTOSOMES
from metcn.purity import segment_likelihood

STRETCHES = 40  # independent stretches that a genome counts as: about its chromosome arms
SMOOTHING = 3.0  # stretches of the average profile that each kind has seen beforehand
STARTS, ROUNDS = 20, 300
MOST = segment_likelihood.KINDS.shape[1] - 1

Floats = NDArray[np.float64]


def main() -> int:
    """Print the held-out likelihood by number of kinds, and the table of the chosen number."""
    parser = options.parser(__doc__)
    parser.add_argument("--kinds", type=int, default=6, metavar="N", help="kinds of the table (default: 6)")
    parser.add_argument("--compare", type=int, nargs="*", default=[2, 4, 6, 8, 10], metavar="N",
                        help="numbers of kinds whose held-out likelihood is printed")  # fmt: skip
    args = parser.parse_args()
    shares, line = profiles(args.shared / "data" / "karyotypes" / "segments.tsv.gz")
    rows = {f"{number} kinds": held_out(shares, line, number) for number in args.compare}
    rows["in use"] = float(np.mean(log_likelihood(shares, segment_likelihood.KIND_WEIGHTS, segment_likelihood.KINDS)))
    options.show("mean log-likelihood of a profile, by kinds of the other half", pd.Series(rows).to_frame("nats"), 2)
    weight, kinds = learn(shares, args.kinds)
    columns = {"weight": weight, **{str(copies): kinds[:, copies] for copies in range(MOST + 1)}}
    options.show(f"{len(shares)} profiles as {args.kinds} kinds", pd.DataFrame(columns), 4, index=False)
    return 0


def profiles(path: str) -> tuple[Floats, NDArray]:
    """Share of the autosomes by rounded copies, shape (profiles, 13), and the cell line of each profile."""
    table = pd.read_csv(path, sep="\t", dtype={"chromosome": str})
    table = table[table["chromosome"].isin(AUTOSOMES)]
    table = table.assign(copies=table["copies"].round().clip(0, MOST).astype(int), bp=table["end"] - table["start"])
    wide = table.pivot_table(index="profile", columns="copies", values="bp", aggfunc="sum", fill_value=0)
    wide = wide.reindex(columns=range(MOST + 1), fill_value=0)
    return wide.div(wide.sum(axis=1), axis=0).to_numpy(), wide.index.str.split(".").str[0].to_numpy()


def log_likelihood(shares: Floats, weight: Floats, kinds: Floats) -> Floats:
    """Log-likelihood of each profile under the mixture."""
    found: Floats = logsumexp(np.log(weight) + STRETCHES * shares @ np.log(kinds).T, axis=1)
    return found


def learn(shares: Floats, number: int) -> tuple[Floats, Floats]:
    """Weights and kinds, by mean copies, of the best of several starts."""
    random = np.random.default_rng(0)
    mean = shares.mean(axis=0) + 1e-4
    found = []
    for _ in range(STARTS):
        kinds = (shares[random.choice(len(shares), number, replace=False)] + mean) / (2 + 1e-4 * len(mean))
        weight = np.full(number, 1 / number)
        for _ in range(ROUNDS):
            log = np.log(weight) + STRETCHES * shares @ np.log(kinds).T
            belongs = np.exp(log - logsumexp(log, axis=1, keepdims=True))
            weight = (belongs.sum(axis=0) + 1) / (len(shares) + number)
            kinds = STRETCHES * belongs.T @ shares + SMOOTHING * mean
            kinds /= kinds.sum(axis=1, keepdims=True)
        found.append((float(log_likelihood(shares, weight, kinds).sum()), weight, kinds))
    _, weight, kinds = max(found, key=lambda each: each[0])
    order = np.argsort(kinds @ np.arange(MOST + 1))
    return weight[order], kinds[order]


def held_out(shares: Floats, line: NDArray, number: int) -> float:
    """Mean log-likelihood of profiles by kinds learned from the other half of the cell lines."""
    first = np.random.default_rng(1).permutation(np.unique(line))[::2]
    half = np.isin(line, first)
    parts = [log_likelihood(shares[test], *learn(shares[~test], number)) for test in (half, ~half)]
    return float(np.concatenate(parts).mean())


if __name__ == "__main__":
    sys.exit(main())
