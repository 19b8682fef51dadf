"""Figures of accuracy: sensitivity over purity, curves of cut-offs, ratios of two methods (Bland and Altman)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from metcn.report import svg
from metcn.report.svg import Scale

WIDTH, HEIGHT = 620, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 90, 12, 42
COLOURS = 6  # classes curve0 to curve5 of the style


class Point(NamedTuple):
    """A share at one purity, with its interval."""

    purity: float
    share: float
    low: float
    high: float
    n: float


def sensitivity(curves: Mapping[str, Sequence[Point]], *, target: float = 0.95, label: str) -> str:
    """Sensitivity over purity, a line with intervals per name, and the share that a limit of detection asks for."""
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [
        *_frame(x, y, ticks=[step / 10 for step in range(11)], show="{:.0%}".format),
        svg.text((x.start + x.end) / 2, HEIGHT - 6, "tumour purity", "tick middle"),
        svg.text(14, (y.start + y.end) / 2, "share seen", "tick middle", turn=-90),
        svg.line(x.start, y(target), x.end, y(target), "bound"),
        svg.text(x.end + 4, y(target) + 4, f"{target:.0%}", "tick strong"),
    ]
    for number, (name, points) in enumerate(curves.items()):
        known = sorted(point for point in points if point.n)
        # Curves of different copies share purities: side by side their intervals can be told apart.
        places = [x(point.purity) + 3 * (number - (len(curves) - 1) / 2) for point in known]
        css = f"curve{number % COLOURS}"
        joined = "L".join(
            f"{svg.pixel(at)} {svg.pixel(y(point.share))}" for at, point in zip(places, known, strict=True)
        )
        parts.append(f'<path d="M{joined}" class="{css}"/>' if known else "")
        for at, point in zip(places, known, strict=True):
            spread = f"{point.low:.0%} to {point.high:.0%}"
            tip = f"{name}, purity {point.purity:g}: {point.share:.0%} of {point.n:g} ({spread})"
            dot = f'<circle cx="{svg.pixel(at)}" cy="{svg.pixel(y(point.share))}" r="3.5" class="{css} dot"/>'
            bar = svg.line(at, y(point.low), at, y(point.high), css)
            parts.append(f"<g>{svg.tooltip(tip)}{bar}{dot}</g>")
        parts += [
            svg.line(x.end + 6, TOP + 40 + 18 * number, x.end + 22, TOP + 40 + 18 * number, css),
            svg.text(x.end + 26, TOP + 44 + 18 * number, name, "tick"),
        ]
    return svg.figure(WIDTH, HEIGHT, parts, label)


def roc(curves: Mapping[str, Sequence[tuple[float, float]]], *, label: str) -> str:
    """Sensitivity over the rate of false positives, a line per name, and the diagonal of chance."""
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [
        *_frame(x, y, ticks=[step / 5 for step in range(6)], show="{:.0%}".format),
        svg.text((x.start + x.end) / 2, HEIGHT - 6, "false positives of all negatives", "tick middle"),
        svg.text(14, (y.start + y.end) / 2, "sensitivity", "tick middle", turn=-90),
        svg.line(x(0), y(0), x(1), y(1), "bound"),
    ]
    for number, (name, points) in enumerate(curves.items()):
        css = f"curve{number % COLOURS}"
        joined = "L".join(f"{svg.pixel(x(across))} {svg.pixel(y(up))}" for across, up in points)
        parts += [
            f'<path d="M{joined}" class="{css}" fill="none"/>',
            svg.line(x.end - 140, y(0.3) + 18 * number, x.end - 124, y(0.3) + 18 * number, css),
            svg.text(x.end - 120, y(0.3) + 4 + 18 * number, name, "tick"),
        ]
    return svg.figure(WIDTH, HEIGHT, parts, label)


def ratios(
    pairs: Sequence[tuple[str, float, float]], mean: float, low: float, high: float, *, unit: str, label: str
) -> str:
    """Ours over theirs against the geometric mean of both for (name, ours, theirs), with their mean and its limits.

    Both axes are logarithmic. Empty without a pair of two positive numbers. Missing limits (NaN) are not drawn.
    """
    drawn = [pair for pair in pairs if min(pair[1:]) > 0]
    if not drawn:
        return ""
    across = [math.log2(ours * theirs) / 2 for _, ours, theirs in drawn]
    up = [math.log2(ours / theirs) for _, ours, theirs in drawn]
    lines = [(math.log2(value), word) for value, word in ((mean, "mean"), (low, "lower"), (high, "upper")) if value > 0]
    reach = 1.15 * max(abs(value) for value in (*up, *(value for value, _ in lines), 0.5))
    x = Scale(min(across) - 0.3, max(across) + 0.3, LEFT, WIDTH - RIGHT)
    y = Scale(-reach, reach, HEIGHT - BOTTOM, TOP)
    parts = [
        *_frame(x, y, ticks=_powers(x.low, x.high), rows=_powers(-reach, reach), show=lambda tick: f"{2**tick:.3g}"),
        svg.text((x.start + x.end) / 2, HEIGHT - 6, f"geometric mean of both ({unit})", "tick middle"),
        svg.text(14, (y.start + y.end) / 2, "ours over theirs", "tick middle", turn=-90),
        svg.line(x.start, y(0), x.end, y(0), "base"),
    ]
    for value, word in lines:
        parts.append(svg.line(x.start, y(value), x.end, y(value), "bound"))
        parts.append(svg.text(x.end + 4, y(value) + 4, f"{word} {2**value:.2f}", "tick"))
    for (name, ours, theirs), a, b in zip(drawn, across, up, strict=True):
        dot = f'<circle cx="{svg.pixel(x(a))}" cy="{svg.pixel(y(b))}" r="4" class="point circle"/>'
        parts.append(f"<g>{svg.tooltip(f'{name}: {ours:.2f} against {theirs:.2f}')}{dot}</g>")
    return svg.figure(WIDTH, HEIGHT, parts, label)


def _frame(
    x: Scale,
    y: Scale,
    *,
    ticks: Sequence[float],
    show: Callable[[float], str],
    rows: Sequence[float] | None = None,
) -> Iterator[str]:
    """Axes with ticks; the upright axis has those of ``rows``, by default the same."""
    yield svg.line(x.start, y.start, x.end, y.start, "axis")
    yield svg.line(x.start, y.start, x.start, y.end, "axis")
    for tick in ticks:
        yield svg.text(x(tick), y.start + 16, show(tick), "tick middle")
        yield svg.line(x(tick), y.start, x(tick), y.start + 4, "axis")
    for tick in ticks if rows is None else rows:
        yield svg.text(x.start - 7, y(tick) + 4, show(tick), "tick end")
        yield svg.line(x.start, y(tick), x.end, y(tick), "grid")


def _powers(low: float, high: float) -> list[float]:
    """Whole powers of two within a range of logarithms, halves as well where there would be few."""
    step = 1.0 if high - low > 3 else 0.5
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
