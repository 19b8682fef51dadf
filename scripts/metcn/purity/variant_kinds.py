"""What a variant is: a germline SNP, a mutation of the tumour, or one that could be either and so tells nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from metcn.purity.variant_file import Header, Record

# Genes whose mutations are mostly clonal, so that their allele fraction tells the purity. Those of MET lie in the
# amplicon that is to be judged and are left out by their place.
DRIVERS = frozenset("EGFR KRAS NRAS HRAS BRAF ERBB2 ALK RET ROS1 PIK3CA MAP2K1 TP53 STK11 KEAP1 CTNNB1 IDH1".split())
ANNOTATIONS = ("ANN", "CSQ", "BCSQ", "FUNCOTATION", "GENE", "Gene", "SYMBOL", "GENEINFO")
ANNOVAR = ("Gene.refGene", "Func.refGene", "ExonicFunc.refGene")  # one gene and its consequence in three keys
FLAGS = ("DB", "DBSNP", "RS")  # INFO of variants that dbSNP lists, be they germline or not
COMMON = ("COMMON", "POPAF_COMMON")  # INFO of common germline variants
COMMON_FREQUENCY = 0.01  # of an allele in a population, from which it is a polymorphism
RARE_FREQUENCY = 1e-4  # below which an inherited one is less likely than a mutation at a known place
# Keys of frequencies in populations; a resource's other numbers (constraint of genes, counts) are none.
FREQUENCY = re.compile(
    r"(\w+_)?(gnomad|exac|topmed|1000g|kg|esp)\w*?_m?af(_\w+)?|max_af|(afr|amr|eas|eur|sas)_m?af"
    r"|m?af_(exomes?|genomes?|popmax|grpmax|1000g|esp|exac|tgp)|(gnomad|exac|1000g|esp6500)\w*_all",
    re.IGNORECASE,
)
REFERENCE_FIRST = ("CAF", "TOPMED")  # dbSNP's lists, whose first frequency is that of the reference
NO_FREQUENCY = (
    6.0  # POPAF that Mutect2 writes where its resource does not know the allele (6.00 or 7.30), or there is none
)
ALTERING = re.compile(
    r"high|moderate|(conservative_|disruptive_)?(inframe|in_frame)_\w+|(missense|nonsense|nonstop|frameshift|frame_shift"
    r"|stop_?gain|stop_?lo|start_?lost|startloss|splice_acceptor|splice_donor|nonsynonymous|protein_altering"
    r"|initiator_codon|de_novo_start)\w*|splice_site|splicing",
    re.IGNORECASE,
)
SILENT = re.compile(
    r"low|modifier|silent|synonymous\w*|stop_retained\w*|start_retained\w*|(ncrna_)?intron\w*|(five|three)_prime\w*"
    r"|[35]'?_?(utr|flank)|utr[35]|(up|down)stream\w*|interg\w+|igr|rna|lincrna|non_coding\w*",
    re.IGNORECASE,
)
TOKENS = re.compile(r"\\x3b|[|,:;&()\[\]\s]")


def kind(record: Record, header: Header) -> str:
    """``snp``, ``driver`` (in a driver gene), ``somatic`` (flagged so, in no such gene), ``ambiguous`` or ``unmarked``.

    An annotation outranks an identifier: dbSNP numbers mutations of tumours too. A protein-changing variant of a driver
    gene that also carries a mark of dbSNP is a mutation only with INFO/SOMATIC (or SS=2), a COSMIC identifier or a
    population frequency below ``RARE_FREQUENCY``; else it is ambiguous. One of at least ``COMMON_FREQUENCY`` is a SNP,
    unless it is flagged somatic. Mutect2 takes all that it passes for somatic, so in its files dbSNP's mark alone makes
    no SNP.
    """
    described = header.described
    changed, silent = _of_driver_gene(record)
    somatic, germline = _status(record)
    highest = _frequency(record, described)
    in_dbsnp = any(re.fullmatch(r"rs\d+", name) for name in record.names) or _listed(record, described)
    common = any(record.info.get(key, "0") != "0" for key in COMMON) or (highest or 0.0) >= COMMON_FREQUENCY
    rare = not common and highest is not None and highest < RARE_FREQUENCY  # COMMON=0 says no more than below 1 %
    cosmic = any(name.upper().startswith("COS") for name in record.names)
    if common:
        return "ambiguous" if somatic else "snp"
    if somatic:
        return "driver" if changed else "somatic"
    if changed and not germline:
        doubtful = in_dbsnp or (highest is not None and not rare)
        return "driver" if not doubtful or cosmic or rare else "ambiguous"
    if changed:
        return "ambiguous"
    if in_dbsnp and header.tumours:
        return "ambiguous"
    return "snp" if in_dbsnp and (silent or not cosmic) else "unmarked"


def _of_driver_gene(record: Record) -> tuple[bool, bool]:
    """Whether an annotation names a driver gene that may be changed, and whether it names one that is not."""
    changed = silent = False
    for tokens in _entries(record):
        if DRIVERS & tokens:
            altering = any(ALTERING.fullmatch(token) for token in tokens)
            quiet = not altering and any(SILENT.fullmatch(token) for token in tokens)
            changed, silent = changed or not quiet, silent or quiet
    return changed, silent and not changed


def _entries(record: Record) -> Iterator[set[str]]:
    """The words of each entry of each annotation: a gene with what the variant does to it."""
    for key in ANNOTATIONS:
        for entry in record.info.get(key, "").split(","):
            if entry:
                yield set(TOKENS.split(entry))
    if ANNOVAR[0] in record.info:
        yield {word for key in ANNOVAR for word in TOKENS.split(record.info.get(key, ""))}


def _status(record: Record) -> tuple[bool, bool]:
    """Whether a caller that saw the normal too says somatic, and whether it says germline or a loss of an allele."""
    status = record.info.get("SS"), record.info.get("STATUS", "").lower()  # VarScan2, VarDict
    somatic = record.info.get("SOMATIC", "0") != "0" or status[0] == "2" or status[1] == "strongsomatic"
    return somatic, not somatic and (status[0] in ("1", "3") or status[1] in ("germline", "strongloh", "likelyloh"))


def _listed(record: Record, described: Mapping[str, str]) -> bool:
    """Whether INFO says that dbSNP lists the variant: a flag, ANNOVAR's column, or VEP's known variants."""
    if any(record.info.get(key, "0") != "0" for key in FLAGS):
        return True
    numbers = [value for key, value in record.info.items() if re.fullmatch(r"(av)?snp\d+\w*", key)]
    numbers += [value for name, value in _vep(record, described) if name == "Existing_variation"]
    return any(re.search(r"\brs\d+", value) for value in numbers)


def _frequency(record: Record, described: Mapping[str, str]) -> float | None:
    """Highest frequency of the allele in any population that the record tells, None if none is told."""
    found = [number for key, text in record.info.items() if _is_frequency(key) for number in _numbers(text)]
    vep = [(name, text) for name, text in _vep(record, described) if name == "AF" or _is_frequency(name)]
    found += [number for _, text in vep for number in _numbers(text)]
    found += [number for key in REFERENCE_FIRST for number in _numbers(record.info.get(key, "").strip("[]"))[1:]]
    if "negative log" in described.get("POPAF", "").lower():
        found += [10**-value for value in _numbers(record.info.get("POPAF", ""), 99.0) if value < NO_FREQUENCY]
    return max(found, default=None)


def _is_frequency(key: str) -> bool:
    return FREQUENCY.fullmatch(key) is not None


def _numbers(text: str, most: float = 1.0) -> list[float]:
    """The numbers from 0 to ``most`` in a list; what is none is left out."""
    found = []
    for part in re.split(r"[,&]", text):
        try:
            found.append(float(part))
        except ValueError:
            continue
    return [number for number in found if 0 <= number <= most]


def _vep(record: Record, described: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names and values of VEP's entries, by the order that the header gives."""
    form = re.search(r"Format: *([^\"]+)", described.get("CSQ", ""))
    names = [name.strip() for name in form[1].split("|")] if form else []
    for entry in record.info.get("CSQ", "").split(",") if names else ():
        yield from zip(names, entry.split("|"), strict=False)
