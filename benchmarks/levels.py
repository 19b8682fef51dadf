"""Levels of genes on the same samples and bins: by metcn, by a plain median reference, and by CNVkit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cohorts
import numpy as np
import pandas as pd
from cohorts import Cohort
from numpy.typing import NDArray

from metcn import mixture
from metcn.files import read_json
from metcn.io import tables
from metcn.ratios import correct as core

Ratios = Callable[[str], tuple[NDArray[np.floating], NDArray[np.floating]]]  # sample -> log2 ratio and weight per bin


def of_metcn(cohort: Cohort, sample: str, *, smallest: int = 1) -> pd.DataFrame:
    """Level of every gene with at least ``smallest`` usable targets, taken as MET's is; indexed by gene.

    Columns chromosome, start, end, bins, log2 and se (bin noise, gene-level excess and baseline together, log2).
    """
    measured = read_json(cohort.at("ratios", sample, "summary"))
    frame = tables.read_ratios(cohort.at("ratios", sample))
    use = (frame["kind"] == "target") & (frame["gene"] != "-") & (frame["role"] != "sex") & frame["log2"].notna()
    shared = np.hypot(measured["qc"]["gene_excess"]["target"], measured["baseline"]["se"])
    rows = {}
    for gene, part in frame[use].groupby("gene"):
        if len(part) >= smallest and part["chromosome"].nunique() == 1:  # a name all over the genome is no gene's
            level = core.level(part["log2"].to_numpy(), part["spread"].to_numpy(), np.ones(len(part), dtype=bool))
            place = {"chromosome": part["chromosome"].iloc[0], "start": part["start"].min(), "end": part["end"].max()}
            rows[gene] = {**place, "bins": level.bins, "log2": level.log2, "se": float(np.hypot(level.se, shared))}
    return pd.DataFrame.from_dict(rows, orient="index")


def of_peer(cohort: Cohort, names: Sequence[str], genes: Iterable[str], ratios: Ratios) -> pd.DataFrame:
    """Weighted mean log2 ratio over the targets of each gene, genes by samples."""
    bins = tables.read_bins(cohort.at("bins"))
    rows = {gene: np.flatnonzero((bins["kind"] == "target") & (bins["gene"] == gene)) for gene in genes}
    means = {}
    for name, (ratio, weight) in zip(
        names, cohorts.each(ratios, names, cohort.workers, type(ratios).__name__), strict=True
    ):
        weight = np.where(np.isfinite(ratio), weight, 0)
        value = np.nan_to_num(ratio)
        means[name] = {gene: np.average(value[i], weights=weight[i]) for gene, i in rows.items() if weight[i].any()}
    return pd.DataFrame(means)


def cnvkit_copies(log2: pd.Series, purity: pd.Series, ploidy: pd.Series) -> pd.DataFrame:
    """Copies that a log2 ratio of CNVkit stands for, by its own formula and by the right one, before rounding.

    Its own, `call --purity`, gives normal cells the tumour's ploidy, or 2 to both where it is not told one
    (`docs/formula.md`). The right one is our equation on CNVkit's ratio. Negative copies become none, as in CNVkit.
    """
    ratio = 2**log2
    own = {"": ploidy, ", ploidy 2": pd.Series(mixture.NORMAL_COPIES, ploidy.index)}
    ways = {f"CNVkit, own formula{name}": told * (ratio - (1 - purity)) / purity for name, told in own.items()}
    ways["CNVkit, right formula"] = mixture.tumour_copies(ratio, purity, ploidy)
    return pd.DataFrame(ways).clip(lower=0)


def copies_table(found: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Error of MET copies by metcn and CNVkit in each group and in all, and the 2x2 table at 5 copies by point value.

    Errors are shares of the truth, in per cent, over the tumours that have a value.

    Parameters
    ----------
    found : truth (``met_copies_true``), metcn's ``met_copies`` and the columns of `cnvkit_copies`, a row per tumour.
    groups : the group of each.
    """
    rows, truth, ways = {}, found["met_copies_true"], _ways(found)
    for group, places in {**groups.groupby(groups).groups, "all": groups.index}.items():
        for way in ways:
            known = ways.loc[places, way][truth > 0].dropna()
            real = truth[known.index]
            gap = 100 * (known - real) / real
            rows[group, way] = {"n": len(gap), "bias %": gap.mean(), "RMS %": float(np.sqrt((gap**2).mean())),
                                "median |error| %": gap.abs().median(), **_at_five(real, known)}  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.astype(dict.fromkeys(["n", *CELLS], int))


def errors(found: pd.DataFrame) -> pd.DataFrame:
    """Error of each tumour's MET copies in per cent of the truth, a column per way; ``found`` as in `copies_table`."""
    truth = found["met_copies_true"]
    return _ways(found).sub(truth, axis=0).div(truth.where(truth > 0), axis=0) * 100


def _ways(found: pd.DataFrame) -> pd.DataFrame:
    """MET copies by metcn and by each formula on CNVkit's ratio."""
    return found.filter(regex="^(met_copies$|CNVkit)").rename(columns={"met_copies": "metcn"})


CELLS = ("TP", "FN", "FP", "TN")


def _at_five(truth: pd.Series, test: pd.Series) -> dict[str, int]:
    """The 2x2 table at 5 copies."""
    truth, test = truth >= 5, test >= 5
    return dict(zip(CELLS, (int(cell.sum()) for cell in (truth & test, truth & ~test, ~truth & test, ~truth & ~test)),
                    strict=True))  # fmt: skip


@dataclass(frozen=True)
class MedianReference:
    """Depth over the median of the normals, samples scaled by the median target outside chromosome 7."""

    cohort: Cohort

    def __call__(self, name: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Log2 ratio per bin, and equal weights."""
        depths = np.stack([self._scaled(other) for other in (name, *self.cohort.normals_of(name))])
        with np.errstate(invalid="ignore"):
            ratio = depths[0] - np.median(depths[1:], axis=0)
        usable = np.isfinite(ratio)
        return np.where(usable, ratio, np.nan), usable.astype(float)

    def _scaled(self, name: str) -> NDArray[np.floating]:
        """Log2 depth less that of the sample's typical target; -inf where there are no reads."""
        with np.errstate(divide="ignore"):
            depth = np.log2(tables.read_counts(self.cohort.at("counts", name))["depth"].to_numpy(float))
        return depth - np.median(depth[self._scale_rows])

    @cached_property
    def _scale_rows(self) -> NDArray[np.bool_]:
        bins = tables.read_bins(self.cohort.at("bins"))
        return ((bins["role"] == "backbone") & (bins["kind"] == "target")).to_numpy()


@dataclass(frozen=True)
class Cnvkit:
    """CNVkit's `reference` and `fix` with edge and GC correction, against one reference made of all normals.

    So a normal is compared with a reference it is part of and a tumour with one that has its own normal, which flatters
    CNVkit a little. It takes GC from ``gc``, a table over the bins, and does without where there is none, as it does
    without a FASTA. RepeatMasker's share, which moves off-target bins alone, is left out.
    """

    cohort: Cohort
    gc: Path | None

    def prepared(self) -> Cnvkit:
        """The same, after its reference has been made."""
        from cnvlib import reference
        from skgenome import tabio

        logging.getLogger().setLevel(logging.ERROR)
        names = [sample.name for sample in self.cohort.samples.values() if sample.role == "normal"]
        targets, away = (list(paths) for paths in zip(*map(self._tables, names), strict=True))
        made = reference.do_reference(targets, away, do_gc=self.gc is not None, do_rmask=False)
        tabio.write(made, self._reference)
        return self

    def __call__(self, name: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Log2 ratio and weight per bin; NaN and 0 where CNVkit drops the bin."""
        from cnvlib import cmdutil, fix

        logging.getLogger().setLevel(logging.ERROR)
        own = (cmdutil.read_cna(path) for path in self._tables(name))
        ratios = fix.do_fix(*own, cmdutil.read_cna(self._reference), do_gc=self.gc is not None, do_rmask=False).data
        place = ["chromosome", "start", "end"]
        bins = tables.read_bins(self.cohort.at("bins"))[place]
        found = bins.merge(ratios[[*place, "log2", "weight"]], how="left", on=place, validate="one_to_one")
        return found["log2"].to_numpy(float), found["weight"].fillna(0).to_numpy(float)

    @property
    def _reference(self) -> str:
        return str(self.cohort.folder / "cnvkit" / "reference.cnn")

    def _tables(self, name: str) -> list[str]:
        """A sample's coverage as CNVkit wants it, with the GC of each bin: then it needs no FASTA to correct for it."""
        place = ["chromosome", "start", "end"]
        bins = tables.read_bins(self.cohort.at("bins"))
        table = tables.read_counts(self.cohort.at("counts", name)).drop(columns="count")
        if self.gc is not None:
            gc = pd.read_csv(self.gc, sep="\t")[[*place, "gc"]]
            table = table.merge(gc, how="left", on=place, validate="one_to_one")
        paths = []
        for kind, word in (("target", "target"), ("off_target", "antitarget")):
            path = self.cohort.folder / "cnvkit" / f"{name}.{word}coverage.cnn"
            path.parent.mkdir(exist_ok=True)
            table[(bins["kind"] == kind).to_numpy()].to_csv(path, sep="\t", index=False)
            paths.append(str(path))
        return paths
