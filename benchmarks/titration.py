"""Titration: where half of the normals puts the limit of detection, and whether the other half agrees.

On simulated normals, which needs nothing but this checkout, or on the shared panel's (``--input panel``).
"""

from __future__ import annotations

from pathlib import Path

import cohorts
import options
import pandas as pd

from metcn import simulate
from metcn.cli import main as cli

SETTINGS = {"segments": {"method": "none"}}
PURITIES = ("0.1", "0.15", "0.2", "0.3", "0.5")
COLUMNS = ["copies", "extent", "lod", "lod_low", "lod_high", "alike", "half1", "half2", "holds"]
COPIES = ["n", "sensitivity", "sensitivity_low", "sensitivity_high", "copies_bias", "copies_rmse", "interval_coverage"]


def main() -> int:
    """Print the tables of the overall call; 1 where a limit does not hold on the other half."""
    parser = options.parser(__doc__, needs_shared=False)
    parser.add_argument("--input", choices=("simulated", "panel"), default="simulated", help="(default: simulated)")
    parser.add_argument("--copies", nargs="+", default=["6", "10"], metavar="X", help="(default: 6 10)")
    parser.add_argument("--replicates", default="6", metavar="N", help="tumours per half and stratum (default: 6)")
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        inputs = folder / "inputs"
        if args.input == "simulated":
            simulate.cohort(inputs, normals=12, as_="cnn", window_bp=3_000_000, settings=SETTINGS)
        else:
            panel(args.shared / "data" / "panel_hg19" / "normals", inputs)
        words = [f"--samples={inputs / 'samples.tsv'}", f"--configfile={inputs / 'config.yaml'}", "--in-process"]
        words += [f"--directory={folder / 'out'}", f"--replicates={args.replicates}", f"--cores={args.workers}"]
        status = cli.main(["titrate", *words, "--copies", *args.copies, "--purities", *PURITIES])
        if status:
            return status
        names = ("limits", "titration", "false_positives")
        limits, strata, unchanged = (read_call(folder / "out" / f"{name}.tsv") for name in names)
        donors = pd.read_csv(folder / "out" / "donors.tsv", sep="\t", keep_default_na=False)
    apart = donors["donor"][donors["unlike"] == "yes"]
    options.show("purity from which 95 % are called amplified", limits[COLUMNS], index=False)
    strata = strata[strata["extent"] != "none"]
    print(f"\nalike is lod without donors unlike the other normals: {', '.join(apart) or 'none is'}")
    options.show("by stratum", strata[["copies", "purity", *COPIES]], index=False)
    unchanged = unchanged[["purity", "normals", "false_positives", "rate_low", "rate_high"]]
    options.show("normals against the other half, unchanged", unchanged, index=False)
    return int((limits["holds"] == "no").any())


def panel(normals: Path, folder: Path) -> None:
    """Write sheet and configuration of the shared normals."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{name}\tnormal\t{';'.join(map(str, paths))}"
        for name, paths in cohorts.cnvkit_pairs(normals.resolve()).items()
    ]
    (folder / "samples.tsv").write_text("\n".join(["sample\trole\tcoverage", *rows]) + "\n")
    (folder / "config.yaml").write_text("genome: GRCh37\nassay: panel\nsegments:\n  method: none\n")


def read_call(path: Path) -> pd.DataFrame:
    """Rows of the overall call."""
    table = pd.read_csv(path, sep="\t", keep_default_na=False, na_values={}, dtype={"extent": str})
    table = table[table["criterion"] == "call"]
    return table.apply(lambda column: pd.to_numeric(column, errors="coerce").combine_first(column))


if __name__ == "__main__":
    raise SystemExit(main())
