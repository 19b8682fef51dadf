"""Calls in plasma by its own default set, from depth ratios and what is known of the tumour fraction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metcn.calls import by_purity, criteria, overall
from metcn.calls.verdicts import verdicts
from metcn.copies import focality, limits
from metcn.copies import posterior as estimating
from metcn.copies.detection_limit import SURELY_GAINED, detected
from metcn.mixture import expected_ratio
from metcn.purity.grid import PurityGrid, axis

SET = criteria.load()["metcn_plasma"]
PLASMA, PLOIDIES = (0.005, 1.0), (1.6, 5.5)
AMP, GAIN, POLY, NOT = "amplification", "gain", "polysomy", "not_amplified"
OPEN, BELOW = ("amplification_open",), "below_limit_of_detection"
NAN = np.nan


def measured(plasma_copies, *, arms=2.0, cep7=2.0, se=0.01):
    """Levels of a sample, as plasma copies of MET, of the rest of both arms, and of the centromere's sides."""
    copies = {"met": plasma_copies, "arm_q": arms, "arm_p": arms, "cep7_p": cep7, "cep7_q": cep7}
    log2 = {name: float(np.log2(value / 2)) for name, value in copies.items()}
    return estimating.Measured(log2, dict.fromkeys(log2, se), 0.0)


def grid_of(fraction=None, ploidy=None):
    """Plausible tumour fractions and ploidies: any, a value, or a span."""
    spans = [None if one is None else tuple(np.broadcast_to(one, 2).tolist()) for one in (fraction, ploidy)]
    return PurityGrid.of(axis(spans[0], PLASMA), axis(spans[1], PLOIDIES))


def judged(level, grid, *, low=False):
    """Verdicts of the set as the stage gives them; ``low`` where tumour fraction lies below the floor of copies."""
    draws = focality.classified(estimating.posterior(level, grid, draw_count=4096))
    met_se = level.se["met"]
    lod = limits.of_verdicts_at(
        grid, met_se, power=0.95, above_neutral=detected(level.log2["met"], met_se, alpha=1 - SURELY_GAINED)
    )
    return verdicts([SET], draws.without_tumour() if low else draws, specimen="plasma", lod=lod)


TABLE = {  # plasma copies and levels around, what is known, call with its reasons
    "above the cut-off, fraction unknown": ({"plasma_copies": 2.75}, {}, (AMP, ())),
    "far above it, fraction unknown": ({"plasma_copies": 4.5}, {}, (AMP, ())),
    "high at any fraction": ({"plasma_copies": 30}, {}, ("high_level_amplification", ())),
    "cut-off within the error": ({"plasma_copies": 2.5}, {}, (GAIN, OPEN)),
    "below the cut-off": ({"plasma_copies": 2.3}, {}, (GAIN, OPEN)),
    "slightly above neutral": ({"plasma_copies": 2.06}, {}, ("indeterminate", ("purity_unknown",))),
    "neutral": ({"plasma_copies": 2.0}, {}, ("indeterminate", ("purity_unknown",))),
    "far below neutral": ({"plasma_copies": 1.5}, {}, ("indeterminate", (BELOW,))),
    "above the cut-off, much noise": ({"plasma_copies": 2.75, "se": 0.2}, {}, ("indeterminate", ())),
    "polysomy": ({"plasma_copies": 2.75, "arms": 2.75, "cep7": 2.75}, {}, (POLY, ())),
    "polysomy below the cut-off": ({"plasma_copies": 2.3, "arms": 2.3, "cep7": 2.3}, {}, (GAIN, OPEN)),
    "nothing else of chromosome 7": (
        {"plasma_copies": 2.75, "arms": NAN, "cep7": NAN}, {}, (AMP, ("focality_undecided",)),
    ),
    "known, 9.5 copies": ({"plasma_copies": 2.75}, {"fraction": 0.1, "ploidy": 2}, (AMP, ())),
    "known, 17 copies": ({"plasma_copies": 2.75}, {"fraction": 0.05, "ploidy": 2}, ("high_level_amplification", ())),
    "known, 3.5 copies": ({"plasma_copies": 2.75}, {"fraction": 0.5, "ploidy": 2}, (GAIN, ())),
    "known, 2.8 copies": ({"plasma_copies": 2.75}, {"fraction": 0.95, "ploidy": 2}, (GAIN, ())),
    "known, about 4.5 copies": ({"plasma_copies": 2.75}, {"fraction": 0.3, "ploidy": 2}, (GAIN, OPEN)),
    "known, neutral": ({"plasma_copies": 2.0}, {"fraction": 0.2, "ploidy": 2}, (NOT, ())),
    "known, neutral, fraction too low": (
        {"plasma_copies": 2.0}, {"fraction": 0.006, "ploidy": 2}, ("indeterminate", ()),
    ),
    "range of low fractions": ({"plasma_copies": 2.75}, {"fraction": (0.02, 0.2), "ploidy": 2}, (AMP, ())),
    "fraction given, ploidy a range": ({"plasma_copies": 2.0}, {"fraction": 0.3, "ploidy": (1.8, 3)}, (NOT, ())),
}  # fmt: skip


@pytest.mark.parametrize(("levels", "known", "expected"), TABLE.values(), ids=list(TABLE))
def test_call(levels, known, expected):
    call, reasons = overall.overall(judged(measured(**levels), grid_of(**known)))
    assert call == expected[0]
    assert set(expected[1]) <= set(reasons)
    if call != "indeterminate":
        assert reasons == expected[1]


def test_copies_below_the_floor_leave_plasma_copies():
    call = overall.overall(judged(measured(2.75), grid_of(0.005, 2), low=True))
    assert call == (AMP, ("focality_undecided",))
    assert overall.overall(judged(measured(2.0), grid_of(0.005, 2), low=True))[0] == "indeterminate"


@pytest.mark.parametrize("plasma_copies", [2.0, 2.05, 2.2, 2.4])
@pytest.mark.parametrize("arms", [2.0, 2.2])
def test_an_open_fraction_never_excludes_an_amplification(plasma_copies, arms):
    call, reasons = overall.overall(judged(measured(plasma_copies, arms=arms), grid_of()))
    assert call == "indeterminate" or (call, reasons) == (GAIN, OPEN)


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("copies", [1, 2, 3, 6, 20])
def test_a_known_fraction_is_called_as_in_tissue_but_for_the_gain(fraction, copies):
    level = measured(2 * expected_ratio(copies, fraction, 2.0), se=0.004)
    grid = grid_of(fraction, 2.0)
    ours = overall.overall(judged(level, grid))
    draws = focality.classified(estimating.posterior(level, grid, draw_count=4096))
    lod = limits.of_verdicts_at(
        grid, 0.004, power=0.95, above_neutral=detected(level.log2["met"], 0.004, alpha=1 - SURELY_GAINED)
    )
    tissue = overall.overall(verdicts([criteria.load()["metcn_default"]], draws, specimen="plasma", lod=lod))
    assert ours == tissue or (ours[0] == GAIN and tissue[0] == NOT and 2 < copies < 5)


def test_polysomy_is_not_amplified_at_any_plausible_fraction():
    rows = {row.category.name: row for row in judged(measured(3.0, arms=3.0, cep7=3.0), grid_of())}
    assert rows["amplification"].verdict == "not_met"
    assert rows["polysomy"].verdict == "met"


def test_what_is_excluded_by_purity_is_not_excluded_by_a_gain_in_plasma():
    sample = by_purity.Sample(
        level=measured(2.75), met_se=0.01, above_neutral=True, broad=False, specimen="plasma", criterion=SET,
        decide=0.95, power=0.95,
    )  # fmt: skip
    assert sample.state(0.3, (2.0,)) == "open"
    assert sample.state(0.6, (2.0,)) == "excluded"
    assert sample.state(0.1, (2.0,)) == "amplified"


def test_a_clause_for_an_open_fraction_has_no_say_where_no_fraction_makes_an_amplification():
    level, grid = measured(2.75), grid_of()
    high = grid.purity > 0.5
    near_one = PurityGrid(grid.purity[high], np.full(high.sum(), 2.0), grid.weight[high], np.arange(high.sum()))
    near_one = replace(near_one, purity=np.linspace(0.6, 1.0, high.sum()))
    assert overall.overall(judged(level, near_one)) == (GAIN, ())


HEADLINES = {  # call, reasons, what is certain, whether the fraction is open, sentence
    "by plasma copies": (
        AMP, (), "Focal gain of MET; amplified if tumour fraction is at or below 0.2", True,
        "MET is amplified by plasma copies: plasma copies 2.75 (95 % interval 2.60-2.90), focal. By copies per tumour "
        "cell: focal gain of MET; amplified if tumour fraction is at or below 0.2.",
    ),
    "by copies": (AMP, (), "", False,
                  "MET is amplified: plasma copies 2.75 (95 % interval 2.60-2.90), focal."),
    "class open": (
        AMP, ("focality_undecided",), "", True,
        "MET is gained in plasma, by amplification or polysomy (it cannot be told which): plasma copies 2.75 (95 % "
        "interval 2.60-2.90).",
    ),
    "gain": (
        GAIN, OPEN, "", True,
        "MET is gained in plasma; whether the tumour has an amplification is open: plasma copies 2.75 (95 % interval "
        "2.60-2.90), focal.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "why", "certain", "is_open", "expected"), HEADLINES.values(), ids=list(HEADLINES))
def test_headline_leads_with_plasma_copies(call, why, certain, is_open, expected):
    numbers = overall.Numbers(plasma={"value": 2.75, "low": 2.6, "high": 2.9})
    told = overall.headline(call, numbers=numbers, focality="focal", why=why, certain=certain, fraction_open=is_open)
    assert told == expected
