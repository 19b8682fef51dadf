"""Real tumours against array CGH: log2 of MET, of chromosome 7's arms and of every well covered gene.

The array's values are taken as decadic logarithms, as Agilent's software gives them: taken as log2, tumours with marked
changes lie on a slope of 3.2 to 3.6, whole arms of chromosome 7 on 3.1, by every method, and log2(10) is 3.3.
"""

from __future__ import annotations

from pathlib import Path

import cohorts
import levels
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.genome import build as genomes
from metcn.run.samples import Sample
from metcn.stats import robust

SMALLEST = 15  # bins of a gene that enters the comparison over all genes
SMALLEST_SHOWN = 10  # bins of a gene that is shown for itself
COLUMNS = {"chrom": "chromosome", "loc.start": "start", "loc.end": "end", "seg.mean": "log2"}
WEIGHTS = (0, 0.1, 0.25, 0.5, 1)  # shares of the matched normal's own residual that are tried
SHOWN = ("EGFR", "BRAF", "EZH2", "SMO")


def main() -> None:
    """Print agreement with the arrays, gene by gene and over all genes, and a row per tumour."""
    parser = options.parser(__doc__)
    parser.add_argument("--cnvkit", action="store_true", help="also CNVkit's reference and fix (some minutes)")
    parser.add_argument("--matched", action="store_true", help="also what subtracting the matched normal would do")
    parser.add_argument("--base", type=float, default=10, help="base of the array's logarithms (default: 10)")
    args = parser.parse_args()
    panel = args.shared / "data" / "panel_hg19"
    samples = [
        Sample(name, role, coverage=paths, patient=cohorts.patient(name))
        for role, folder in (("normal", "normals"), ("tumour", "tumours"))
        for name, paths in cohorts.cnvkit_pairs(panel / folder).items()
    ]
    with options.workplace(args.work) as folder:
        cohort = Cohort.of(folder, samples, workers=args.workers)
        arrays = Arrays(panel / "acgh_segments.tsv.gz", args.base)
        run(cohort, arrays, panel / "bins_gc.tsv.gz" if args.cnvkit else None)
        if args.matched:
            matched(cohort, arrays)


class Arrays:
    """Segments of array CGH by sample, log2 on the length-weighted autosomal mean that ratios of metcn refer to."""

    def __init__(self, path: Path, base: float) -> None:
        table = pd.read_csv(path, sep="\t").rename(columns=COLUMNS)
        table["log2"] *= np.log2(base)
        autosomal = ~table["chromosome"].isin(["chrX", "chrY"])
        self.samples = {name: self._recentred(part, autosomal[part.index]) for name, part in table.groupby("ID")}

    @staticmethod
    def _recentred(part: pd.DataFrame, autosomal: pd.Series) -> pd.DataFrame:
        width = (part["end"] - part["start"])[autosomal]
        return part.assign(log2=part["log2"] - np.log2(np.average(2 ** part["log2"][autosomal], weights=width)))

    def level(self, sample: str, chromosome: str, start: int, end: int) -> float:
        """Length-weighted mean log2 over a stretch; NaN where no segment lies or the sample has no array."""
        if sample not in self.samples:
            return float("nan")
        part = self.samples[sample]
        overlap = np.minimum(part["end"], end) - np.maximum(part["start"], start)
        keep = (part["chromosome"] == chromosome) & (overlap > 0)
        return float(np.average(part["log2"][keep], weights=overlap[keep])) if keep.any() else float("nan")


def run(cohort: Cohort, arrays: Arrays, gc: Path | None) -> None:
    """Measure the tumours and print the comparison; CNVkit too if the bins' ``gc`` is given."""
    names = [sample.name for sample in cohort.samples.values() if sample.role == "tumour"]
    measured = cohort.measure(names)
    ours = {name: levels.of_metcn(cohort, name, smallest=SMALLEST_SHOWN) for name in names}
    long = pd.concat(ours, names=["sample", "gene"]).rename(columns={"log2": "metcn"})
    long["array"] = [arrays.level(row.Index[0], row.chromosome, row.start, row.end) for row in long.itertuples()]
    peer = {"median reference": levels.MedianReference(cohort)} | (
        {"CNVkit": levels.Cnvkit(cohort, gc).prepared()} if gc else {}
    )
    for method, ratios in peer.items():
        found = levels.of_peer(cohort, names, long.index.unique("gene"), ratios)
        long[method] = [found.loc[gene, sample] for sample, gene in long.index]

    table = {}
    for gene in ("MET", *SHOWN):
        part = long.xs(gene, level="gene")
        table |= {(gene, method): agreement(part[method], part["array"]) for method in ("metcn", *peer)}
    large = long[long["bins"] >= SMALLEST]
    table |= {(f"genes >= {SMALLEST} bins", name): agreement(large[name], large["array"]) for name in ("metcn", *peer)}
    of_arms = arms(measured, arrays)
    for arm in ("7p", "7q"):
        table[arm, "metcn"] = agreement(of_arms[arm], of_arms[f"{arm} array"])
    options.show("log2 against array CGH", pd.DataFrame(table).T)
    met = pd.DataFrame({name: {key: found["met"][key] for key in ("log2", "se")} for name, found in measured.items()}).T
    met["array"] = long["array"].xs("MET", level="gene")
    met["z"] = (met["log2"] - met["array"]) / met["se"]
    met["genes_above"] = (large["metcn"] - large["array"]).groupby("sample").median()
    met["reasons"] = [";".join(measured[name]["reasons"]) for name in met.index]
    options.show("MET of each tumour, and how far its genes lie above the array's", met.join(of_arms), na_rep=".")


def matched(cohort: Cohort, arrays: Arrays) -> None:
    """Print whether tumours, corrected by the panel, err as their own normals do: the case for subtracting these.

    Errors are against the array less their median in the tumour, which is the arrays' own scale.
    """
    cohort.measure(list(cohort.samples))
    of_sample = {name: levels.of_metcn(cohort, name, smallest=SMALLEST) for name in cohort.samples}
    rows = []
    for name, genes in of_sample.items():
        own = of_sample.get(f"{cohorts.patient(name)}_N")
        if cohort.samples[name].role == "tumour" and own is not None:
            array = [arrays.level(name, row.chromosome, row.start, row.end) for row in genes.itertuples()]
            part = genes.assign(sample=name, error=genes["log2"] - array, normal=own["log2"].reindex(genes.index))
            rows.append(part.assign(error=part["error"] - part["error"].median())[["sample", "error", "normal"]])
    long = pd.concat(rows).dropna()
    table = {}
    for label, part in (("genes", long), ("MET", long.loc[["MET"]])):
        for weight in WEIGHTS:
            error = part["error"] - weight * part["normal"]
            table[label, weight] = {
                "n": len(part), "robust SD": robust.spread(error), "RMS": float(np.sqrt(np.mean(error**2))),
                "spearman": part["error"].corr(part["normal"], method="spearman"),
            }  # fmt: skip
    options.show("error less a share of the matched normal's residual", pd.DataFrame(table).T)


def agreement(ours: pd.Series, array: pd.Series) -> dict[str, float]:
    """Correlation, slope and difference of log2 levels over the pairs that have both."""
    both = ours.notna() & array.notna()
    x, y = array[both], ours[both]
    if len(x) < 3:
        return {"n": len(x)}
    gap = y - x
    return {
        "n": len(x), "pearson": x.corr(y), "spearman": x.corr(y, method="spearman"),
        "slope": float(np.polyfit(x, y, 1)[0]), "median gap": gap.median(),
        "robust SD": robust.spread(gap), "RMS": float(np.sqrt(np.mean(gap**2))),
    }  # fmt: skip


def arms(measured: dict[str, dict], arrays: Arrays) -> pd.DataFrame:
    """Levels of chromosome 7's arms and the array's, tumours by arms."""
    facts = genomes.load("GRCh37")
    middle = facts.centromere[genomes.MET_CHROMOSOME]
    spans = {"7p": (0, middle[0]), "7q": (middle[1], facts.contigs[genomes.MET_CHROMOSOME])}
    rows = {}
    for name, found in measured.items():
        rows[name] = {arm: found["arms"][arm]["log2"] for arm in spans}
        rows[name] |= {f"{arm} array": arrays.level(name, "chr7", *span) for arm, span in spans.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


if __name__ == "__main__":
    main()
