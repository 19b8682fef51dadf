"""The real plasma titration: plasma copies of six samples that hold 2.75, and of ten normals left out one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import levels
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.run.samples import Sample
from metcn.stats import robust


def main() -> None:
    """Print a row per sample, and how far the two groups lie from what they hold."""
    parser = options.parser(__doc__)
    parser.add_argument("--assay", choices=("panel", "amplicon"), default="panel", help="(default: panel)")
    parser.add_argument("--cnvkit", action="store_true", help="also CNVkit's reference (of the ten normals) and fix")
    args = parser.parse_args()
    data = args.shared / "data" / "ctdna_hg19"
    truth = pd.read_csv(data / "truth.tsv", sep="\t").set_index("sample")
    samples = [
        Sample(name, "normal" if row["group"] == "normal" else "tumour", specimen="plasma", patient=name,
               coverage=(data / f"{name}.regions.bed.gz",))
        for name, row in truth.iterrows()
    ]  # fmt: skip
    with options.workplace(args.work) as folder:
        cohort = Cohort.of(folder, samples, workers=args.workers, assay=args.assay, segments={"method": "none"})
        names = list(cohort.samples)
        measured = cohort.measure(names)
        called = cohort.call(names)
        known = pd.DataFrame([of_fraction(cohort, truth, fraction) for fraction in FRACTIONS]).set_index("fraction")
        erbb2 = {name: levels.of_metcn(cohort, name).loc["ERBB2"] for name in names}
        peer = cnvkit(cohort, names) if args.cnvkit else pd.DataFrame(index=names)
    table = rows(truth, measured, called, pd.DataFrame(erbb2).T).join(peer)
    options.show("plasma copies, MET with its 95 % interval and ERBB2", table.drop(columns=["group", "reasons"]))
    for reasons, part in table.groupby("reasons"):
        print(f"{len(part)} samples: {reasons}")
    options.show("calls by what is told of the tumour fraction: numbers of samples", known)
    options.show("by group", pd.DataFrame({group: summary(part) for group, part in table.groupby("group")}).T)


FRACTIONS = ("", "0.05!", "0.2!", "0.5!")  # as the sheet gives them; at 2.75 plasma copies 17, 5.75 and 3.5 copies


def of_fraction(cohort: Cohort, truth: pd.DataFrame, fraction: str) -> dict[str, object]:
    """How many samples of each group get which call if this is their tumour fraction, at a ploidy of 2."""
    ploidy = "2" if fraction else ""
    told = cohort.joined(replace(sample, purity=fraction, ploidy=ploidy) for sample in cohort.samples.values())
    calls = {name: told.call_one(name) for name in told.samples}
    row: dict[str, object] = {"fraction": fraction or "not told"}
    for group, part in truth.groupby("group"):
        words = Counter(word(calls[str(name)]) for name in part.index)
        row[str(group)] = ", ".join(f"{count} {word}" for word, count in words.most_common())
    return row


def word(call: dict) -> str:
    """Class of a sample, and whether an amplification is open beside a gain."""
    return f"{call['call']} (amplification open)" if "amplification_open" in call["reasons"] else str(call["call"])


def cnvkit(cohort: Cohort, names: list[str]) -> pd.DataFrame:
    """Plasma copies of MET and ERBB2 by CNVkit: twice the ratio, which both formulas give where purity is unknown.

    There are neither off-target bins nor a FASTA, so it corrects for edges alone.
    """
    log2 = levels.of_peer(cohort, names, ["MET", "ERBB2"], levels.Cnvkit(cohort, None).prepared())
    return (2 * 2**log2.T).rename(columns={"MET": "cnvkit", "ERBB2": "cnvkit_erbb2"})


def rows(truth: pd.DataFrame, measured: dict[str, dict], called: pd.DataFrame, erbb2: pd.DataFrame) -> pd.DataFrame:
    """What each sample holds and what was found, indexed by sample."""
    met = pd.DataFrame(
        {name: {key: found["met"][key] for key in ("log2", "se", "bins")} for name, found in measured.items()}
    ).T
    expected = np.log2(truth["met_plasma_copies"] / 2)
    columns = {
        "group": truth["group"], "truth": truth["met_plasma_copies"], "plasma_copies": called["plasma_copies"],
        "low": 2 * called["met_ratio_low"], "high": 2 * called["met_ratio_high"], "log2": met["log2"], "se": met["se"],
        "z": (met["log2"] - expected) / met["se"], "bins": met["bins"].astype(int),
        "erbb2_truth": truth["erbb2_plasma_copies"], "erbb2": 2 * 2 ** erbb2["log2"].astype(float),
        "call": called["call"], "reasons": called["reasons"],
    }  # fmt: skip
    return pd.DataFrame(columns)


def summary(part: pd.DataFrame) -> dict[str, float]:
    """Bias, scatter and interval coverage of a group whose samples all hold the same."""
    copies, z = part["plasma_copies"], part["z"]
    inside = ((part["low"] <= part["truth"]) & (part["truth"] <= part["high"])).mean()
    peer = {} if "cnvkit" not in part else {
        "CNVkit median": part["cnvkit"].median(), "CNVkit robust SD": robust.spread(part["cnvkit"]),
        "CNVkit ERBB2 median": part["cnvkit_erbb2"].median(),
    }  # fmt: skip
    return {
        "n": len(part), "truth": part["truth"].iloc[0], "median": copies.median(), "robust SD": robust.spread(copies),
        "inside": inside, "z mean": z.mean(), "z SD": z.std(),
        "ERBB2 truth": part["erbb2_truth"].iloc[0], "ERBB2 median": part["erbb2"].median(), **peer,
    }  # fmt: skip


if __name__ == "__main__":
    main()
