"""Real tumours against array CGH: log2 of MET, of chromosome 7's arms and of every well covered gene."""

from __future__ import annotations

from pathlib import Path

import cohorts
import numpy as np
import pandas as pd
import peers
from cohorts import Cohort

from metcn import genome as genomes
from metcn import robust
from metcn.samples import Sample

SMALLEST = 15  # bins of a gene that enters the comparison over genes
COLUMNS = {"chrom": "chromosome", "loc.start": "start", "loc.end": "end", "seg.mean": "log2"}
SHOWN = ("EGFR", "CDK6", "BRAF")


def main() -> None:
    """Print agreement with the arrays, gene by gene and over all genes, and a row per tumour."""
    parser = cohorts.parser(__doc__)
    parser.add_argument("--cnvkit", action="store_true", help="also CNVkit's reference and fix (about 5 minutes)")
    options = parser.parse_args()
    panel = options.shared / "data" / "panel_hg19"
    samples = [
        Sample(name, role, coverage=paths, patient=cohorts.patient(name))
        for role, folder in (("normal", "normals"), ("tumour", "tumours"))
        for name, paths in cohorts.cnvkit_pairs(panel / folder).items()
    ]
    with cohorts.workplace(options.work) as folder:
        cohort = Cohort.of(folder, samples, workers=options.workers)
        run(cohort, Arrays(panel / "acgh_segments.tsv.gz"), panel / "bins_gc.tsv.gz" if options.cnvkit else None)


class Arrays:
    """Segments of array CGH by sample, on the length-weighted autosomal mean that ratios of metcn refer to."""

    def __init__(self, path: Path) -> None:
        table = pd.read_csv(path, sep="\t").rename(columns=COLUMNS)
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
    levels = {name: cohorts.gene_levels(cohort, name, smallest=SMALLEST) for name in names}
    long = pd.concat(levels, names=["sample", "gene"]).rename(columns={"log2": "metcn"})
    long["array"] = [arrays.level(row.Index[0], row.chromosome, row.start, row.end) for row in long.itertuples()]
    peer = {"median reference": peers.MedianReference(cohort)} | ({"CNVkit": peers.Cnvkit(cohort, gc)} if gc else {})
    for method, ratios in peer.items():
        found = peers.gene_means(cohort, names, long.index.unique("gene"), ratios)
        long[method] = [found.loc[gene, sample] for sample, gene in long.index]

    table = {}
    for gene in ("MET", *SHOWN):
        part = long.xs(gene, level="gene") if gene in long.index.unique("gene") else long.iloc[:0]
        table |= {(gene, method): agreement(part[method], part["array"]) for method in ("metcn", *peer)}
    table |= {("all genes", method): agreement(long[method], long["array"]) for method in ("metcn", *peer)}
    of_arms = arms(measured, arrays)
    for arm in ("7p", "7q"):
        table[arm, "metcn"] = agreement(of_arms[arm], of_arms[f"{arm} array"])
    title = f"log2 against array CGH ({long['array'].notna().sum()} gene levels of >= {SMALLEST} bins)"
    cohorts.show(title, pd.DataFrame(table).T)
    met = pd.DataFrame({name: {key: found["met"][key] for key in ("log2", "se")} for name, found in measured.items()}).T
    met["array"] = long["array"].xs("MET", level="gene")
    met["z"] = (met["log2"] - met["array"]) / met["se"]
    met["genes_offset"] = (long["metcn"] - long["array"]).groupby("sample").median()
    met["reasons"] = [";".join(measured[name]["reasons"]) for name in met.index]
    cohorts.show("MET of each tumour, and how far its genes lie above the array's", met.join(of_arms), na_rep=".")


def agreement(ours: pd.Series, array: pd.Series) -> dict[str, float]:
    """Correlation, slope and difference of log2 levels over the pairs that have both."""
    both = ours.notna() & array.notna()
    x, y = array[both], ours[both]
    if len(x) < 3:
        return {"n": len(x)}
    gap = y - x
    return {
        "n": len(x), "pearson": x.corr(y), "spearman": x.corr(y, method="spearman"), "slope": float(np.polyfit(x, y, 1)[0]),
        "median gap": gap.median(), "robust SD": robust.spread(gap), "RMS": float(np.sqrt(np.mean(gap**2))),
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
