"""Figures of estimates: one value with its interval against bounds, and a cohort's MET versus CEP7-like copies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from metcn.report import svg
from metcn.report.svg import Scale

RULER_WIDTH, RULER_HEIGHT = 300, 44
SCATTER_WIDTH, SCATTER_HEIGHT = 620, 400
MAX_NAMES, LONGEST_NAME = 40, 24  # samples up to which the scatter names its points; letters of a name
MAX_ERRORS = 120  # samples up to which the scatter shows their intervals
ROUND = (0, 2, 1, 20, 50, 100, 200, 500, 1000, 4, 8, 15, 30)
MARKS = {
    "high_level_amplification": "diamond",
    "amplification": "diamond",
    "polysomy": "square",
    "gain": "triangle",
    "not_amplified": "circle",
    "indeterminate": "ring",
    "no_call": "ring",
}


def ruler(interval: Mapping[str, Any], *, bounds: Sequence[float], top: float, label: str) -> str:
    """A value with its 95 % interval on a square-root axis from 0, with the bounds marked; empty if all is missing.

    The square root shows 2 against 5 and 50 on one axis without giving half of it to values below 1.
    """
    numbers: list[Any] = [interval.get(name) for name in ("value", "low", "high")]
    known = [float(number) for number in numbers if _finite(number)]
    if not known:
        return ""
    top = max(top, max(known) * 1.08)
    root = Scale(0, math.sqrt(top), 8, RULER_WIDTH - 8)

    def at(number: float) -> float:
        """Pixel of a number."""
        return float(root(math.sqrt(max(number, 0))))

    parts = [svg.line(at(0), 20, at(top), 20, "axis")]
    taken: list[float] = []
    for tick in (*bounds, *ROUND):  # bounds first: where labels would collide, a bound keeps its own
        if tick > top or any(abs(at(tick) - other) < 17 for other in taken):
            continue
        taken.append(at(tick))
        is_bound = tick in bounds
        parts.append(svg.line(at(tick), 6 if is_bound else 17, at(tick), 26, "bound" if is_bound else "axis"))
        parts.append(svg.text(at(tick), 40, f"{tick:g}", "tick middle strong" if is_bound else "tick middle"))
    value, low, high = numbers
    if _finite(low) and _finite(high):
        parts.append(svg.rect(at(low), 13, at(high), 21, "interval"))
    if _finite(value):
        parts.append(
            svg.polygon([(at(value), 9), (at(value) + 5, 17), (at(value), 25), (at(value) - 5, 17)], "estimate")
        )
    return svg.figure(RULER_WIDTH, RULER_HEIGHT, parts, label)


def scatter(rows: Sequence[Mapping[str, Any]]) -> str:
    """MET copies against CEP7-like copies of a cohort, logarithmic; 5 and 10 copies and MET/CEP7-like 2 are lines."""
    drawn = [row for row in rows if _finite(row["met_copies"]) and _finite(row["cep7_copies"])]
    x = Scale(0, _log(_ceiling(drawn, "cep7_copies", 8)), 52, SCATTER_WIDTH - 14)
    y = Scale(0, _log(_ceiling(drawn, "met_copies", 16)), SCATTER_HEIGHT - 42, 10)
    parts = [*_axes(x, y), *_bounds(x, y)]
    points: list[tuple[float, float, str]] = []
    for row in drawn:
        across, up = (float(axis(_log(row[name]))) for axis, name in ((x, "cep7_copies"), (y, "met_copies")))
        if len(drawn) <= MAX_ERRORS and _finite(row["met_copies_low"]) and _finite(row["met_copies_high"]):
            ends = (min(max(_log(row[name]), y.low), y.high) for name in ("met_copies_low", "met_copies_high"))
            low, high = (float(y(end)) for end in ends)
            parts.append(svg.line(across, low, across, high, "error"))
        tip = f"{row['sample']}: MET {row['met_copies']:.1f}, CEP7-like {row['cep7_copies']:.1f}"
        parts.append(_mark(MARKS.get(row["call"], "ring"), across, up, tip))
        points.append((across, up, str(row["sample"])))
    parts += _names(points) if len(points) <= MAX_NAMES else []
    return svg.figure(
        SCATTER_WIDTH, SCATTER_HEIGHT, parts, f"MET copies against CEP7-like copies of {len(drawn)} samples"
    )


def _names(points: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names beside points (x, y, name), left out where they would lie on a point or on another name."""
    parts: list[str] = []
    taken = [(x - 7, x + 7, y - 7, y + 7) for x, y, _ in points]
    for x, y, name in points:
        shown = svg.shortened(name, LONGEST_NAME)
        width = 6.2 * len(shown)
        for left, css in ((x + 9, "tiny"), (x - 9 - width, "tiny end")):
            box = (left, left + width, y - 5, y + 5)
            if box[0] >= 52 and box[1] <= SCATTER_WIDTH and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                parts.append(svg.text(left if css == "tiny" else left + width, y + 3.5, shown, css))
                break
    return parts


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two boxes (left, right, top, bottom) share room."""
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _axes(x: Scale, y: Scale) -> list[str]:
    parts = [svg.line(x.start, y.start, x.end, y.start, "axis"), svg.line(x.start, y.start, x.start, y.end, "axis")]
    parts.append(svg.text((x.start + x.end) / 2, SCATTER_HEIGHT - 6, "CEP7-like copies per tumour cell", "tick middle"))
    parts.append(svg.text(14, (y.start + y.end) / 2, "MET copies per tumour cell", "tick middle", turn=-90))
    for axis, horizontal in ((x, True), (y, False)):
        for tick in (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500):
            if not axis.holds(_log(tick)):
                continue
            at = float(axis(_log(tick)))
            if horizontal:
                parts += [
                    svg.line(at, y.start, at, y.start + 4, "axis"),
                    svg.text(at, y.start + 16, tick, "tick middle"),
                ]
            else:
                parts += [
                    svg.line(x.start - 4, at, x.start, at, "axis"),
                    svg.text(x.start - 7, at + 4, tick, "tick end"),
                ]
    return parts


def _bounds(x: Scale, y: Scale) -> list[str]:
    """Lines at 5 and 10 MET copies and at MET/CEP7-like 2 (a curve, since the axes are log(1 + copies))."""
    parts = []
    for copies in (5, 10):
        at = float(y(_log(copies)))
        parts += [
            svg.line(x.start, at, x.end, at, "bound"),
            svg.text(x.start + 6, at - 5, f"{copies} copies", "tick strong"),
        ]
    reach = [step / 16 for step in range(int((2**x.high - 1) * 16) + 1)]
    points = [(float(x(_log(cep7))), float(y(_log(2 * cep7)))) for cep7 in reach if y.holds(_log(2 * cep7))]
    path = "L".join(f"{svg.pixel(a)} {svg.pixel(b)}" for a, b in points)
    beside = points[-1 - len(points) // 12]  # at the upper end of the curve, where few tumours lie
    label = svg.text(beside[0] - 6, beside[1] - 8, "MET/CEP7-like 2", "tick end strong")
    return [*parts, f'<path d="M{path}" class="bound"/>', label]


def _mark(shape: str, x: float, y: float, tip: str) -> str:
    """A point whose shape, not only its colour, says the call."""
    outlines: dict[str, list[tuple[float, float]]] = {
        "diamond": [(0, -6), (6, 0), (0, 6), (-6, 0)],
        "square": [(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)],
        "triangle": [(0, -5.5), (5, 4), (-5, 4)],
    }
    if shape in outlines:
        drawn = svg.polygon([(x + dx, y + dy) for dx, dy in outlines[shape]], f"point {shape}")
    else:
        drawn = f'<circle cx="{svg.pixel(x)}" cy="{svg.pixel(y)}" r="4.5" class="point {shape}"/>'
    return f"<g>{svg.tooltip(tip)}{drawn}</g>"


def _ceiling(rows: Sequence[Mapping[str, Any]], name: str, least: float) -> float:
    """Upper end of an axis: above every value and interval, and at least ``least``."""
    found = [row[column] for row in rows for column in (name, f"{name}_high")]
    return max([least, *(float(number) * 1.1 for number in found if _finite(number))])


def _log(copies: float) -> float:
    """log2(1 + copies): keeps 0 on the axis."""
    return math.log2(1 + max(float(copies), 0.0))


def _finite(number: object) -> bool:
    return isinstance(number, (int, float)) and math.isfinite(number)
