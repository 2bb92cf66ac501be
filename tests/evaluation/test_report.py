"""Reports for people, and the pictures in them."""

from __future__ import annotations

import base64
import re

import cv2
import numpy as np

from evaluation.contact_sheet import FOUND, MISSED, draw_boxes, draw_ranking, to_jpeg
from evaluation.report import Picture, Report, Table
from throughline.types import Image

PICTURE = Picture("one.jpg", "a <car> | seen", b"jpeg")
REPORT = Report(
    "Set <one>",
    ["Text & more.", Table(("name", "value"), [("a|b", 0.5), ("none", float("nan")), ("count", 3)])],
    [("Sheets", [PICTURE]), ("Words", ["Last."])],
)


def test_markdown() -> None:
    text = REPORT.to_markdown(lambda name: f"pictures/{name}")
    assert text.startswith("# Set <one>\n\nText & more.\n\n| name | value |\n| --- | --: |\n| a\\|b | 0.5000 |\n| none |  |\n")
    assert "| count | 3 |" in text
    assert "## Sheets\n\n![a <car> | seen](pictures/one.jpg)" in text
    assert text.endswith("## Words\n\nLast.\n")
    without = REPORT.to_markdown()
    assert "Sheets" not in without
    assert "one.jpg" not in without


def test_html_holds_everything() -> None:
    text = REPORT.to_html()
    assert "<title>Set &lt;one&gt;</title>" in text
    assert "<p>Text &amp; more.</p>" in text
    assert "<p>Set <code>a &lt; b</code>, not `c.</p>" in Report("One", ["Set `a < b`, not `c."]).to_html()
    assert "<td>0.5000</td>" in text
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert base64.b64decode(data) == b"jpeg"
    assert "a &lt;car&gt; | seen" in text
    assert REPORT.pictures() == [PICTURE]


def grey(height: int, width: int) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def test_a_ranking_frames_right_and_wrong_pictures() -> None:
    sheet = draw_ranking(grey(300, 200), [(grey(10, 40), True, "0.9 a"), (grey(64, 64), False, "0.8 b")], text="a")
    height, width = sheet.shape[:2]
    assert sheet.dtype == np.uint8
    assert height < 200 < width
    corners = [tuple(sheet[0, column].tolist()) for column in range(width)]
    assert FOUND in corners
    assert MISSED in corners
    assert corners.index(FOUND) < corners.index(MISSED)
    assert tuple(sheet[64, 64].tolist()) == (128, 128, 128)
    decoded = cv2.imdecode(np.frombuffer(to_jpeg(sheet), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == sheet.shape


def test_boxes_keep_their_places_when_the_picture_is_made_smaller() -> None:
    drawn = draw_boxes(grey(1000, 1920), [(np.array([[200.0, 100.0, 400.0, 300.0]]), FOUND), (np.zeros((0, 4)), MISSED)])
    assert drawn.shape == (500, 960, 3)
    rows, columns = np.nonzero((drawn == FOUND).all(axis=2))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (100, 50, 200, 150)
    assert (drawn != 128).any(axis=2).sum() == len(rows)
