"""Which detection continues which track: stages from the surest evidence to the weakest.

1. *Appearance*, where it is switched on: confirmed tracks and confident detections that look alike, inside the gate
   (Wojke et al., "Simple online and realtime tracking with a deep association metric", ICIP 2017).
2. *Confident detections* whose boxes come near a track's.
3. *Weak detections* that overlap with a confirmed track that found none (Zhang et al., "ByteTrack", ECCV 2022).

How near is near enough depends on the track: both boxes are widened by how uncertain the track's predicted place is. So a
track that is one frame old and has no velocity yet finds its vehicle half a length further on, which matters at five frames
a second, while an established track is not led astray by its neighbours. What the widening lets in is then *ranked* by
measures of the boxes as they are, so an uncertain track has no advantage over a certain one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from streams.tracker import kalman
from streams.tracker.appearance import FeatureBank
from streams.tracker.assignment import Matching
from streams.tracker.boxes import with_aspect
from streams.tracker.direction import going_on
from streams.tracker.pairs import Pairs, near_pairs
from streams.tracker.table import FRAME, TrackTable
from throughline.settings import TrackingSettings
from throughline.times import MICROSECONDS, Instant
from throughline.types import FloatArray, IntArray

__all__ = ["Associator", "Measured", "Moment", "standing"]

_MOST_WIDENING = 1.0  # of the box's size: beyond that it would find anything
_MOST_WIDENING_OF_LOST = 0.4  # others come to where it may be
_STANDING_SPEED = 0.15  # heights of the box a second
_STANDING_AFTER = 1.0  # seconds after its first sighting a track's velocity can be believed to be zero
_CLOSENESS_OFFSET = 0.5  # makes IoU - separation of nearly every pair worth looking at positive
_LEAST_GAIN = 1e-3  # of the rest
_SAME_OBJECT = 0.8  # two boxes of different types that overlap more than this are one vehicle that got two types


@dataclass(frozen=True, slots=True)
class Measured:
    """The usable detections of a frame.

    Attributes:
        boxes: (4, M) float32, centre x, centre y, width, height.
        scores: (M,) float32, best first.
        classes: (M,) int64.
        embeddings: (M, D) float32, where vehicles are looked at.
    """

    boxes: FloatArray
    scores: FloatArray
    classes: IntArray
    embeddings: FloatArray | None = None


class Moment(NamedTuple):
    """A frame, as far as tracks are concerned.

    Attributes:
        captured: Its capture time.
        frame: How many frames were analysed before it.
        unseen: Some track was not seen in the one before, or that one was long ago.
        standing: (N,) which tracks, as predicted, are known to stand still.
    """

    captured: Instant
    frame: int
    unseen: bool
    standing: npt.NDArray[np.bool_]


class Associator:
    """Finds the detection that continues each track.

    Args:
        settings: Thresholds and switches.
    """

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings: Final = settings
        self._confident: Final = settings.high_confidence
        self._iou_first: Final = settings.iou_first
        self._iou_second: Final = settings.iou_second
        self._nms_iou: Final = settings.nms_iou
        self._coordinates: Final = 4 if settings.gate == "full" else 2
        self._gate: Final = float(chi2.ppf(settings.gate_probability, self._coordinates))

    def match(
        self,
        table: TrackTable,
        features: FeatureBank,
        measured: Measured,
        now: Moment,
        available: npt.NDArray[np.bool_],
    ) -> tuple[IntArray, IntArray, npt.NDArray[np.bool_]]:
        """Finds which detections continue which tracks.

        Args:
            table: Tracks, predicted to the time of the frame.
            features: How they have looked.
            measured: The detections.
            now: The frame.
            available: (N,) which tracks may be continued.

        Returns:
            Rows of tracks and of detections that belong together, (L,) each, in the order of tracks; and which detections
            (M,) are not mere repetitions of better ones.
        """
        pairs, single = self._near(table, measured, now)
        confident = measured.scores >= self._confident
        matching = Matching(available, single)
        ages = now.frame - table.latest[FRAME] if self._settings.cascade else None
        if measured.embeddings is not None:
            self._match_looks(matching, table, features, measured, measured.embeddings, confident, ages)
        if self._settings.gate != "off":
            expected = self._expected(table, pairs.tracks, measured.boxes.take(pairs.detections, 1))
            pairs = pairs.select(expected)
        gains = self._gains(pairs, table, measured)
        sure = confident[pairs.detections]
        first = sure & (pairs.widened_iou >= self._iou_first)
        matching.add(pairs.tracks[first], pairs.detections[first], gains[first], ages)
        if np.count_nonzero(sure) < len(sure):
            weak = ~sure & (pairs.iou >= self._iou_second) & table.confirmed[pairs.tracks]
            matching.add(pairs.tracks[weak], pairs.detections[weak], gains[weak], ages)
        return *matching.result(), single

    def _near(self, table: TrackTable, measured: Measured, now: Moment) -> tuple[Pairs, npt.NDArray[np.bool_]]:
        """Pairs of a track and a detection near it; and which detections stay after non-maximum suppression.

        Both in one go: detections stand among the tracks, as boxes that only very near ones come near to.
        """
        boxes, count = measured.boxes, len(table)
        single = np.ones(boxes.shape[1], np.bool_)
        if self._nms_iou == 1:
            return near_pairs(table.boxes(), _widening(table, now), boxes), single
        # Boxes that overlap by more than t are nearer to each other, in both directions, than 1 - t of half their common size.
        shrunk = np.full(boxes.shape[1], -self._nms_iou, np.float32)
        pairs = near_pairs(np.concatenate((table.boxes(), boxes), axis=1), np.concatenate((_widening(table, now), shrunk)), boxes)
        split = int(np.searchsorted(pairs.tracks, count))
        if len(pairs) - split > boxes.shape[1]:  # more than each with itself
            self._suppress(pairs.select(slice(split, None)), count, measured.classes, single)
        return pairs.select(slice(split)), single

    def _suppress(self, pairs: Pairs, offset: int, classes: IntArray, single: npt.NDArray[np.bool_]) -> None:
        """Greedy, best first: of one type at ``nms_iou``, of two types when clearly one object."""
        rows, columns = pairs.tracks - offset, pairs.detections
        limit = np.where(classes[rows] == classes[columns], self._nms_iou, max(self._nms_iou, _SAME_OBJECT))
        clash = (rows < columns) & (pairs.iou > limit)
        for better, worse in zip(rows[clash].tolist(), columns[clash].tolist(), strict=True):
            if single[better]:
                single[worse] = False

    def _gains(self, pairs: Pairs, table: TrackTable, measured: Measured) -> npt.NDArray[np.float64]:
        """Overlap, or how small the gap is, and going on as before; weighed with the score as in ByteTrack: (K,) above zero.

        Squared, so that one good pair beats two poor ones that would take its track and its detection apart.
        """
        closeness = pairs.iou - pairs.separation
        closeness += _CLOSENESS_OFFSET
        if self._settings.direction_weight:
            sighted = table.sighted.take(pairs.tracks, 1)
            came = sighted[:2] - table.came_from[0].take(pairs.tracks, 1)
            along = going_on(came, measured.boxes[:2].take(pairs.detections, 1) - sighted[:2], sighted[3])
            closeness += self._settings.direction_weight * along
        np.maximum(closeness, 0, out=closeness)
        np.square(closeness, out=closeness)
        np.maximum(closeness, _LEAST_GAIN, out=closeness)
        gains: npt.NDArray[np.float64] = np.multiply(closeness, measured.scores[pairs.detections], dtype=np.float64)
        return gains

    def _match_looks(
        self,
        matching: Matching,
        table: TrackTable,
        features: FeatureBank,
        measured: Measured,
        embeddings: FloatArray,
        confident: npt.NDArray[np.bool_],
        ages: IntArray | None,
    ) -> None:
        rows, columns = np.flatnonzero(table.confirmed), np.flatnonzero(confident)
        # The gate first: comparing places is cheap, comparing looks is not.
        state, boxes = table.kalman.take(rows, 2), with_aspect(measured.boxes.take(columns, 1))
        spread = kalman.innovation_variance(state)
        distance = np.zeros((len(rows), len(columns)))
        for coordinate in range(self._coordinates):
            off = boxes[coordinate] - state[kalman.POSITION, coordinate, :, None]
            distance += np.square(off) / spread[coordinate, :, None]
        row, column = np.nonzero(distance <= self._gate)
        tracks, detections = rows[row], columns[column]
        distances = features.pair_distances(tracks, embeddings[detections])
        alike = distances <= self._settings.appearance.max_distance
        gains = 1 - distances[alike].astype(np.float64) + _LEAST_GAIN
        matching.add(tracks[alike], detections[alike], gains, ages)

    def _expected(self, table: TrackTable, rows: IntArray, boxes: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether boxes (4, K) are where the filter expects the tracks (K,)."""
        distance = kalman.mahalanobis(table.kalman.take(rows, 2), with_aspect(boxes))
        inside: npt.NDArray[np.bool_] = distance[: self._coordinates].sum(axis=0) <= self._gate
        return inside


def _widening(table: TrackTable, now: Moment) -> FloatArray:
    """By which share of its size each track's box is widened, (N,) float32: the standard deviation of its predicted place."""
    state = table.kalman
    widening: npt.NDArray[np.float64] = np.sqrt(state[kalman.VARIANCE, 0])  # across as much as down, always
    widening /= state[kalman.POSITION, 3]
    np.minimum(widening, _MOST_WIDENING, out=widening)
    if now.unseen:
        np.minimum(widening, _MOST_WIDENING_OF_LOST, out=widening, where=table.latest[FRAME] < now.frame - 1)
    widening[now.standing] = 0.0  # else what is parked would catch what passes by
    return widening.astype(np.float32)


def standing(table: TrackTable, captured: Instant) -> npt.NDArray[np.bool_]:
    """Which tracks are known to stand still, (N,)."""
    squared = np.square(table.kalman[kalman.VELOCITY, :2])
    least = table.kalman[kalman.POSITION, 3] * _STANDING_SPEED
    still: npt.NDArray[np.bool_] = squared[0] + squared[1] < least * least
    still &= table.started < captured - _STANDING_AFTER * MICROSECONDS
    return still
