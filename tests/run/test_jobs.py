"""Jobs: which stages share a process, what each reads and writes, and that every step is done in one of them."""

from __future__ import annotations

import pytest

from metcn.run import jobs, leftovers
from whole.test_rerun import SHEETS, planned, with_files


@pytest.fixture
def made(tmp_path):
    with_files(tmp_path)
    return {name: planned(tmp_path, *sheet) for name, sheet in SHEETS.items()}


CHAINS = [
    # sheet, sample, stages of its job
    pytest.param("reads", "T1", "ratios segments purity copies calls report", id="reads"),
    pytest.param("reads", "T2", "ratios segments purity copies calls", id="later: its page waits for the baseline"),
    pytest.param("reads", "R1", "ratios segments purity copies calls report", id="ratios"),
    pytest.param("tables", "T1", "counts ratios segments purity copies calls report", id="tables"),
]


@pytest.mark.parametrize(("sheet", "sample", "stages"), CHAINS)
def test_stages_of_a_tumour(made, sheet, sample, stages):
    job = made[sheet].job("tumour", sample)
    assert job.steps == tuple((stage, sample) for stage in stages.split())
    assert job.log == f"logs/tumour/{sample}.log"


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_step_is_done_in_one_job(made, sheet):
    done = [step for job in made[sheet].jobs for step in job.steps]
    assert len(done) == len(set(done))
    assert leftovers.jobs(made[sheet]) <= set(done)


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_job_reads_what_its_steps_read_and_it_does_not_write(made, sheet):
    plan = made[sheet]
    for job in plan.jobs:
        read = [path for paths in jobs.inputs_of(plan, job.steps).values() for path in paths]
        written = set(jobs.outputs_of(job.steps))
        every = {
            path
            for step in job.steps
            for paths in plan.inputs(*step).values()
            for path in ([paths] if isinstance(paths, str) else paths)
        }
        assert sorted(read) == sorted(every - written)


def test_later_samples_have_a_job_for_comparison_and_page(made):
    assert made["reads"].job("later", "T2").steps == (("compare", "T2"), ("report", "T2"))
    assert [job.sample for job in made["reads"].jobs if job.rule == "later"] == ["T2"]


def test_normals_of_tables_share_a_process(made):
    assert made["tables"].job("normals").steps == (("counts", "N1"), ("counts", "N2"))
    assert made["reads"].tables_of_normals == []


@pytest.mark.parametrize(
    ("sheet", "kind", "expected"),
    [
        ("reads", {"tables": False, "later": False}, {"T1", "T3", "R1"}),
        ("reads", {"tables": False, "later": True}, {"T2"}),
        ("tables", {"tables": True, "later": False}, {"T1", "T2"}),
        ("tables", {"tables": False}, {"(?!)"}),
    ],
)
def test_samples_of_a_rule_s_variants(made, sheet, kind, expected):
    assert set(made[sheet].samples_of("tumour", **kind).split("|")) == expected
