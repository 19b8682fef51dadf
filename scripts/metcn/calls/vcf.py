"""The MET result as a VCF 4.4 file with symbolic alleles, for genome browsers and bcftools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysam

from metcn.calls.record import pick
from metcn.files import writing
from metcn.provenance import VERSION
from metcn.vocabulary import REASONS

GAINED = ("high_level_amplification", "amplification", "gain", "polysomy")
UNDECIDED = ("indeterminate", "no_call")
FIELDS = """\
##ALT=<ID=DUP,Description="More copies than two in the tumour">
##ALT=<ID=CNV,Description="Copy number of MET, not called as a gain">
##FILTER=<ID=indeterminate,Description="The evidence does not decide the call">
##FILTER=<ID=no_call,Description="No result could be computed">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the gene or amplicon">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length of the gene or amplicon">
##INFO=<ID=SVCLAIM,Number=A,Type=String,Description="Claim made: D, abundance only">
##INFO=<ID=IMPRECISE,Number=0,Type=Flag,Description="Boundaries are those of bins, not of bases">
##INFO=<ID=CIPOS,Number=.,Type=Integer,Description="95 % interval around POS">
##INFO=<ID=CIEND,Number=.,Type=Integer,Description="95 % interval around END">
##INFO=<ID=EVENT,Number=A,Type=String,Description="Joins the gene and the amplicon it lies in">
##INFO=<ID=EVENTTYPE,Number=A,Type=String,Description="Kind of event">
##INFO=<ID=GENE,Number=.,Type=String,Description="Genes whose copies are given">
##FORMAT=<ID=FT,Number=1,Type=String,Description="Filters of this sample, as in FILTER; PASS without one">
##FORMAT=<ID=CALL,Number=1,Type=String,Description="Overall class by the default criteria">
##FORMAT=<ID=FOCALITY,Number=1,Type=String,Description="focal, arm, polysomy, none or indeterminate">
##FORMAT=<ID=AMPLICON,Number=2,Type=Integer,Description="First and last base of the amplicon that holds MET, 1-based">
##FORMAT=<ID=COUNSEL,Number=1,Type=String,Description="What a laboratory may consider next">
##FORMAT=<ID=REASONS,Number=.,Type=String,Description="Everything that limits the result">
##FORMAT=<ID=CN,Number=1,Type=Float,Description="Copies per tumour cell">
##FORMAT=<ID=CICN,Number=2,Type=Float,Description="95 % interval around CN, as distances from it">
##FORMAT=<ID=CNLOW,Number=1,Type=Float,Description="Lower end of the 95 % interval of copies">
##FORMAT=<ID=CNHIGH,Number=1,Type=Float,Description="Upper end of the 95 % interval of copies">
##FORMAT=<ID=CEP7CN,Number=1,Type=Float,Description="CEP7-like copies per tumour cell">
##FORMAT=<ID=METCEP7,Number=1,Type=Float,Description="MET copies over CEP7-like copies">
##FORMAT=<ID=DR,Number=1,Type=Float,Description="Depth ratio, baseline 1, not corrected for purity">
##FORMAT=<ID=PURITY,Number=1,Type=Float,Description="Share of tumour cells the copies were computed with">
##FORMAT=<ID=PLOIDY,Number=1,Type=Float,Description="Mean copies per tumour cell they were computed with">
##FORMAT=<ID=LODCN,Number=1,Type=Float,Description="Fewest copies that would have been seen">
"""
VALUES = {
    "CN": "copies.met_copies.value",
    "CICN": "",  # made of the three beside it
    "CNLOW": "copies.met_copies.low",
    "CNHIGH": "copies.met_copies.high",
    "CEP7CN": "copies.cep7_copies.value",
    "METCEP7": "copies.met_cep7.value",
    "DR": "copies.met_ratio.value",
    "PURITY": "purity.purity.value",
    "PLOIDY": "purity.ploidy.value",
    "LODCN": "copies.lod.copies",
}
FACTS = ("FT", "CALL", "FOCALITY", "AMPLICON", "COUNSEL", "REASONS")  # of the sample, kept apart where files are merged
AMPLICON_VALUES = ("CN", "CICN", "CNLOW", "CNHIGH")
EVENT = "MET_amplicon"


def text(call: Mapping[str, Any], *, chromosome: str, length_bp: int, met: tuple[int, int], build: str) -> str:
    """The whole file as text: a record of the gene and, where there is one, of the amplicon it lies in.

    Parameters
    ----------
    call : one sample's calls JSON.
    chromosome : name of chromosome 7 in the sample's own files.
    length_bp : its length.
    met : start and end of MET, 0-based half-open; a record lies at the base before, as VCF asks of symbols.
    build : name of the genome build.
    """
    filters = [f'##FILTER=<ID={code},Description="{reason.text}">' for code, reason in REASONS.items()]
    contig = f"##contig=<ID={chromosome},length={length_bp},assembly={build}>"
    names = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split()
    records = [_gene(call, met), *_amplicon(call)]
    lines = ["\t".join([chromosome, *record]) for record in sorted(records, key=lambda record: int(record[0]))]
    head = ["##fileformat=VCFv4.4", f"##source=metcn {VERSION}", f"##reference={build}", contig]
    head += [*filters, FIELDS.rstrip()]
    return "\n".join([*head, "\t".join([*names, call["sample"]]), *lines]) + "\n"


def _gene(call: Mapping[str, Any], met: tuple[int, int]) -> list[str]:
    """Record of MET itself, in every file."""
    found = {name: pick(call, path) for name, path in VALUES.items()}
    alternative = "<DUP>" if call["call"] in GAINED else "<CNV>"
    return [str(met[0]), "MET", "N", alternative, ".", _filters(call), _info(call, met), *_sample(call, found)]


def _amplicon(call: Mapping[str, Any]) -> list[list[str]]:
    """Record of the amplicon, if there is one, with the copies the scan gives it."""
    extent = pick(call, "copies.amplicon") or {}
    if extent.get("start") is None or extent.get("end") is None:
        return []
    start, end = int(extent["start"]), int(extent["end"])
    fields = [f"END={end}", f"SVLEN={end - start}", "SVCLAIM=D", "IMPRECISE"]
    for name, place, at in (("CIPOS", "start", start), ("CIEND", "end", end)):
        ends = [int(extent[key]) - at for key in (f"{place}_low", f"{place}_high") if extent.get(key) is not None]
        if len(ends) == 2:
            fields.append(f"{name}={min(ends[0], 0)},{max(ends[1], 0)}")  # the position itself belongs to its interval
    fields += [f"EVENT={EVENT}", "EVENTTYPE=amplicon"]
    genes = [str(gene) for gene in extent.get("genes") or ()]
    fields += ["GENE=" + ",".join(genes)] if genes else []
    places = ("value", None, "low", "high")
    shown = {name: pick(extent, f"copies.{at}") for name, at in zip(AMPLICON_VALUES, places, strict=True)}
    return [[str(start), EVENT, "N", "<DUP>", ".", _filters(call), ";".join(fields), *_sample(call, shown)]]


def _sample(call: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, str]:
    """FORMAT and the sample's column: its facts, then its numbers."""
    cn, low, high = (found[name] for name in ("CN", "CNLOW", "CNHIGH"))
    around = ".,." if None in (cn, low, high) else f"{_number(low - cn)},{_number(high - cn)}"
    numbers = [around if name == "CICN" else _number(found[name]) for name in found]
    return ":".join([*FACTS, *found]), ":".join([*_facts(call), *numbers])


def _facts(call: Mapping[str, Any]) -> list[str]:
    """Values of ``FACTS``. Of records merged by position, INFO and FILTER are one sample's or all samples'."""
    start, end = (pick(call, f"copies.amplicon.{side}") for side in ("start", "end"))
    extent = ".,." if start is None or end is None else f"{int(start) + 1},{int(end)}"
    focality = pick(call, "copies.focality.class") or "."
    counsel = pick(call, "counsel.word") or "."
    return [_filters(call), call["call"], focality, extent, counsel, ",".join(call["reasons"]) or "."]


def write(path: Path, index: Path, content: str) -> None:
    """Write ``content`` compressed to ``path`` (BGZF) with its tabix index, which readers expect beside it."""
    with writing(path) as temporary:
        with pysam.BGZFile(str(temporary), "wb", None) as handle:
            handle.write(content.encode())
        made = Path(pysam.tabix_index(str(temporary), preset="vcf", force=True, keep_original=True) + ".tbi")
        made.replace(index)


def _filters(call: Mapping[str, Any]) -> str:
    """An undecided call by its own name, then every reason that is more than information; PASS without any."""
    undecided = [call["call"]] if call["call"] in UNDECIDED else []
    return ";".join(undecided + [code for code in call["reasons"] if REASONS[code].severity != "info"]) or "PASS"


def _info(call: Mapping[str, Any], met: tuple[int, int]) -> str:
    """What holds for the gene in every sample, and whether it lies in an amplicon that has a record of its own."""
    fields = [f"END={met[1]}", f"SVLEN={met[1] - met[0]}", "SVCLAIM=D", "IMPRECISE", "GENE=MET"]
    if None not in (pick(call, "copies.amplicon.start"), pick(call, "copies.amplicon.end")):
        fields += [f"EVENT={EVENT}", "EVENTTYPE=amplicon"]
    return ";".join(fields)


def _number(value: Any) -> str:
    return "." if value is None else f"{value:.4g}"
