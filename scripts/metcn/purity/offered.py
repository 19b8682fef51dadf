"""What the VCFs of a sample sheet offer, looked at before a run: notes, and files that belong to another row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from metcn.genome.build import Genome
from metcn.purity import allele_fractions
from metcn.run.samples import Sample

MOST_RECORDS = 200_000  # of a VCF, which takes about two seconds
ENOUGH_SITES = 5  # alike in two files, from which they hold the same sample


def read(sample: Sample, facts: Genome, offers: dict[str, allele_fractions.Offer]) -> Iterator[str]:
    """Notes on what a sample's VCF offers, as far as its first ``MOST_RECORDS`` tell; it is added to ``offers``.

    Raises
    ------
    InputError
        If the file cannot be read, or has no column that is certainly the sample's.
    """
    path = Path(str(sample.variants))
    found = offers[sample.name] = allele_fractions.offer(path, sample.name, facts, MOST_RECORDS)
    yield f"sample {sample.name}: {path.name}: {found.sentence}"
    if found.own == "only":
        yield (
            f"sample {sample.name}: {path.name} has no column of that name, its only one, {found.column}, is used; "
            "make sure that it is the tumour's"
        )
    if found.is_balanced:
        yield (
            f"sample {sample.name}: all {len(found.sites)} SNPs of {path.name} lie at one half, and it has no "
            "mutation, as in blood; make sure that it is the tumour's"
        )


def mistaken(offers: Mapping[str, allele_fractions.Offer], samples: Mapping[str, Sample]) -> Iterator[str]:
    """Problems of VCFs whose column is another row's, or that two rows share without a column of each."""
    for name, found in offers.items():
        if other := allele_fractions.foreign(found, name, samples):
            yield (
                f"sample {name}, column variants: expected its own VCF, {samples[name].variants} has the column "
                f"{found.column} of sample {other}, which is another row; give the VCF of {name} or rename the column"
            )
    owners: dict[Path, list[str]] = {}
    for sample in samples.values():
        if sample.variants:
            owners.setdefault(sample.variants.resolve(), []).append(sample.name)
    pairs = [pair for names in owners.values() for pair in itertools.combinations(names, 2)]
    pairs += [pair for pair in itertools.combinations(offers, 2) if _alike(*(offers[name] for name in pair))]
    for one, other in dict.fromkeys(pairs):
        if any(name in offers and offers[name].own != "name" for name in (one, other)):
            yield (
                f"sample {other}, column variants: expected a VCF of each sample, {samples[other].variants} is also "
                f"that of sample {one} and has no column of each; give one VCF per sample, or name columns as the rows"
            )


def _alike(one: allele_fractions.Offer, other: allele_fractions.Offer) -> bool:
    """Whether two files hold the same reads of the same sites."""
    return len(one.sites) >= ENOUGH_SITES and one.records == other.records and one.sites.equals(other.sites)
