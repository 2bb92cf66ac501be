"""Plots: well-formed SVG whose points lie where the values say."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from evaluation.calibration import calibration_report
from evaluation.charts import bars_chart, delay_chart, hota_chart, match_curve_chart, precision_recall_chart, reliability_chart
from evaluation.hota import hota_score
from evaluation.plot import Axis, Series, bar_plot, line_plot, standalone
from evaluation.report import Plot, Report, Table
from tests.support.tracking_oracle import random_sequence

SHARE = Axis("share", 0.0, 1.0)
NAME = "{http://www.w3.org/2000/svg}"


def parsed(text: str | bytes) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own pages


def elements(svg: str, name: str) -> list[ET.Element]:
    return list(parsed(svg).iter(f"{NAME}{name}"))


def test_dots_lie_where_their_values_are() -> None:
    svg = line_plot("a & b", [Series("s", [0.0, 0.5, 1.0], [0.0, 1.0, 0.5], "dots", ["<a>", "b", "c"])], SHARE, SHARE)
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in elements(svg, "circle")]
    (left, bottom), (middle, top), (right, between) = dots
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert between == pytest.approx((top + bottom) / 2, abs=0.1)
    assert top < bottom
    assert [title.text for title in elements(svg, "title")] == ["<a>", "b", "c"]
    assert parsed(svg).attrib["aria-label"] == "a & b"


def test_steps_go_right_before_they_go_up() -> None:
    svg = line_plot("steps", [Series("s", [0.0, 0.5, 1.0], [0.0, 0.5, 1.0], "steps")], SHARE, SHARE)
    (curve,) = [path.attrib["d"] for path in elements(svg, "path") if path.attrib["class"] == "curve"]
    assert re.fullmatch(r"M[\d.]+ [\d.]+(H[\d.]+V[\d.]+){2}", curve)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 12.6), (-3.0, 250.0), (0.001, 0.004)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    ticks = Axis("x", low, high).ticks()
    assert 3 <= len(ticks) <= 10
    assert low - 1e-9 <= ticks[0] < ticks[-1] <= high + 1e-9
    steps = {round(after - before, 9) for before, after in pairwise(ticks)}
    assert len(steps) == 1
    assert f"{steps.pop():.0e}"[0] in "125"


def test_a_logarithmic_axis_gives_equal_factors_equal_room() -> None:
    axis = Axis("rank", 1.0, 100.0, logarithmic=True)
    assert axis.share(10.0) == pytest.approx(0.5)
    assert axis.ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert (axis.share(0.1), axis.share(1e6)) == (0.0, 1.0)


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_plot("IDF1", ["c1", "c2"], [0.5, 1.0], SHARE)
    half, whole = (float(bar.attrib["width"]) for bar in elements(svg, "rect"))
    assert whole == pytest.approx(2 * half, abs=0.2)
    assert [text.text for text in elements(svg, "text") if text.text in ("c1", "c2", "0.500", "1.000")] == [
        "c1",
        "0.500",
        "c2",
        "1.000",
    ]


def test_what_cannot_be_drawn_is_refused() -> None:
    for low, high, logarithmic in ((1.0, 1.0, False), (float("nan"), 1.0, False), (0.0, 1.0, True)):
        with pytest.raises(ValueError, match="axis x"):
            Axis("x", low, high, logarithmic)
    with pytest.raises(ValueError, match="2 x, 1 y"):
        Series("s", [1, 2], [1])
    with pytest.raises(ValueError, match="at most 4"):
        line_plot("many", [Series("s", [], [])] * 5, SHARE, SHARE)


def charts() -> list[Plot]:
    delays = delay_chart({"provisional": [0.2, 0.1, 0.4], "confirmed": [6.0]})
    assert delays is not None
    return [
        reliability_chart(calibration_report([0.2, 0.7, 0.9], [0, 1, 1])),
        delays,
        match_curve_chart({"market1501": np.array([0.5, 0.75, 1.0])}),
        precision_recall_chart({"overlap 0.5": (np.linspace(0, 1, 5), np.linspace(1, 0, 5))}),
        hota_chart(hota_score(*random_sequence(1))),
        bars_chart("idf1", "IDF1", {f"camera {number}": number / 100 for number in range(100)}),
    ]


def test_a_report_with_every_chart_is_one_file_that_asks_for_nothing() -> None:
    plots = charts()
    report = Report("All", ["Text.", Table(("a",), [(1,)])], [(plot.name, [plot]) for plot in plots])
    page = report.to_html()
    body = re.sub(r"<!doctype html>|<meta[^>]*>", "", page)
    tree = parsed(body)
    assert len(list(tree.iter(f"{NAME}svg"))) == len(plots)
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)|@import|url\(|<script|<link""", page)
    assert outside == []
    assert [found for found in re.findall(r"https?://[^\s\"']+", page) if found != "http://www.w3.org/2000/svg"] == []
    assert "prefers-color-scheme: dark" in page
    for name, content in report.files().items():
        assert "prefers-color-scheme: dark" in (parsed(content).findtext(f"{NAME}style") or ""), name
    text = report.to_markdown(lambda name: f"pictures/{name}")
    assert all(f"](pictures/{plot.name})" in text for plot in plots)


def test_a_plot_of_its_own_has_the_style_inside() -> None:
    svg = line_plot("x", [], SHARE, SHARE, diagonal=True)
    assert "<style>" not in svg
    assert parsed(standalone(svg)).find(f"{NAME}style") is not None


def test_of_many_bars_the_lowest_are_shown() -> None:
    chart = charts()[-1]
    assert len(elements(chart.svg, "rect")) == 60
    assert "lowest of 100" in chart.caption


def test_nothing_measured_is_nothing_drawn() -> None:
    assert delay_chart({"provisional": []}) is None
