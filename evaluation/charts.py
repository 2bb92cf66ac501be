"""The plots that reports show: reliability, delays, match curves, precision over recall, HOTA over overlaps, bars by camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evaluation.calibration import CalibrationReport
from evaluation.hota import ALPHAS, HotaScore
from evaluation.plot import Axis, Series, bar_plot, line_plot
from evaluation.report import Plot

__all__ = ["bars_chart", "delay_chart", "hota_chart", "match_curve_chart", "precision_recall_chart", "reliability_chart"]

_MOST_BARS = 60
_MOST_STEPS = 200


def reliability_chart(report: CalibrationReport) -> Plot:
    """Share of right decisions over probability, bin by bin (reliability diagram)."""
    bins = Series(
        "bins of equal mass",
        [part.probability for part in report.bins],
        [part.right for part in report.bins],
        "line and dots",
        [f"{part.count} decisions at {part.probability:.3f}: {part.right:.3f} right" for part in report.bins],
    )
    axes = Axis("mean probability", 0.0, 1.0), Axis("share that was right", 0.0, 1.0)
    svg = line_plot("Reliability diagram", [bins], *axes, diagonal=True)
    return Plot("reliability.svg", "What was right, over what was promised: honest probabilities lie on the dashed line.", svg)


def delay_chart(parts: Mapping[str, Sequence[float]]) -> Plot | None:
    """Share that had come by then, over seconds; None where nothing was measured.

    Args:
        parts: Durations in seconds, by name.
    """
    ordered = {name: np.sort(np.asarray(seconds, np.float64)) for name, seconds in parts.items() if len(seconds)}
    if not ordered:
        return None
    ends = [(float(one[0]), float(one[-1])) for one in ordered.values()]
    low, high = min(0.0, *(first for first, _ in ends)), max(last for _, last in ends)
    series = []
    for name, one in ordered.items():
        shares = np.arange(1, len(one) + 1) / len(one)
        kept = np.unique(np.linspace(0, len(one) - 1, min(len(one), _MOST_STEPS)).astype(np.int64))
        xs, ys = [low, *one[kept].tolist(), high], [0.0, *shares[kept].tolist(), 1.0]
        series.append(Series(name, xs, ys, "steps"))
    axes = Axis("seconds since the first good frame", low, max(high, low + 1e-3)), Axis("share of passages decided", 0.0, 1.0)
    svg = line_plot("Delay of decisions", series, *axes)
    return Plot("delay.svg", "How many of the matched passages had been decided rightly after how long.", svg)


def match_curve_chart(curves: Mapping[str, npt.NDArray[np.float64]]) -> Plot:
    """Cumulative match curves.

    Args:
        curves: (K,) by protocol, the share matched within the first 1, 2, ... K ranks.
    """
    most = max((len(curve) for curve in curves.values()), default=1)
    series = [Series(name, range(1, len(curve) + 1), curve.tolist()) for name, curve in curves.items()]
    axes = Axis("rank", 1.0, float(max(most, 2)), logarithmic=True), Axis("share of queries matched", 0.0, 1.0)
    return Plot("match-curve.svg", "Share of queries matched within the first ranks.", line_plot("Match curve", series, *axes))


def precision_recall_chart(curves: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]) -> Plot:
    """Precision over recall.

    Args:
        curves: Recalls (K,) and precisions (K,) by name.
    """
    series = [Series(name, recall.tolist(), precision.tolist()) for name, (recall, precision) in curves.items()]
    axes = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    svg = line_plot("Precision over recall", series, *axes)
    return Plot("precision-recall.svg", "Precision over recall, for falling scores.", svg)


def hota_chart(score: HotaScore) -> Plot:
    """HOTA, DetA and AssA over the least overlap of a match."""
    alphas = ALPHAS.tolist()
    series = [
        Series(name, alphas, values.tolist())
        for name, values in (("HOTA", score.hota), ("DetA", score.det_a), ("AssA", score.ass_a))
    ]
    axes = Axis("least overlap of a match (IoU)", 0.0, 1.0), Axis("score", 0.0, 1.0)
    svg = line_plot("HOTA over overlaps", series, *axes)
    return Plot("hota.svg", "How the scores fall as matches are asked to overlap more.", svg)


def bars_chart(name: str, measure: str, values: Mapping[str, float]) -> Plot:
    """A bar for each value in 0..1; of many, the lowest.

    Args:
        name: Of the file, without its ending.
        measure: What is measured.
        values: By what they are of, such as cameras.
    """
    shown = list(values.items())
    caption = f"{measure} of each."
    if len(shown) > _MOST_BARS:
        shown = sorted(shown, key=lambda item: (item[1], item[0]))[:_MOST_BARS]
        caption = f"{measure}: the {_MOST_BARS} lowest of {len(values)}."
    svg = bar_plot(measure, [label for label, _ in shown], [value for _, value in shown], Axis(measure, 0.0, 1.0))
    return Plot(f"{name}.svg", caption, svg)
