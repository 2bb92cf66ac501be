from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import supervision

from benchmarks._tracker_peers import Peer, Throughline, quality_trackers
from benchmarks._tracking_scores import score
from benchmarks._tracking_sets import TrackingSequence, drop_frames
from tests.support.sequences import FPS, lanes, sequence_of
from throughline.settings import TrackingSettings


class Recorder:
    """A tracker that numbers detections by their place, the first of each frame not at all."""

    def __init__(self) -> None:
        self.timestamps: list[float | None] = []

    def update(self, detections: supervision.Detections, timestamp: float | None = None) -> supervision.Detections:
        self.timestamps.append(timestamp)
        found = detections[np.arange(len(detections))[::-1]]
        assert isinstance(found, supervision.Detections)
        found.tracker_id = np.arange(len(found))[::-1] - 1
        return found


def recorded(sequence: TrackingSequence, *, timed: bool) -> tuple[Any, Recorder, list[float]]:
    recorder, rates = Recorder(), []

    def make(fps: float) -> Any:
        rates.append(fps)
        return recorder

    return Peer(make, timed=timed).run(sequence), recorder, rates


@pytest.mark.parametrize("name", quality_trackers())
@pytest.mark.parametrize("dropped", [False, True], ids=["all frames", "random drops"])
def test_easy_traffic_keeps_its_identities(name: str, dropped: bool) -> None:
    sequence = sequence_of(lanes(3, 40))
    sequence = drop_frames(sequence, "random" if dropped else "full")
    result = quality_trackers()[name].run(sequence)
    total = score([sequence], [result])
    assert len(set(result.ids.tolist())) == 3
    assert (result.ids >= 0).all()
    assert set(result.frames.tolist()) <= {frame.number for frame in sequence.frames}
    assert total.switches == 0
    assert total.idf1 > 0.85  # the first frames of each track may be missing
    assert len(result) <= len(sequence.truth)


def test_runs_do_not_touch_each_other() -> None:
    sequence = sequence_of(lanes(2, 10))
    for name, tracker in quality_trackers().items():
        first, second = tracker.run(sequence), tracker.run(sequence)
        assert np.array_equal(first.ids - first.ids.min(), second.ids - second.ids.min()), name
        assert np.array_equal(first.boxes, second.boxes), name


def test_ours_gives_sightings_from_before_confirmation_unless_live() -> None:
    sequence = sequence_of(lanes(2, 10))
    revised, live = Throughline().run(sequence), Throughline(revised=False).run(sequence)
    assert len(revised) == len(sequence.truth)
    assert len(live) < len(revised)
    assert live.frames.min() > 1


def test_boxes_without_identity_are_left_out_and_rows_stay_together() -> None:
    sequence = sequence_of(lanes(3, 4))
    result, _, _ = recorded(sequence, timed=False)
    assert result.frames.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert result.ids.tolist() == [1, 0] * 4
    expected = np.concatenate([sequence.truth.boxes[3 * k + np.array([2, 1])] for k in range(4)])
    assert np.allclose(result.boxes, expected)


def test_a_timed_peer_is_told_capture_times_and_the_rate() -> None:
    sequence = drop_frames(sequence_of(lanes(1, 6)), "second")
    _, told, rates = recorded(sequence, timed=True)
    assert told.timestamps == pytest.approx([0.0, 0.2, 0.4])
    assert rates == [FPS]
    _, not_told, _ = recorded(sequence, timed=False)
    assert not_told.timestamps == [None] * 3


@pytest.mark.parametrize("name", ["SORT", "ByteTrack", "OC-SORT", "BoT-SORT"])
def test_each_way_of_a_peer_is_what_it_says(name: str) -> None:
    ways = {way: quality_trackers()[f"{name}, {way}"] for way in ("defaults", "timed", "timed, our confidences")}
    made = {way: peer.make(7.0) for way, peer in ways.items() if isinstance(peer, Peer)}
    same = type(made["defaults"])()
    ours = {
        "high_conf_det_threshold": TrackingSettings().high_confidence,
        "track_activation_threshold": TrackingSettings().new_track_confidence,
    }
    thresholds = [key for key in ours if hasattr(same, key)]
    assert thresholds
    for way, tracker in made.items():
        expected = [ours[key] if "our" in way else getattr(same, key) for key in thresholds]
        assert [getattr(tracker, key) for key in thresholds] == expected
        budget = tracker.maximum_frames_without_update
        assert budget == same.maximum_frames_without_update if way == "defaults" else budget < 10
