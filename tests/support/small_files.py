"""Small alignments and sequences for tests, written with pysam."""

import pysam

CONTIGS = {"chr1": 1000, "chr7": 2000}


def write_bam(path, reads=(), *, order="coordinate", contigs=CONTIGS, index=True, mode="wb", named=(), **options):
    """A BAM of ``(reference_id, start, flag, mapq, template_length, cigar)``, its read groups of samples ``named``."""
    header = {"HD": {"VN": "1.6", "SO": order}, "SQ": [{"SN": name, "LN": length} for name, length in contigs.items()]}
    header["RG"] = [{"ID": str(number), "SM": name} for number, name in enumerate(named)]
    with pysam.AlignmentFile(str(path), mode, header=pysam.AlignmentHeader.from_dict(header), **options) as out:
        for number, (reference_id, start, flag, mapq, template_length, cigar) in enumerate(reads):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.flag, read.mapping_quality = f"r{number}", flag, mapq
            read.reference_id, read.reference_start = reference_id, start
            read.cigarstring, read.template_length = cigar, template_length
            length = read.infer_query_length() or 4
            read.query_sequence, read.query_qualities = "A" * length, pysam.qualitystring_to_array("F" * length)
            out.write(read)
    if index:
        pysam.index(str(path))
    return path


def write_fasta(folder, **contigs):
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in contigs.items()))
    pysam.faidx(str(path))
    return path
