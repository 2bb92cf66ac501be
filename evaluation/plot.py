"""Plots as SVG: curves, steps and dots over two axes, and bars. They take the colours of the page that they stand in.

A plot is one ``svg`` element without references to anything outside. `standalone` makes a file of it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["PLOT_STYLE", "Axis", "Series", "bar_plot", "line_plot", "standalone"]

PLOT_STYLE = """
:root { --plot-ink: #3a3a40; --plot-grid: #e3e3e8; --plot-1: #2a6fbb; --plot-2: #d1691b; --plot-3: #2c8a5b; --plot-4: #8a4fb5 }
@media (prefers-color-scheme: dark) {
  :root { --plot-ink: #c9c9d1; --plot-grid: #35353d; --plot-1: #6aa9ee; --plot-2: #f0975a; --plot-3: #5cc08d; --plot-4: #bf8be6 }
}
.plot { max-width: 100%; height: auto; font: 12px system-ui, sans-serif }
.plot text { fill: var(--plot-ink) }
.plot .grid { stroke: var(--plot-grid); stroke-width: 1 }
.plot .axis { stroke: var(--plot-ink); stroke-width: 1 }
.plot .even { stroke: var(--plot-ink); stroke-width: 1; stroke-dasharray: 4 4; opacity: .6 }
.plot .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
"""
"""Style sheet of all plots, in a light and a dark page."""

_Placed: TypeAlias = Callable[[float], float]
"""Where in the picture a value is, in pixels."""

_COLOURS = 4
_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 34, 46
_BAR, _BAR_GAP = 16, 8
_LONGEST_LABEL = 36
_CHARACTER = 6.6
"""Pixels of an average character of a label."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a plot.

    Attributes:
        label: What it measures, with the unit.
        low: Where it begins.
        high: Where it ends, above ``low``.
        logarithmic: Equal factors are equally far apart; ``low`` is above 0.
    """

    label: str
    low: float
    high: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"axis {self.label}: expected low < high, found {self.low:g} and {self.high:g}")
        if self.logarithmic and self.low <= 0.0:
            raise ValueError(f"axis {self.label}: a logarithmic one begins above 0, found {self.low:g}")

    def share(self, value: float) -> float:
        """How far along the axis a value is, 0..1; values beyond an end are at it."""
        held = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(held / self.low) / math.log(self.high / self.low)
        return (held - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values on the axis, ascending."""
        if self.logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            values = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
        else:
            rough = (self.high - self.low) / 8
            unit = 10.0 ** math.floor(math.log10(rough))
            step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
            first = math.ceil(self.low / step - 1e-9)
            values = [step * number for number in range(first, math.floor(self.high / step + 1e-9) + 1)]
        slack = 1e-9 * (abs(self.low) + abs(self.high))
        return [value for value in values if self.low - slack <= value <= self.high + slack]


@dataclass(frozen=True, slots=True)
class Series:
    """Points (x, y) of one colour.

    Attributes:
        name: For the legend.
        x: Ascending for ``steps``.
        y: As many.
        style: Joined by straight lines, by steps to the right and then up, or not at all.
        labels: What to show when a pointer rests on each of the dots; empty: nothing.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: Literal["line", "steps", "dots", "line and dots"] = "line"
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or len(self.labels) not in (0, len(self.x)):
            raise ValueError(f"series {self.name}: {len(self.x)} x, {len(self.y)} y and {len(self.labels)} labels")


def line_plot(title: str, series: Sequence[Series], x: Axis, y: Axis, *, diagonal: bool = False) -> str:
    """Curves over two axes.

    Args:
        title: For those who cannot see it.
        series: At most as many as there are colours, 4.
        x: To the right.
        y: Upwards.
        diagonal: Draw the line from corner to corner.

    Raises:
        ValueError: there are too many series.
    """
    if len(series) > _COLOURS:
        raise ValueError(f"expected at most {_COLOURS} series, found {len(series)}")
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def across(value: float) -> float:
        return _LEFT + x.share(value) * (right - _LEFT)

    def up(value: float) -> float:
        return bottom - y.share(value) * (bottom - _TOP)

    parts = [*_grid(x, y, across, up, right, bottom)]
    if diagonal:
        parts.append(f'<line class="even" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{_TOP}"/>')
    for number, one in enumerate(series, 1):
        points = [(across(a), up(b)) for a, b in zip(one.x, one.y, strict=True)]
        parts += _drawn(one, points, number)
    if len(series) > 1 or not diagonal:
        parts += _legend([one.name for one in series])
    return _svg(title, _WIDTH, _HEIGHT, parts)


def bar_plot(title: str, labels: Sequence[str], values: Sequence[float], x: Axis) -> str:
    """A bar to the right for each value, with the value behind it.

    Args:
        title: For those who cannot see it.
        labels: Of the bars, from top to bottom.
        values: As many.
        x: What the bars measure, from ``low`` on.
    """
    left = round(min(_LONGEST_LABEL, max(map(len, labels), default=0)) * _CHARACTER + 12)
    right, height = _WIDTH - 64, len(labels) * (_BAR + _BAR_GAP)
    bottom = 8 + height
    parts = []
    for tick in x.ticks():
        at = left + x.share(tick) * (right - left)
        parts.append(f'<line class="grid" x1="{at:.1f}" y1="4" x2="{at:.1f}" y2="{bottom}"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{_number(tick)}</text>')
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        top, middle = 8 + place * (_BAR + _BAR_GAP), 8 + place * (_BAR + _BAR_GAP) + _BAR / 2 + 4
        length = x.share(value) * (right - left)
        parts += [
            f'<text x="{left - 6}" y="{middle:.1f}" text-anchor="end">{html.escape(_shortened(label))}</text>',
            f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2" style="fill: var(--plot-1)"/>',
            f'<text x="{left + length + 6:.1f}" y="{middle:.1f}">{value:.3f}</text>',
        ]
    parts.append(f'<text x="{(left + right) / 2:.1f}" y="{bottom + 34}" text-anchor="middle">{html.escape(x.label)}</text>')
    return _svg(title, _WIDTH, bottom + 42, parts)


def standalone(svg: str) -> str:
    """A plot as the content of a file of its own."""
    head, _, body = svg.partition(">")
    return f"{head}>\n<style>{PLOT_STYLE}</style>{body}\n"


def _grid(x: Axis, y: Axis, across: _Placed, up: _Placed, right: int, bottom: int) -> Iterator[str]:
    for tick in x.ticks():
        at = across(tick)
        yield f'<line class="grid" x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{bottom}"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{_number(tick)}</text>'
    for tick in y.ticks():
        at = up(tick)
        yield f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
    yield f'<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>'
    yield f'<text x="{(_LEFT + right) / 2:.1f}" y="{bottom + 38}" text-anchor="middle">{html.escape(x.label)}</text>'
    middle = (_TOP + bottom) / 2
    yield f'<text transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle">{html.escape(y.label)}</text>'


def _drawn(series: Series, points: Sequence[tuple[float, float]], number: int) -> Iterator[str]:
    colour = f"var(--plot-{number})"
    if points and series.style != "dots":
        path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
        for across, up in points[1:]:
            path.append(f"H{across:.1f}V{up:.1f}" if series.style == "steps" else f"L{across:.1f} {up:.1f}")
        yield f'<path class="curve" style="stroke: {colour}" d="{"".join(path)}"/>'
    if series.style in ("dots", "line and dots"):
        labels = series.labels or [""] * len(points)
        for (across, up), label in zip(points, labels, strict=True):
            told = f"<title>{html.escape(label)}</title>" if label else ""
            yield f'<circle cx="{across:.1f}" cy="{up:.1f}" r="4" style="fill: {colour}">{told}</circle>'


def _legend(names: Sequence[str]) -> Iterator[str]:
    at = float(_LEFT)
    for number, name in enumerate(names, 1):
        yield f'<rect x="{at:.1f}" y="11" width="12" height="12" rx="2" style="fill: var(--plot-{number})"/>'
        yield f'<text x="{at + 18:.1f}" y="21">{html.escape(name)}</text>'
        at += 18 + len(name) * _CHARACTER + 22


def _svg(title: str, width: int, height: int, parts: Sequence[str]) -> str:
    label = html.escape(title, quote=True)
    head = f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}"'
    return "\n".join([f'{head} viewBox="0 0 {width} {height}" width="{width}" height="{height}">', *parts, "</svg>"])


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _number(value: float) -> str:
    return f"{value:.10g}"
