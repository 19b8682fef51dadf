"""Purity and ploidy as a sheet states them."""

import pytest

from metcn.errors import InputError
from metcn.purity import stated
from metcn.run.settings import PuritySettings

SETTINGS = PuritySettings()


def purity(text, error="", specimen="tissue", settings=SETTINGS):
    return stated.purity(text, error, specimen=specimen, sample="T1", settings=settings)


CASES = [
    # text, error, specimen, value, standard error, known, exact
    pytest.param("0.4", "", "tissue", 0.4, 0.1, True, False, id="a bare value is an estimate"),
    pytest.param("0.4", "0.05", "tissue", 0.4, 0.05, True, False, id="with an error of its own"),
    pytest.param("0.4", "0", "tissue", 0.4, 0.0, True, True, id="said to be without error"),
    pytest.param("0.3", "", "tissue", 0.3, 0.1, True, False, id="a third of the value"),
    pytest.param("0.15", "", "tissue", 0.15, 0.05, True, False, id="an error is at most a third"),
    pytest.param("0.06", "", "plasma", 0.06, 0.012, True, False, id="a fifth of a tumour fraction"),
    pytest.param("0.4!", "", "tissue", 0.4, 0.0, True, True, id="exact"),
    pytest.param("0.40!", "", "plasma", 0.4, 0.0, True, True, id="exact in plasma"),
    pytest.param("0.4-0.4", "", "tissue", 0.4, 0.0, True, True, id="a range of one value is exact"),
    pytest.param("0.3-0.5", "", "tissue", 0.4, 0.0, True, False, id="a range"),
    pytest.param("", "", "tissue", pytest.approx(float("nan"), nan_ok=True), 0.0, False, False, id="nothing"),
]


@pytest.mark.parametrize(("text", "error", "specimen", "value", "sd", "known", "exact"), CASES)
def test_purity(text, error, specimen, value, sd, known, exact):
    found = purity(text, error, specimen)
    assert (found.value, found.known, found.exact) == (value, known, exact)
    assert found.sd == pytest.approx(sd)


def test_an_estimate_has_an_interval_above_nothing_and_at_most_one():
    assert purity("0.4").interval == pytest.approx((0.4 - 0.196, 0.4 + 0.196))
    assert purity("0.95").span == pytest.approx((0.65, 1.0))
    assert purity("1").interval == pytest.approx((1 - 0.196, 1.0))
    assert purity("0.02").span[0] > 0


def test_errors_are_configured():
    settings = PuritySettings(stated_error=0.0, plasma_stated_error=0.3)
    assert purity("0.4", settings=settings).exact
    assert purity("0.1", specimen="plasma", settings=settings).sd == pytest.approx(0.03)


@pytest.mark.parametrize(("specimen", "span"), [("tissue", (0.1, 1.0)), ("plasma", (0.005, 1.0))])
def test_what_is_unknown_is_anything_plausible(specimen, span):
    assert purity("", specimen=specimen).span == span


REFUSED = [
    pytest.param("40%", "", "purity: expected a number or a range", id="per cent"),
    pytest.param("0", "", "purity: expected a value above 0 and at most 1", id="nothing"),
    pytest.param("1.2", "", "purity: expected a value above 0 and at most 1", id="above one"),
    pytest.param("0.4!!", "", "purity: expected a number or a range", id="twice exact"),
    pytest.param("0.3-0.5!", "", "purity: expected a number or a range", id="a range cannot be exact"),
    pytest.param("0.4", "5", "purity_error: expected a standard error", id="error above one"),
    pytest.param("0.4", "x", "purity_error: expected a standard error", id="error a word"),
]


@pytest.mark.parametrize(("text", "error", "message"), REFUSED)
def test_refused(text, error, message):
    with pytest.raises(InputError, match=f"sample T1, {message}"):
        purity(text, error)


def test_ploidy_is_as_it_is_given():
    given = stated.ploidy("2.8", sample="T1", settings=SETTINGS)
    assert (given.value, given.exact) == (2.8, True)
    ranged = stated.ploidy("2.6-3.0", sample="T1", settings=SETTINGS)
    assert (ranged.span, ranged.known, ranged.exact) == ((2.6, 3.0), True, False)
    assert stated.ploidy("", sample="T1", settings=SETTINGS).span == (1.6, 5.5)
    with pytest.raises(InputError, match="sample T1, ploidy: expected a value above 0"):
        stated.ploidy("0", sample="T1", settings=SETTINGS)
