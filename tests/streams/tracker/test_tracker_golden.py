"""Tracks as they were when they were last looked at; `tests.support.golden_tracks` says how to make them anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.golden_tracks import DROPS, FOLDER, SETTINGS, clip_scores, golden_rows, read_scores
from throughline.formats.mot import MotRow, read_mot_tracks


def _who(rows: tuple[MotRow, ...] | list[MotRow]) -> list[tuple[int, int]]:
    return [(row.frame, row.id) for row in rows]


def _boxes(rows: tuple[MotRow, ...] | list[MotRow]) -> np.ndarray:
    return np.array([(row.x, row.y, row.width, row.height) for row in rows])


@pytest.mark.parametrize("name", SETTINGS)
def test_a_drawn_scene_gives_the_same_tracks(name: str) -> None:
    found, expected = golden_rows(name), read_mot_tracks(FOLDER / f"{name}.tracks")
    assert _who(found) == _who(expected)
    np.testing.assert_allclose(_boxes(found), _boxes(expected), atol=0.011, err_msg="files have two decimals")


def test_the_switches_make_a_difference() -> None:
    assert _who(golden_rows("default")) != _who(golden_rows("all-switches"))


@pytest.mark.shared_data
def test_a_real_clip_is_tracked_as_well_as_before(shared_data: Path) -> None:
    """Not better either: then the numbers are to be written anew. Where processors round otherwise, a few choices differ."""
    found, expected = clip_scores(shared_data), read_scores()
    assert set(found) == set(expected) == set(DROPS)
    for drop, score in found.items():
        assert score.hota == pytest.approx(expected[drop].hota, abs=0.002)
        assert score.idf1 == pytest.approx(expected[drop].idf1, abs=0.003)
        assert score.switches == pytest.approx(expected[drop].switches, abs=4)
        assert score.tracks == pytest.approx(expected[drop].tracks, abs=6)
