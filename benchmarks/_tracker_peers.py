"""Our tracker and its peers behind one seam: a sequence of detections in, boxes with identities out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import supervision
from trackers import BoTSORTTracker, ByteTrackTracker, OCSORTTracker, SORTTracker
from trackers.core.base import BaseTracker

from benchmarks._tracking_sets import SequenceFrame, TrackingSequence
from evaluation.boxes import Boxes
from streams.tracker import Tracker
from throughline.settings import TrackingSettings
from throughline.times import MICROSECONDS, Instant
from throughline.types import Detections, FloatArray, IntArray

__all__ = ["PEERS", "Peer", "QualityTracker", "Throughline", "quality_trackers", "switched_trackers", "to_supervision"]

PEERS: dict[str, type[BaseTracker]] = {
    "SORT": SORTTracker,
    "ByteTrack": ByteTrackTracker,
    "OC-SORT": OCSORTTracker,
    "BoT-SORT": BoTSORTTracker,
}
"""Trackers of roboflow's ``trackers``. None is given pictures, so BoT-SORT does not correct for camera motion: these cameras
stand still."""


class QualityTracker(Protocol):
    """Follows the vehicles of one sequence, from nothing."""

    def run(self, sequence: TrackingSequence) -> Boxes:
        """Boxes with an identity, of the sequence's frames only; boxes without one are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Throughline:
    """This product's tracker.

    Attributes:
        settings: Default: those of a site file that says nothing.
        revised: Whether sightings from before a track's confirmation count, as they do in what the tracker hands on; else a
            track begins with the frame that confirmed it, as the peers' do.
    """

    settings: TrackingSettings = field(default_factory=TrackingSettings)
    revised: bool = True

    def run(self, sequence: TrackingSequence) -> Boxes:
        """See `QualityTracker.run`."""
        tracker = Tracker(self.settings, sequence.size)
        numbers = {frame.captured: frame.number for frame in sequence.frames}
        parts: list[tuple[list[int], IntArray, FloatArray]] = []
        for frame in sequence.frames:
            tracks = tracker.update(frame.detections, frame.captured)
            parts.append(([frame.number] * len(tracks), tracks.ids, tracks.boxes))
            if self.revised:
                for earlier in tracks.earlier:
                    moments: list[Instant] = earlier.times.tolist()
                    ids = np.full(len(moments), earlier.id)
                    parts.append(([numbers[moment] for moment in moments], ids, earlier.boxes))
        return _boxes(parts)


@dataclass(frozen=True, slots=True)
class Peer:
    """A tracker of roboflow's ``trackers``.

    Attributes:
        make: Builds it for a camera of so many frames a second.
        timed: Whether it is told when each frame was captured.
    """

    make: Callable[[float], BaseTracker]
    timed: bool

    def run(self, sequence: TrackingSequence) -> Boxes:
        """See `QualityTracker.run`."""
        tracker = self.make(sequence.fps)
        return _boxes(self._parts(tracker, frame) for frame in sequence.frames)

    def _parts(self, tracker: BaseTracker, frame: SequenceFrame) -> tuple[list[int], IntArray, FloatArray]:
        timestamp = frame.captured / MICROSECONDS if self.timed else None
        found = tracker.update(to_supervision(frame.detections), timestamp=timestamp)
        known = np.asarray(found.tracker_id) >= 0  # -1: not confirmed
        return [frame.number] * int(known.sum()), np.asarray(found.tracker_id)[known], np.asarray(found.xyxy)[known]


def quality_trackers() -> dict[str, QualityTracker]:
    """Ours and each peer in several ways, by name.

    *defaults*: as the package makes it. *timed*: told the true frame rate and each frame's time. *timed, our confidences*:
    told besides from which score on a detection is a confident one and may start a track, as in our own defaults; theirs are
    made for another detector.
    """
    ours = TrackingSettings()
    high, new = ours.high_confidence, ours.new_track_confidence
    both = {"high_conf_det_threshold": high, "track_activation_threshold": new}
    thresholds: dict[str, dict[str, float]] = {
        "SORT": {"track_activation_threshold": new},
        "ByteTrack": both,
        "OC-SORT": {"high_conf_det_threshold": high},
        "BoT-SORT": both,
    }
    found: dict[str, QualityTracker] = {"Throughline": Throughline(), "Throughline, live only": Throughline(revised=False)}
    for name, peer in PEERS.items():
        found[f"{name}, defaults"] = Peer(_maker(peer), timed=False)
        found[f"{name}, timed"] = Peer(_maker(peer, timed=True), timed=True)
        found[f"{name}, timed, our confidences"] = Peer(_maker(peer, timed=True, **thresholds[name]), timed=True)
    return found


def switched_trackers() -> dict[str, QualityTracker]:
    """Ours as it comes, and with each of its switches turned, by name."""
    turned: dict[str, dict[str, object]] = {
        "as it comes": {},
        "gate: place": {"gate": "place"},
        "gate: place at 0.9999": {"gate": "place", "gate_probability": 0.9999},
        "gate: full": {"gate": "full"},
        "cascade": {"cascade": True},
        "direction_weight: 0.2": {"direction_weight": 0.2},
        "direction_weight: 0.5": {"direction_weight": 0.5},
        "output_box: filtered": {"output_box": "filtered"},
        "rejoin.by_motion_alone": {"rejoin": {"by_motion_alone": True}},
        "max_hidden: 0": {"max_hidden": 0.0},
        "max_lost: 2 s": {"max_lost": 2.0},
        "confirm_hits: 3": {"confirm_hits": 3},
        "nms_iou: 0.65": {"nms_iou": 0.65},
        "new_track_overlap: 1": {"new_track_overlap": 1.0},
    }
    return {name: Throughline(TrackingSettings.model_validate(settings)) for name, settings in turned.items()}


def to_supervision(detections: Detections) -> supervision.Detections:
    """The same detections in the form that the peers read."""
    return supervision.Detections(xyxy=detections.boxes, confidence=detections.scores, class_id=detections.classes)


def _maker(peer: type[BaseTracker], *, timed: bool = False, **settings: float) -> Callable[[float], BaseTracker]:
    return lambda fps: peer(**settings, **({"frame_rate": fps} if timed else {}))


def _boxes(parts: Iterator[tuple[list[int], IntArray, FloatArray]] | list[tuple[list[int], IntArray, FloatArray]]) -> Boxes:
    """``parts``: frame numbers (K,), ids (K,), boxes (K, 4) by their corners."""
    numbers, ids, corners = zip(*parts, strict=True)
    boxes = np.concatenate(corners).astype(np.float64).reshape(-1, 4)
    boxes[:, 2:] -= boxes[:, :2]
    return Boxes(np.concatenate(numbers).astype(np.int64), np.concatenate(ids).astype(np.int64), boxes)
