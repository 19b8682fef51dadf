"""SVG as plain strings: escaped, finite, and the same bytes for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scale:
    """Linear map from values ``low..high`` to pixels ``start..end``; arrays in, arrays out."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: Any) -> Any:
        """Pixel of ``value``, also beyond the scale's range."""
        return self.start + (value - self.low) * (self.end - self.start) / (self.high - self.low)

    def clipped(self, value: float) -> float:
        """Pixel of ``value``, held inside the scale's own range."""
        return self(min(max(value, self.low), self.high))

    def holds(self, value: float) -> bool:
        """Whether ``value`` is a number inside the scale's range."""
        return bool(self.low <= value <= self.high)


def pixel(value: float) -> str:
    """Coordinate with one decimal, ``.0`` left out.

    Raises
    ------
    ValueError
        If the coordinate is not finite: missing values are left out of a figure, never drawn.
    """
    if not math.isfinite(value):
        raise ValueError(f"a figure's coordinate has to be finite, got {value}")
    text = f"{value:.1f}"
    return "0" if text in ("-0.0", "0.0") else text.removesuffix(".0")


def text(x: float, y: float, content: object, css: str = "", *, turn: int = 0) -> str:
    """Text element at (x, y), its content escaped, optionally turned by ``turn`` degrees."""
    turned = f' transform="rotate({turn} {pixel(x)} {pixel(y)})"' if turn else ""
    return f'<text x="{pixel(x)}" y="{pixel(y)}" class="{css}"{turned}>{escape(str(content))}</text>'


def shortened(name: str, most: int) -> str:
    """The name, cut with an ellipsis if it has more than ``most`` letters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """Straight line between two points."""
    return f'<line x1="{pixel(x1)}" y1="{pixel(y1)}" x2="{pixel(x2)}" y2="{pixel(y2)}" class="{css}"/>'


def rect(x1: float, y1: float, x2: float, y2: float, css: str, tip: str = "") -> str:
    """Rectangle between two corners, at least half a pixel wide so that it can be seen; ``tip`` shows on hover."""
    width, height = max(x2 - x1, 0.5), max(y2 - y1, 0.5)
    shape = f'<rect x="{pixel(x1)}" y="{pixel(y1)}" width="{pixel(width)}" height="{pixel(height)}" class="{css}"'
    return f"{shape}>{tooltip(tip)}</rect>" if tip else shape + "/>"


def tooltip(content: str) -> str:
    """Text that shows when the pointer rests on the enclosing element."""
    return f"<title>{escape(content)}</title>"


def polygon(points: Iterable[tuple[float, float]], css: str) -> str:
    """Closed shape through the points."""
    joined = " ".join(f"{pixel(x)},{pixel(y)}" for x, y in points)
    return f'<polygon points="{joined}" class="{css}"/>'


def dots(x: np.ndarray, y: np.ndarray, css: str) -> str:
    """All points as one path of zero-length strokes with round caps: 12 bytes a point instead of 40."""
    if not len(x):
        return ""
    moves = "".join(f"M{pixel(a)} {pixel(b)}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return f'<path d="{moves}" class="{css}"/>'


def strokes(x1: np.ndarray, x2: np.ndarray, y: np.ndarray, css: str) -> str:
    """Horizontal strokes from ``x1`` to ``x2`` at ``y`` as one path."""
    if not len(x1):
        return ""
    rows = zip(x1.tolist(), x2.tolist(), y.tolist(), strict=True)
    return f'<path d="{"".join(f"M{pixel(a)} {pixel(c)}H{pixel(b)}" for a, b, c in rows)}" class="{css}"/>'


def posts(x: np.ndarray, y1: np.ndarray, y2: np.ndarray, css: str) -> str:
    """Vertical strokes from ``y1`` to ``y2`` at ``x`` as one path."""
    if not len(x):
        return ""
    rows = zip(x.tolist(), y1.tolist(), y2.tolist(), strict=True)
    return f'<path d="{"".join(f"M{pixel(a)} {pixel(b)}V{pixel(c)}" for a, b, c in rows)}" class="{css}"/>'


def figure(width: float, height: float, parts: Iterable[str], label: str) -> str:
    """A whole figure that scales with its column; ``label`` is what a screen reader says instead of it."""
    box = f"0 0 {pixel(width)} {pixel(height)}"
    return f'<svg viewBox="{box}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def thinned(
    column: np.ndarray, value: np.ndarray, quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
) -> tuple[np.ndarray, ...]:
    """Distinct columns and, for each, the given quantiles of the values that fall into it.

    Parameters
    ----------
    column : (n,) whole numbers, for instance pixel columns.
    value : (n,) finite numbers.

    Returns
    -------
    tuple of arrays, each (k,): the columns in ascending order, then one array per quantile (nearest rank).
    """
    order = np.lexsort((value, column))
    columns, first, size = np.unique(column[order], return_index=True, return_counts=True)
    ranked = value[order]
    return columns, *(ranked[first + np.rint(q * (size - 1)).astype(int)] for q in quantiles)
