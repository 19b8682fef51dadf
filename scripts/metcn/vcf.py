"""The MET result as a VCF 4.4 file with one record, for genome browsers and bcftools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysam

from metcn.cohort import pick
from metcn.columns import REASONS
from metcn.files import writing

GAINED = ("high_level_amplification", "amplification", "gain", "polysomy")
UNDECIDED = ("indeterminate", "no_call")
FIELDS = """\
##ALT=<ID=DUP,Description="More copies of MET than two in the tumour">
##ALT=<ID=CNV,Description="Copy number of MET, not called as a gain">
##FILTER=<ID=indeterminate,Description="The evidence does not decide the call">
##FILTER=<ID=no_call,Description="No result could be computed">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the gene">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length of the gene">
##INFO=<ID=SVCLAIM,Number=A,Type=String,Description="Claim made: D, abundance only">
##INFO=<ID=GENE,Number=1,Type=String,Description="Gene whose copies are given">
##INFO=<ID=CALL,Number=1,Type=String,Description="Overall class by the default criteria">
##INFO=<ID=FOCALITY,Number=1,Type=String,Description="focal, arm, polysomy, none or indeterminate">
##INFO=<ID=AMPLICON,Number=2,Type=Integer,Description="First and last base of the amplicon that holds MET, 1-based">
##INFO=<ID=REASONS,Number=.,Type=String,Description="Everything that limits the result">
##FORMAT=<ID=CN,Number=1,Type=Float,Description="MET copies per tumour cell">
##FORMAT=<ID=CNLOW,Number=1,Type=Float,Description="Lower end of the 95 % interval of CN">
##FORMAT=<ID=CNHIGH,Number=1,Type=Float,Description="Upper end of the 95 % interval of CN">
##FORMAT=<ID=CEP7CN,Number=1,Type=Float,Description="CEP7-like copies per tumour cell">
##FORMAT=<ID=METCEP7,Number=1,Type=Float,Description="MET copies over CEP7-like copies">
##FORMAT=<ID=DR,Number=1,Type=Float,Description="Depth ratio of MET, baseline 1, not corrected for purity">
"""
VALUES = {
    "CN": "copies.met_copies.value",
    "CNLOW": "copies.met_copies.low",
    "CNHIGH": "copies.met_copies.high",
    "CEP7CN": "copies.cep7_copies.value",
    "METCEP7": "copies.met_cep7.value",
    "DR": "copies.met_ratio.value",
}


def text(call: Mapping[str, Any], *, chromosome: str, length_bp: int, met: tuple[int, int], build: str) -> str:
    """The whole file as text.

    Parameters
    ----------
    call : one sample's calls JSON.
    chromosome : name of chromosome 7 in the sample's own files.
    length_bp : its length.
    met : start and end of MET, 0-based half-open; the record lies at the base before, as VCF asks of symbols.
    build : name of the genome build.
    """
    filters = [f'##FILTER=<ID={code},Description="{reason.text}">' for code, reason in REASONS.items()]
    contig = f"##contig=<ID={chromosome},length={length_bp},assembly={build}>"
    names = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split()
    record = [
        *(chromosome, str(met[0]), "MET", "N", "<DUP>" if call["call"] in GAINED else "<CNV>", "."),
        ";".join(_filters(call)) or "PASS",
        _info(call, met),
        ":".join(VALUES),
        ":".join(_number(pick(call, path)) for path in VALUES.values()),
    ]
    head = ["##fileformat=VCFv4.4", "##source=metcn", contig, *filters, FIELDS.rstrip()]
    return "\n".join([*head, "\t".join([*names, call["sample"]]), "\t".join(record)]) + "\n"


def write(path: Path, content: str) -> None:
    """Write ``content`` compressed to ``path`` (BGZF) with its tabix index beside it."""
    with writing(path) as temporary:
        with pysam.BGZFile(str(temporary), "wb", None) as handle:
            handle.write(content.encode())
        index = Path(pysam.tabix_index(str(temporary), preset="vcf", force=True, keep_original=True) + ".tbi")
        index.replace(path.with_name(path.name + ".tbi"))


def _filters(call: Mapping[str, Any]) -> list[str]:
    """An undecided call by its own name, then every reason that is more than information; empty means PASS."""
    undecided = [call["call"]] if call["call"] in UNDECIDED else []
    return undecided + [code for code in call["reasons"] if REASONS[code].severity != "info"]


def _info(call: Mapping[str, Any], met: tuple[int, int]) -> str:
    fields = [f"END={met[1]}", f"SVLEN={met[1] - met[0]}", "SVCLAIM=D", "GENE=MET", f"CALL={call['call']}"]
    focality = pick(call, "copies.focality.class")
    start, end = (pick(call, f"copies.amplicon.{side}") for side in ("start", "end"))
    if focality is not None:
        fields.append(f"FOCALITY={focality}")
    if start is not None and end is not None:
        fields.append(f"AMPLICON={int(start) + 1},{int(end)}")
    if call["reasons"]:
        fields.append("REASONS=" + ",".join(call["reasons"]))
    return ";".join(fields)


def _number(value: Any) -> str:
    return "." if value is None else f"{value:.4g}"
