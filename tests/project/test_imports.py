"""What a stage imports decides how long it takes to start, and a run is many short processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from metcn.cli import main

SCRIPTS = Path(main.__file__).parents[1]
PLOTS = "matplotlib sklearn statsmodels bioframe"


def imported(code, asked):
    """Which of the modules a new process has after it ran the code."""
    code = f"{code}\nimport sys\nprint(*(name for name in {asked.split()} if name in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("stage", "spared"),
    [
        ("counts", f"scipy numba jinja2 jsonschema h5py cnvlib {PLOTS}"),
        ("segments", f"scipy numba pysam jinja2 jsonschema h5py cnvlib {PLOTS}"),
        ("copies", f"numba pysam jinja2 jsonschema h5py cnvlib {PLOTS}"),
        ("calls", f"numba jsonschema h5py cnvlib {PLOTS}"),
    ],
)
def test_a_stage_spares_what_it_may_not_need(stage, spared):
    assert imported(f"import metcn.{stage}.stage", spared) == []


def test_the_compiled_scan_spares_linear_algebra():
    """Numba imports SciPy's to see whether it is there, and others who use numba here are told that it is."""
    code = "from metcn.reads import scan\nfrom numba.np import arraymath\nassert arraymath._HAVE_BLAS"
    assert imported(code, "numba scipy.linalg scipy.linalg.cython_blas") == ["numba"]
