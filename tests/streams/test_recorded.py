from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streams.recorded import RecordedTracks, track_recorded
from streams.regions import RegionError
from streams.view import CameraView
from tests.support.tracking import degraded, detections, driving
from throughline.formats.detections import RecordedDetections
from throughline.formats.frames import AnalysedFrames
from throughline.formats.mot import MotRow
from throughline.settings import CameraSettings, TrackingSettings
from throughline.types import Detections

TRACKING = TrackingSettings(confirm_hits=3)


def camera(**fields: Any) -> CameraSettings:
    return CameraSettings.model_validate({"id": "c01", "fps": 10, **fields})


def recorded(
    seen: list[Detections], frames: AnalysedFrames | None = None, left_out: dict[str, int] | None = None
) -> RecordedDetections:
    together = Detections(*(np.concatenate([getattr(one, name) for one in seen]) for name in ("boxes", "scores", "classes")))
    starts = np.cumsum([0, *map(len, seen)])
    return RecordedDetections("c01", frames or AnalysedFrames.up_to(len(seen)), starts, together, left_out or {})


def passing(count: int, y: float = 100.0, **more: Any) -> list[Detections]:
    """A car of 60 x 40 that drives right, 5 pixels a frame."""
    return [detections([[50 + 5 * number, y, 110 + 5 * number, y + 40]], **more) for number in range(count)]


def track(seen: list[Detections], settings: CameraSettings | None = None, **more: Any) -> RecordedTracks:
    return track_recorded(TRACKING, settings or camera(), recorded(seen, **more))


def test_a_track_has_its_earlier_sightings_too() -> None:
    tracks = track(passing(5, scores=0.75))
    assert tracks.rows == tuple(MotRow(number, 1, 45.0 + 5 * number, 100.0, 60.0, 40.0, 0.75, 0) for number in range(1, 6))
    assert (tracks.tracks, tracks.frames, tracks.detections) == (1, 5, 5)
    assert (tracks.dropped, tracks.frames_dropped) == ({}, {})


def test_what_is_not_confirmed_is_not_written() -> None:
    assert track(passing(2)).rows == ()


def test_ids_count_confirmed_tracks_only() -> None:
    """Each frame begins with a detection that is seen once: tracks of the tracker that nobody hears of."""
    seen = [
        detections([[600, 10 + 60 * number, 640, 40 + 60 * number], *one.boxes.tolist()]) for number, one in enumerate(passing(6))
    ]
    assert {row.id for row in track(seen).rows} == {1}


def test_classes_are_those_of_the_format() -> None:
    assert [row.category for row in track(passing(3, classes=3)).rows] == [3, 3, 3]
    assert [row.category for row in track(passing(3, classes=4)).rows] == [-1, -1, -1]


def test_rows_are_in_the_order_of_frames_then_ids() -> None:
    vehicles = [((0.0, 80.0 * lane, 90.0, 80.0 * lane + 60), (70.0, 0.0), 0.35 * lane, 8.0) for lane in range(6)]
    rows = track([found for _, found in degraded(driving(vehicles, 8.0, 10), 4)]).rows
    keys = [(row.frame, row.id) for row in rows]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) > 200


def test_times_decide_not_numbers() -> None:
    """Five frames that are a second apart: at ten frames a second the same boxes would be one slow car."""
    seen = [detections([[50 + 400 * number, 100, 110 + 400 * number, 140]]) for number in range(5)]
    near, far = (AnalysedFrames(np.array([1, 2, 3, 4, 5]), np.arange(5) * step) for step in (100_000, 5_000_000))
    slow = passing(5)
    assert len(track(slow, frames=near).rows) == 5
    assert len(track(slow, frames=far).rows) == 0, "each is forgotten before the next"
    assert len(track(seen, frames=far).rows) == 0


def test_a_frame_that_does_not_advance_is_dropped_and_counted() -> None:
    frames = AnalysedFrames(np.arange(1, 7), np.array([0, 100, 200, 150, 200, 300]) * 1000)
    tracks = track(passing(6), frames=frames)
    assert [row.frame for row in tracks.rows] == [1, 2, 3, 6]
    assert tracks.frames == 4
    assert tracks.frames_dropped == {"clock": 2}
    assert tracks.dropped == {"clock": 2}


def test_a_cut_ends_tracks() -> None:
    cuts = np.array([False] * 4 + [True] + [False] * 3)
    rows = track(passing(8), frames=AnalysedFrames(np.arange(1, 9), cuts=cuts)).rows
    assert [row.id for row in rows] == [1] * 4 + [2] * 4


def test_everything_that_is_dropped_is_counted() -> None:
    ignore = [[[0, 0], [300, 0], [300, 60], [0, 60]]]
    settings = camera(size=[640, 480], ignore=ignore, min_confidence=0.3)
    boxes = [[50, 100, 110, 140], [50, 20, 110, 50], [300, 300, 340, 340], [400, 100, 400, 140], [51, 100, 111, 140]]
    seen = [detections(boxes, [0.9, 0.9, 0.2, 0.9, 0.8])] * 4
    tracks = track(seen, settings, left_out={"category": 5})
    assert tracks.dropped == {"ignored": 4, "confidence": 4, "invalid": 4, "overlap": 4, "category": 5}
    assert tracks.detections == 25
    assert len(tracks.rows) == 4


@pytest.mark.parametrize("region", ["roi", "ignore"])
def test_regions_need_the_size_of_the_picture(region: str) -> None:
    settings = {region: [[[0, 0], [300, 0], [300, 300], [0, 300]]]}
    with pytest.raises(RegionError, match=r"camera c01: .* give the camera size: \[width, height\]"):
        track(passing(5), camera(**settings))
    kept = track(passing(5), camera(**settings, size=[640, 480])).rows
    assert len(kept) == (5 if region == "roi" else 0)
    sizes = np.full((5, 2), (640, 480))
    assert track(passing(5), camera(**settings), frames=AnalysedFrames(np.arange(1, 6), sizes=sizes)).rows == kept


def test_a_mask_picture_tells_the_size(tmp_path: Path) -> None:
    mask = np.zeros((480, 640), np.uint8)
    mask[:, :200] = 255
    cv2.imwrite(str(tmp_path / "roi.png"), mask)
    settings = camera(roi=tmp_path / "roi.png")
    tracks = track(passing(40), settings)
    assert max(row.x + row.width / 2 for row in tracks.rows) < 200
    assert tracks.dropped == {"roi": 16}
    twice = track(passing(40), camera(roi=tmp_path / "roi.png", size=[1280, 960]))
    assert twice.dropped == {}, "the mask is scaled to the size that the camera is said to have"
    with pytest.raises(RegionError, match="no such file"):
        track(passing(4), camera(roi=tmp_path / "none.png"))


def test_it_is_what_a_live_camera_does() -> None:
    """Frame by frame with the view of a live camera, on a scene with all the faults of a middling detector."""
    settings = camera(size=[1280, 720], roi=[[[0, 0], [900, 0], [900, 720], [0, 720]]])
    vehicles = [((-80.0, 80.0 * lane, 10.0, 80.0 * lane + 60), (120.0, 0.0), 0.4 * lane, 9.0) for lane in range(8)]
    seen = [found for _, found in degraded(driving(vehicles, 10.0, 10), 6)]
    view = CameraView(TRACKING, settings, (1280, 720))
    live = set()
    for number, found in enumerate(seen, 1):
        tracks, _ = view.track(found, (number - 1) * 100_000)
        live |= {(number, *box) for box in tracks.boxes.round(2).tolist()}
        for earlier in tracks.earlier:
            at = (earlier.times // 100_000 + 1).tolist()
            live |= {(frame, *box) for frame, box in zip(at, earlier.boxes.round(2).tolist(), strict=True)}
    rows = track(seen, settings).rows
    assert len(rows) == len(live) > 300
    found_boxes = np.array([(row.frame, row.x, row.y, row.x + row.width, row.y + row.height) for row in rows])
    np.testing.assert_allclose(np.array(sorted(map(tuple, found_boxes))), np.array(sorted(live)), atol=0.02)
