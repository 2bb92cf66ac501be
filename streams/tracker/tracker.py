"""The on-line tracker of one camera: detections of a frame in, tracks out."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from streams.tracker import kalman
from streams.tracker.association import Pairs, assign, near_pairs
from streams.tracker.boxes import centre_aspect_height, corners, sides
from streams.tracker.detections import usable
from streams.tracker.table import TrackTable
from throughline.settings import TrackingSettings
from throughline.times import MICROSECONDS, Instant, seconds_between
from throughline.types import Detections, EarlierSightings, FloatArray, IntArray, Tracks

__all__ = ["TimeNotAdvancingError", "Tracker"]

_DEVIATIONS = 1.0  # boxes are widened by so many standard deviations of the predicted place
_MOST_WIDENING = 1.0  # of the box's size: beyond that it would find anything
_STANDING_SPEED = 0.15  # heights of the box a second
_STANDING_AFTER = 1.0  # seconds after its first sighting a track's velocity can be believed to be zero
_LEAST_VISIBLE = 0.2  # share of a lost track's predicted box inside the picture; below it the vehicle has left
_CLOSENESS_OFFSET = 0.5  # makes IoU - separation of nearly every pair worth looking at positive
_LEAST_GAIN = 1e-3  # of the rest


class TimeNotAdvancingError(ValueError):
    """A frame that was not captured after the one before; the tracker is as if it had never been given."""

    def __init__(self, captured: Instant, previous: Instant) -> None:
        super().__init__(f"frame captured at {captured} does not come after the one before, captured at {previous}")
        self.captured = captured
        self.previous = previous


class Tracker:
    """Follows the vehicles of one camera.

    Two-stage association after ByteTrack (Zhang et al., ECCV 2022): confident detections are matched first, weak ones only
    continue tracks that found none. Motion by a Kalman filter in seconds, so dropped frames and odd rates do not matter.
    Types play no part: a vehicle that is called car in one frame and truck in the next stays one track.

    A track is *tentative* until ``confirm_hits`` sightings; a tentative one that is missed for ``max_unconfirmed_lost`` is
    forgotten. A confirmed one that is not seen is *lost*, and *ends* after ``max_lost``, or as soon as it must have left the
    picture. No state is shared between trackers; the same input gives the same output.

    Args:
        settings: The site file's ``tracking``.
        frame_size: Width and height of the picture in pixels, where known.
    """

    def __init__(self, settings: TrackingSettings, frame_size: tuple[int, int] | None = None) -> None:
        self._settings: Final = settings
        self._frame_size: Final = frame_size
        self._table = TrackTable.empty(settings.confirm_hits)
        self._next_id = 1
        self._captured: Instant | None = None

    def __len__(self) -> int:
        """Tracks alive, tentative ones included."""
        return len(self._table)

    @property
    def earliest_pending(self) -> Instant | None:
        """First sighting of the oldest track that is not confirmed yet; None when there is none."""
        pending = self._table.started[~self._table.confirmed]
        return int(pending.min()) if len(pending) else None

    def update(self, detections: Detections, captured: Instant) -> Tracks:
        """Continues, starts and ends tracks with the detections of one frame.

        Args:
            detections: In pixels of the picture. What cannot be used is dropped, and counted in ``Tracks.dropped``.
            captured: Capture time, later than that of the frame before.

        Raises:
            TimeNotAdvancingError: it is not; nothing has changed.
        """
        if self._captured is not None and captured <= self._captured:
            raise TimeNotAdvancingError(captured, self._captured)
        ended = self._forget(captured)
        self._predict(captured)
        kept, dropped = usable(detections, self._settings, self._frame_size)
        boxes, scores = detections.boxes[kept], detections.scores[kept]
        measured = centre_aspect_height(boxes)

        rows, columns = self._associate(sides(measured).astype(np.float32), scores, captured)
        self._table.kalman[rows] = kalman.update(self._table.kalman[rows], measured[columns])
        self._table.aspects[rows] = measured[columns, 2]
        rows, columns = self._start(rows, columns, measured, scores, captured)
        earlier = self._register(rows, columns, boxes, scores, detections.classes[kept], captured)
        self._captured = captured

        shown = np.argsort(rows)
        shown = shown[self._table.confirmed[rows[shown]]]
        rows, columns = rows[shown], columns[shown]
        ids, velocities = self._table.ids[rows], self._table.kalman[rows, kalman.VELOCITY, :2]
        ended += self._leave(captured)  # moves rows
        return Tracks(
            captured=captured,
            ids=ids,
            boxes=boxes[columns],
            velocities=velocities.astype(np.float32),
            scores=scores[columns],
            classes=detections.classes[kept][columns],
            detections=kept[columns],
            ended=tuple(sorted(ended)),
            earlier=earlier,
            pending=self.earliest_pending,
            dropped=dropped,
        )

    def finish(self) -> tuple[int, ...]:
        """Ends everything, for the footage is over or cut.

        Returns:
            Ids of the confirmed tracks that were alive.
        """
        alive = tuple(int(id_) for id_ in self._table.ids[self._table.confirmed])
        self._table = TrackTable.empty(self._settings.confirm_hits)
        return alive

    def _forget(self, captured: Instant) -> list[int]:
        """Drops what was last seen too long ago to be continued by this frame."""
        table = self._table
        late = captured - table.seen > self._settings.max_lost * MICROSECONDS
        if not late.any():
            return []
        ended = [int(id_) for id_ in table.ids[late & table.confirmed]]
        table.keep(~late)
        return ended

    def _predict(self, captured: Instant) -> None:
        if self._captured is None:
            return
        table = self._table
        lost = table.seen < self._captured
        table.kalman[lost, kalman.VELOCITY, 2:] = 0.0  # an unseen box must not grow or bend for seconds
        table.kalman = kalman.predict(table.kalman, seconds_between(self._captured, captured))

    def _widening(self, captured: Instant) -> FloatArray:
        """By which share of its size each track's box is widened, (N,) float32."""
        table = self._table
        if self._captured is None or len(table) == 0:
            return np.zeros(len(table), np.float32)
        state = table.kalman
        height = state[:, kalman.POSITION, 3]
        deviation = np.sqrt(state[:, kalman.VARIANCE, :2].sum(axis=1) / 2) / height
        speed = np.hypot(state[:, kalman.VELOCITY, 0], state[:, kalman.VELOCITY, 1]) / height
        standing = (speed < _STANDING_SPEED) & (captured - table.started > _STANDING_AFTER * MICROSECONDS)
        lost = table.seen < self._captured
        widening: npt.NDArray[np.float64] = np.minimum(_DEVIATIONS * deviation, _MOST_WIDENING)
        widening[standing | lost] = 0.0  # else what is parked or gone would catch what passes by
        return widening.astype(np.float32)

    def _associate(self, detections: FloatArray, scores: FloatArray, captured: Instant) -> tuple[IntArray, IntArray]:
        """Rows of tracks and of detections (M, 4: centre x, centre y, width, height) that belong together."""
        settings, table = self._settings, self._table
        predicted = table.boxes().astype(np.float32)
        pairs = near_pairs(predicted, self._widening(captured), detections)
        confident = scores >= np.float32(settings.high_confidence)
        free = np.ones(len(table), np.bool_)

        first = pairs.select(confident[pairs.detections] & (pairs.widened_iou >= np.float32(settings.iou_first)))
        rows, columns = assign(first.tracks, first.detections, _gain(first, scores))
        free[rows] = False
        weak = ~confident[pairs.detections] & (free & table.confirmed)[pairs.tracks]
        weak &= pairs.iou >= np.float32(settings.iou_second)
        if not weak.any():
            return rows, columns
        second = pairs.select(weak)
        more_rows, more_columns = assign(second.tracks, second.detections, _gain(second, scores))
        return np.concatenate((rows, more_rows)), np.concatenate((columns, more_columns))

    def _start(
        self,
        rows: IntArray,
        columns: IntArray,
        measured: npt.NDArray[np.float64],
        scores: FloatArray,
        captured: Instant,
    ) -> tuple[IntArray, IntArray]:
        """Starts tracks with the confident detections that continue none; adds them to the matches."""
        unmatched = scores >= np.float32(self._settings.new_track_confidence)
        unmatched[columns] = False
        new = np.flatnonzero(unmatched)
        if len(new) == 0:
            return rows, columns
        alive = len(self._table)
        ids = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)
        self._table.append(ids, captured, kalman.initiate(measured[new]))
        return np.concatenate((rows, np.arange(alive, alive + len(new)))), np.concatenate((columns, new))

    def _register(
        self,
        rows: IntArray,
        columns: IntArray,
        boxes: FloatArray,
        scores: FloatArray,
        classes: IntArray,
        captured: Instant,
    ) -> tuple[EarlierSightings, ...]:
        """Books the sightings, and confirms."""
        table, needed = self._table, self._settings.confirm_hits
        table.seen[rows] = captured
        table.hits[rows] += 1
        tentative = ~table.confirmed[rows]
        if not tentative.any():
            return ()
        row, column = rows[tentative], columns[tentative]
        slot = table.hits[row] - 1
        table.history[row, slot, :4] = boxes[column]
        table.history[row, slot, 4] = scores[column]
        table.history[row, slot, 5] = classes[column]
        table.history[row, slot, 6] = captured
        new = np.sort(row[table.hits[row] >= needed])
        table.confirmed[new] = True
        if needed == 1:
            return ()
        return tuple(_earlier(int(table.ids[index]), table.history[index, : needed - 1]) for index in new)

    def _leave(self, captured: Instant) -> list[int]:
        """Drops unseen tracks that must have left the picture, and unseen tentative ones after a short while."""
        table = self._table
        unseen = table.seen < captured
        if not unseen.any():
            return []
        waited = captured - table.seen > self._settings.max_unconfirmed_lost * MICROSECONDS
        over = unseen & ~table.confirmed & waited
        if self._frame_size is not None:
            over |= unseen & (_visible_share(table.boxes(), self._frame_size) < _LEAST_VISIBLE)
        if not over.any():
            return []
        ended = [int(id_) for id_ in table.ids[over & table.confirmed]]
        table.keep(~over)
        return ended


def _gain(pairs: Pairs, scores: FloatArray) -> npt.NDArray[np.float64]:
    """How good each pair is, above zero: the overlap, or how small the gap is, weighed with the score as in ByteTrack.

    Squared, so that one good pair beats two poor ones that would take its track and its detection apart.
    """
    closeness = np.maximum(pairs.iou - pairs.separation + _CLOSENESS_OFFSET, 0).astype(np.float64)
    gain: npt.NDArray[np.float64] = np.maximum(np.square(closeness), _LEAST_GAIN) * scores[pairs.detections]
    return gain


def _earlier(track: int, history: npt.NDArray[np.float64]) -> EarlierSightings:
    return EarlierSightings(
        id=track,
        times=history[:, 6].astype(np.int64),
        boxes=history[:, :4].astype(np.float32),
        scores=history[:, 4].astype(np.float32),
        classes=history[:, 5].astype(np.int64),
    )


def _visible_share(predicted: npt.NDArray[np.float64], frame_size: tuple[int, int]) -> FloatArray:
    """Share of each box (N, 4: centre x, centre y, width, height) inside the picture, (N,)."""
    boxes = corners(predicted)
    inside = np.clip(boxes, 0, np.array([*frame_size, *frame_size], np.float32))
    size, visible = boxes[:, 2:] - boxes[:, :2], inside[:, 2:] - inside[:, :2]
    share: FloatArray = visible.prod(axis=1) / np.maximum(size.prod(axis=1), np.float32(1e-6))
    return share
