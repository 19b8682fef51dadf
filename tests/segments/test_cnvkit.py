"""CNVkit's segmentation: what is computed here in another way than there comes out the same, without its ballast."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metcn.segments import cnvkit

SCRIPTS = Path(cnvkit.__file__).parents[2]


def bins(seed, *, noise=0.2, chromosomes=("1", "2", "7", "X"), count=240):
    """Noisy bins of a few chromosomes with a gap for the centromere, gains, losses, outliers and uneven weights."""
    random = np.random.default_rng(seed)
    frames = []
    for name in chromosomes:
        start = np.cumsum(random.integers(20_000, 2_000_000, count)) + 5_000_000 * (np.arange(count) > count // 2)
        level = np.repeat(random.choice([0.0, 0.0, 0.4, -0.7, 1.6], 6), count // 6)
        log2 = level + noise * random.normal(size=count)
        log2[random.integers(0, count, 2)] += 9.0
        frames.append(
            pd.DataFrame({"chromosome": name, "start": start, "end": start + 15_000, "gene": "-", "log2": log2})
        )
    found = pd.concat(frames, ignore_index=True)
    return found.assign(depth=50.0, weight=random.uniform(0.2, 1.0, len(found)))


@pytest.mark.parametrize(
    ("seed", "design"),
    [
        pytest.param(1, {}, id="usual"),
        pytest.param(2, {"noise": 0.02}, id="quiet"),
        pytest.param(3, {"noise": 0.8}, id="noisy"),
        pytest.param(4, {"chromosomes": ("X",)}, id="without-autosomes"),
        pytest.param(5, {"chromosomes": ("chr1", "chr7")}, id="chr"),
        pytest.param(6, {"count": 6}, id="few-bins"),
    ],
)
def test_hmm_begins_segments_where_cnvkits_own_command_does(seed, design):
    frame = bins(seed, **design)
    found = cnvkit.starts(frame, "hmm")
    from cnvlib.cnary import CopyNumArray
    from cnvlib.segmentation import do_segmentation

    whole = do_segmentation(CopyNumArray(frame.copy(), {"sample_id": "s"}), "hmm").data
    assert list(found) == list(whole["chromosome"].unique())
    for name, starts in found.items():
        assert starts.tolist() == sorted(whole.loc[whole["chromosome"] == name, "start"])
    assert seed in (4, 6) or sum(map(len, found.values())) > 2 * len(found)


def test_likelihood_of_an_arm_is_cnvkits(noise=0.3):
    from cnvlib.segmentation import hmm

    random = np.random.default_rng(1)
    log2 = random.normal(0, 0.5, 40)
    log2[7] = 40.0  # so far from every state that its density is 0 in floating point
    states = hmm.enumerate_states(6, False)
    begin = hmm.compute_start_probs(states)
    step = hmm.log_transition_matrices(random.uniform(0, 1e7, 39), len(states), np.arange(7))
    pairs = [(0.2, 2.0), (0.6, 1.5), (1.0, 4.0)]
    means = np.array([hmm._expected_log2(np.arange(7.0), *pair) for pair in pairs])
    expected = [
        hmm.forward_log(hmm.log_emission_probs(log2, None, None, states, *pair, noise), step, begin)[1]
        for pair in pairs
    ]
    constant = 40 * np.log(noise * np.sqrt(2 * np.pi))
    others = [
        (log2[:5], step[:4]),
        (log2, step),
        (log2[:1], step[:0]),
    ]  # all arms are taken at once, whatever their length
    found = cnvkit.log_likelihood(*zip(*others, strict=True), means, begin, noise)
    np.testing.assert_allclose(found[1] - constant, expected, rtol=1e-9)
    alone = [cnvkit.log_likelihood([arm], [steps], means, begin, noise)[0] for arm, steps in others]
    np.testing.assert_allclose(found, alone, rtol=1e-12)


def in_a_new_process(code):
    """Standard output and error of Python code."""
    environment = {**os.environ, "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{Path(__file__).parents[1]}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


RUN = "import sys\nfrom segments import test_cnvkit as t\nfrom metcn.segments import cnvkit\n"


def test_segmenting_imports_no_plots_and_says_nothing():
    """CNVkit tells of its smoothing through the logger of all modules, which prints where nobody collects."""
    code = f"{RUN}cnvkit.starts(t.bins(1, noise=0.02), 'hmm')\n"
    heavy = "matplotlib sklearn reportlab bioframe.ops cnvlib.commands cnvlib.scatter".split()
    assert in_a_new_process(f"{code}print([name for name in {heavy} if name in sys.modules])") == ("[]", "")


def test_log_lines_reach_who_collects_them(caplog):
    with caplog.at_level(logging.WARNING):
        cnvkit.starts(bins(1, noise=0.02), "hmm")
    assert any("Smoothing overshot" in line for line in caplog.messages)


def test_the_packages_are_whole_for_others():
    asked = "cnvlib.core.__name__, callable(bioframe.merge), callable(cnvlib.read), callable(cnvlib.do_call)"
    code = f"{RUN}cnvkit.starts(t.bins(1), 'hmm')\nimport cnvlib, bioframe\nprint({asked})"
    assert in_a_new_process(code)[0] == "cnvlib.core True True True"
