"""Normals left out one by one: how far MET and other genes stray from zero, beside a median reference and CNVkit."""

from __future__ import annotations

from pathlib import Path

import cohorts
import levels
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.run.samples import Sample
from metcn.stats import robust

SMALLEST = 15  # bins of a gene that is as easy to measure as MET (45)


def main() -> None:
    """Print the table of errors and the samples that stray most."""
    parser = options.parser(__doc__)
    parser.add_argument("--cnvkit", action="store_true", help="also CNVkit's reference and fix (some minutes)")
    args = parser.parse_args()
    panel = args.shared / "data" / "panel_hg19"
    pairs = cohorts.cnvkit_pairs(panel / "normals")
    rows = [Sample(name, "normal", coverage=paths, patient=cohorts.patient(name)) for name, paths in pairs.items()]
    with options.workplace(args.work) as folder:
        cohort = Cohort.of(folder, rows, workers=args.workers)
        run(cohort, panel / "bins_gc.tsv.gz" if args.cnvkit else None)


def run(cohort: Cohort, gc: Path | None) -> None:
    """Measure every normal against the others and print what came of it; CNVkit too if the bins' ``gc`` is given."""
    names = list(cohort.samples)
    measured = cohort.measure(names)
    ours = {name: levels.of_metcn(cohort, name, smallest=SMALLEST) for name in names}
    of_met = pd.DataFrame(
        {name: {key: found["met"][key] for key in ("log2", "se")} for name, found in measured.items()}
    ).T
    methods = {"metcn": pd.DataFrame({name: level["log2"] for name, level in ours.items()})}
    genes = methods["metcn"].dropna().index
    methods["median reference"] = levels.of_peer(cohort, names, genes, levels.MedianReference(cohort))
    if gc is not None:
        methods["CNVkit"] = levels.of_peer(cohort, names, genes, levels.Cnvkit(cohort, gc).prepared())
    error = pd.DataFrame({name: level["se"] for name, level in ours.items()}).loc[genes]
    z_genes, z_met = methods["metcn"].loc[genes] / error, of_met["log2"] / of_met["se"]

    table = {method: _errors(values.loc[genes]) for method, values in methods.items()}
    options.show(
        f"{len(names)} normals left out one by one, log2 ({len(genes)} genes of >= {SMALLEST} bins)",
        pd.DataFrame(table).T,
    )
    spans = {"MET": z_met, "genes": z_genes.stack(), "CEP7-like": _z_of(measured, "cep7")}
    options.show("z-scores (value over its own error)", pd.DataFrame({key: _spans(z) for key, z in spans.items()}).T)
    per_sample = of_met.assign(
        z=z_met, genes_sd=methods["metcn"].loc[genes].apply(robust.spread), genes_z_sd=z_genes.apply(robust.spread),
        components=[found["reference"]["components"]["target"] for found in measured.values()],
        reasons=[";".join(found["reasons"]) for found in measured.values()],
    )  # fmt: skip
    options.show("each normal, MET farthest first", per_sample.sort_values("z", key=abs, ascending=False))


def _errors(values: pd.DataFrame) -> dict[str, float]:
    """Errors of gene levels, genes by samples."""
    met = values.loc["MET"]
    every = values.to_numpy().ravel()
    return {
        "MET robust SD": robust.spread(met), "MET SD": met.std(), "MET median": met.median(),
        "genes robust SD": robust.spread(every), "genes RMS": float(np.sqrt(np.mean(every**2))),
    }  # fmt: skip


def _spans(z: pd.Series) -> dict[str, float]:
    """What z-scores say of the errors: SD 1 and 95 % within 1.96 would be perfect."""
    share = (z.abs() < 1.96).mean()
    return {"n": len(z), "robust SD": robust.spread(z), "SD": z.std(), "within 1.96": share, "largest": z.abs().max()}


def _z_of(measured: dict[str, dict], level: str) -> pd.Series:
    """Level over its error of each sample."""
    return pd.Series({name: found[level]["log2"] / found[level]["se"] for name, found in measured.items()})


if __name__ == "__main__":
    main()
