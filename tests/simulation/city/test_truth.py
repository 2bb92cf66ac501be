"""What is annotated, and faultless tracks of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.city import Scenario
from simulation.city.passages import LONGEST_GAP
from simulation.city.truth import LEAST_HEIGHT, aicity_rows, annotated, mot_rows, tracks_of
from simulation.city.visibility import sightings


def test_small_cut_off_and_hidden_vehicles_are_not_annotated(straight: Scenario) -> None:
    far = replace(straight.cameras[0], position=(9.0, 0.0, 8.0), focal=500.0, reach=120.0)
    seen = sightings(straight, far, 10.0)
    height = seen.boxes[:, 3] - seen.boxes[:, 1]
    kept = annotated(seen)
    assert 0 < len(kept) < len(seen)
    assert (height < LEAST_HEIGHT).any()
    assert (seen.inside < 0.3).any()
    plain = (height >= LEAST_HEIGHT) & (seen.inside >= 0.3) & (seen.visible >= 0.3)
    np.testing.assert_array_equal(kept.frames, seen.frames[plain])


def test_rows_tell_frames_from_one_and_boxes_by_their_corner(straight: Scenario) -> None:
    seen = sightings(straight, straight.cameras[1], 10.0)
    rows, tracks = aicity_rows(seen, 7), mot_rows(seen, tracks_of(seen))
    assert [row.id for row in rows] == seen.vehicles.tolist()
    assert {row.camera for row in rows} == {7}
    for row, track, frame, box in zip(rows, tracks, seen.frames.tolist(), seen.boxes.tolist(), strict=True):
        assert row.frame == track.frame == frame + 1
        assert (row.x, row.y, row.x + row.width, row.y + row.height) == tuple(box)
        assert (track.x, track.y, track.width, track.height) == (row.x, row.y, row.width, row.height)


def test_a_vehicle_that_comes_back_later_is_another_track(straight: Scenario) -> None:
    seen = sightings(straight, straight.cameras[0], 10.0)
    first = seen.frames[seen.vehicles == 1]
    for gap, parts in ((LONGEST_GAP - 0.3, 1), (LONGEST_GAP + 0.3, 2)):
        hidden = (seen.vehicles == 1) & (seen.frames > first[5]) & (seen.frames < first[5] + gap * 10)
        left = seen.where(~hidden)
        tracks = tracks_of(left)
        assert len(np.unique(tracks[left.vehicles == 1])) == parts
        assert len(np.unique(tracks[left.vehicles == 2])) == 1
        assert len(np.unique(tracks)) == parts + 1
