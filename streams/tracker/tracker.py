"""The on-line tracker of one camera: detections of a frame in, tracks out."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from streams.tracker import kalman
from streams.tracker.appearance import FeatureBank
from streams.tracker.association import Associator, Measured, Moment, standing
from streams.tracker.boxes import clipped, corners, covered_by, most_shared_with_better, visible_share, with_aspect
from streams.tracker.detections import DetectionFilter
from streams.tracker.direction import INTERVAL
from streams.tracker.rejoin import fragments
from streams.tracker.rest import anchor, resting
from streams.tracker.table import AWAITED, CAPTURED, FRAME, SEEN, TrackTable
from throughline.settings import TrackingSettings
from throughline.times import MICROSECONDS, Instant, seconds_between
from throughline.types import Detections, EarlierSightings, FloatArray, IntArray, Tracks

__all__ = ["TimeNotAdvancingError", "Tracker"]

_LEAST_VISIBLE = 0.2  # share of a lost track's predicted box inside the picture; below it the vehicle has left
_HIDDEN = 0.4  # share of a standing vehicle's box that another covers when it is hidden


class TimeNotAdvancingError(ValueError):
    """A frame that was not captured after the one before; the tracker is as if it had never been given."""

    def __init__(self, captured: Instant, previous: Instant) -> None:
        super().__init__(f"frame captured at {captured} does not come after the one before, captured at {previous}")
        self.captured = captured
        self.previous = previous


class Tracker:
    """Follows the vehicles of one camera.

    What continues what is decided in `streams.tracker.association`; motion is a Kalman filter in seconds, so dropped frames
    and odd rates do not matter. Types play no part: a vehicle that is called car in one frame and truck in the next stays one
    track.

    A track is *tentative* until ``confirm_hits`` sightings; a tentative one that is missed for ``max_unconfirmed_lost`` is
    forgotten. A confirmed one that is not seen is *lost*, and *ends* after ``max_lost``, or as soon as it must have left the
    picture; while it stands still behind another vehicle, the time does not count. No state is shared between trackers; the
    same input gives the same output.

    Args:
        settings: The site file's ``tracking``.
        frame_size: Width and height of the picture in pixels, where known.
        first_id: Of the first track, so that ids stay unique when a camera's tracker is replaced.
    """

    def __init__(self, settings: TrackingSettings, frame_size: tuple[int, int] | None = None, *, first_id: int = 1) -> None:
        self._settings: Final = settings
        self._frame_size: Final = frame_size
        self._filter: Final = DetectionFilter(settings, frame_size)
        self._associator: Final = Associator(settings)
        self._max_lost: Final = settings.max_lost * MICROSECONDS
        self._longest_lost: Final = settings.closed_after * MICROSECONDS
        self._new_confidence: Final = settings.new_track_confidence
        self.next_id = first_id
        """Id of the next new track."""
        self._captured: Instant | None = None
        self._frame = 0
        self._moved_on: Instant = 0
        self._clear()

    def _clear(self) -> None:
        self._unseen = self._mixed = False
        self._table = TrackTable.empty(self._settings.confirm_hits)
        self._features = FeatureBank(self._settings.appearance.budget)

    def __len__(self) -> int:
        """Tracks alive, tentative ones included."""
        return len(self._table)

    @property
    def earliest_pending(self) -> Instant | None:
        """First sighting of the oldest track that is not confirmed yet; None when there is none."""
        confirmed = self._table.confirmed
        return None if np.count_nonzero(confirmed) == len(confirmed) else int(self._table.started[~confirmed].min())

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
        self._frame += 1
        unseen_before = self._unseen or (self._captured is not None and captured - self._captured > self._max_lost)
        ended = self._forget(captured) if unseen_before else []
        if self._captured is not None:
            self._table.kalman = kalman.predict(self._table.kalman, seconds_between(self._captured, captured))
        now = Moment(captured, self._frame, unseen_before, standing(self._table, captured))
        kept, boxes, dropped = self._filter.usable(detections)
        looks = detections.embeddings if self._settings.appearance.enabled else None
        measured = Measured(boxes, detections.scores[kept], detections.classes[kept], None if looks is None else looks[kept])

        table = self._table
        rows, columns, single = self._associator.match(table, self._features, measured, now, self._available(now))
        state = with_aspect(boxes)
        if len(rows) == len(table):  # all of them, in order
            table.kalman = kalman.update(table.kalman, state.take(columns, 1))
        else:
            table.kalman[:, :, rows] = kalman.update(table.kalman.take(rows, 2), state.take(columns, 1))
        found = self._lost_before(rows, now) if now.unseen else rows[:0]
        if repeated := len(single) - int(np.count_nonzero(single)):
            dropped["overlap"] = repeated
        rows, columns, started = self._start(rows, columns, state, single, measured, now)
        self._sight(rows, columns, state, measured, now)
        new = self._confirm(rows, columns, detections, kept, now)
        unseen = (table.latest[FRAME] < now.frame).nonzero()[0]
        joined = fragments(table, new, unseen, self._features, self._settings)
        just_lost = unseen[table.latest[FRAME, unseen] == now.frame - 1]
        if len(unseen):
            table.kalman[kalman.VELOCITY, 2:, unseen] = 0.0  # an unseen box must not grow or bend for seconds
            table.kalman[kalman.VELOCITY, :2, resting(table, just_lost)] = 0.0  # what is left of noise would carry it away
            self._wait_for_hidden(unseen, measured, now)
        for fragment, old in joined:
            self._join(fragment, old)
        gone = [old for _, old in joined]
        rejoined = [fragment for fragment, old in joined if table.latest[FRAME, old] < now.frame - 1]
        lost = just_lost[table.confirmed[just_lost]].tolist()

        shown = table.confirmed[rows]
        if np.count_nonzero(shown) < len(shown):
            rows, columns = rows[shown], columns[shown]
        self._mixed |= bool(joined)
        if self._mixed:
            order = np.argsort(table.ids[rows])
            rows, columns = rows[order], columns[order]
        used, fragment_rows = kept[columns], [fragment for fragment, _ in joined]
        frames = now.frame + 1 - table.first_frame[rows]
        result = Tracks(
            captured=captured,
            ids=table.ids[rows],
            boxes=self._output(rows, detections.boxes[used]),
            velocities=table.kalman[kalman.VELOCITY, :2].astype(np.float32).T[rows],
            scores=detections.scores[used],
            classes=detections.classes[used],
            detections=used,
            qualities=(table.scores[rows] / frames).astype(np.float32),
            started=started,
            confirmed=self._ids([row for row in new.tolist() if row not in fragment_rows]),
            lost=self._ids([row for row in lost if row not in gone]),
            found=self._ids([*found.tolist(), *rejoined]),
            earlier=self._earlier(new),
            ended=tuple(sorted(ended + self._leave(unseen, gone, now))),  # moves rows: none are valid after
            pending=self.earliest_pending,
            dropped=dropped,
        )
        self._captured, self._unseen = captured, len(unseen) > 0
        return result

    def finish(self) -> tuple[int, ...]:
        """Ends everything, for the footage is over or cut.

        Returns:
            Ids of the confirmed tracks that were alive.
        """
        alive = self._ids(np.flatnonzero(self._table.confirmed).tolist())
        self._clear()
        return alive

    def _keep(self, mask: npt.NDArray[np.bool_]) -> None:
        self._table.keep(mask)
        self._features.keep(mask)

    def _ids(self, rows: list[int]) -> tuple[int, ...]:
        return tuple(sorted(self._table.ids[rows].tolist())) if rows else ()

    def _forget(self, captured: Instant) -> list[int]:
        """Drops what was last seen too long ago to be continued by this frame."""
        latest = self._table.latest
        late = captured - latest[AWAITED] > self._longest_lost
        if self._settings.max_lost_frames is not None:
            missed = self._frame - latest[FRAME] > self._settings.max_lost_frames
            late |= missed & (captured - latest[SEEN] > self._settings.rejoin_within * MICROSECONDS)
        if not np.count_nonzero(late):
            return []
        ended: list[int] = self._table.ids[late & self._table.confirmed].tolist()
        self._keep(~late)
        return ended

    def _available(self, now: Moment) -> npt.NDArray[np.bool_]:
        """Which tracks may be continued, (N,); the others are kept only for a fragment that goes on where they must be."""
        available = np.ones(len(self._table), np.bool_)
        if now.unseen and self._longest_lost > self._max_lost:
            available &= now.captured - self._table.latest[AWAITED] <= self._max_lost
        if now.unseen and self._settings.max_lost_frames is not None:
            available &= now.frame - self._table.latest[FRAME] <= self._settings.max_lost_frames
        return available

    def _lost_before(self, rows: IntArray, now: Moment) -> IntArray:
        """Those of some confirmed tracks that the frame before did not show."""
        table = self._table
        lost: IntArray = rows[(table.latest[FRAME, rows] < now.frame - 1) & table.confirmed[rows]]
        return lost

    def _start(
        self,
        rows: IntArray,
        columns: IntArray,
        state: npt.NDArray[np.float64],
        single: npt.NDArray[np.bool_],
        measured: Measured,
        now: Moment,
    ) -> tuple[IntArray, IntArray, tuple[int, ...]]:
        """Starts tracks with the eligible detections that continue none; adds them to the matches.

        Args:
            rows: Of the tracks that were continued.
            columns: Of the detections that continue them.
            state: (4, M) of all detections.
            single: (M,) which of them are no repetitions.
            measured: All detections.
            now: The frame.
        """
        eligible = single & (measured.scores >= self._new_confidence)
        eligible[columns] = False
        new = eligible.nonzero()[0]
        new = new[most_shared_with_better(new, measured.boxes) <= self._settings.new_track_overlap]
        if len(new) == 0:
            return rows, columns, ()
        alive = len(self._table)
        ids = np.arange(self.next_id, self.next_id + len(new))
        self.next_id += len(new)
        self._table.append(ids, now.captured, now.frame, kalman.initiate(state.take(new, 1)))
        self._features.append(len(new))
        rows = np.concatenate((rows, np.arange(alive, alive + len(new))))
        return rows, np.concatenate((columns, new)), tuple(ids.tolist())

    def _sight(self, rows: IntArray, columns: IntArray, state: npt.NDArray[np.float64], measured: Measured, now: Moment) -> None:
        """Books what was seen of each track in this frame."""
        table = self._table
        table.latest[SEEN, rows] = table.latest[AWAITED, rows] = now.captured
        table.latest[FRAME, rows] = now.frame
        table.scores[rows] += measured.scores[columns]
        table.sighted[:, rows] = state.take(columns, 1)
        if measured.embeddings is not None:
            self._features.add(rows, measured.embeddings[columns])
        if now.captured - self._moved_on >= INTERVAL * MICROSECONDS:
            anchor(table, self._moved_on)
            self._moved_on = now.captured
            table.came_from[0] = table.came_from[1]
            table.came_from[1] = table.sighted[:2]

    def _confirm(self, rows: IntArray, columns: IntArray, detections: Detections, kept: IntArray, now: Moment) -> IntArray:
        """Remembers what was seen of tentative tracks, and confirms those that were seen often enough: their rows."""
        table, settings = self._table, self._settings
        tentative = ~table.confirmed[rows]
        if not np.count_nonzero(tentative):
            return rows[:0]
        row, seen = rows[tentative], kept[columns[tentative]]
        slot = table.hits[row]
        if slot.max() >= table.history.shape[1]:
            table.history = np.concatenate((table.history, np.zeros_like(table.history)), axis=1)
        table.history[row, slot, :4] = detections.boxes[seen]
        table.history[row, slot, 4] = detections.scores[seen]
        table.history[row, slot, 5] = detections.classes[seen]
        table.history[row, slot, CAPTURED] = now.captured
        table.hits[row] += 1
        ready = slot + 1 >= settings.confirm_hits
        ready &= now.captured - table.started[row] >= settings.confirm_after * MICROSECONDS
        new = row[ready]
        table.confirmed[new] = True
        return new

    def _wait_for_hidden(self, unseen: IntArray, measured: Measured, now: Moment) -> None:
        """For tracks that stand still behind another vehicle, one surely seen, the time since their latest sighting stops."""
        table = self._table
        sure = measured.scores >= self._settings.high_confidence
        if self._captured is None or not np.count_nonzero(sure):
            return
        waiting = unseen[now.standing[unseen]]
        if len(waiting) == 0:
            return
        longest = self._settings.max_hidden * MICROSECONDS
        waiting = waiting[table.latest[AWAITED, waiting] - table.latest[SEEN, waiting] < longest]
        covered = covered_by(corners(table.boxes().take(waiting, 1)), corners(measured.boxes[:, sure])).max(axis=1)
        hidden = waiting[covered >= _HIDDEN]
        table.latest[AWAITED, hidden] += now.captured - self._captured
        table.kalman[kalman.VELOCITY, :2, hidden] = 0.0  # else what is left of its speed would carry it away

    def _join(self, fragment: int, old: int) -> None:
        """Lets a track that was just confirmed go on as the lost one that it continues."""
        table = self._table
        for values in (table.ids, table.started, table.first_frame):
            values[fragment] = values[old]
        table.scores[fragment] += table.scores[old]

    def _earlier(self, new: IntArray) -> tuple[EarlierSightings, ...]:
        """Where tracks that were just confirmed have been seen before this frame."""
        table = self._table
        return tuple(
            _sightings(int(table.ids[row]), table.history[row, : table.hits[row] - 1])
            for row in new.tolist()
            if table.hits[row] > 1
        )

    def _output(self, rows: IntArray, boxes: FloatArray) -> FloatArray:
        """What is reported of tracks: their detections (N, 4), or what the filter makes of them."""
        if self._settings.output_box == "detector":
            return boxes
        state = self._table.kalman[kalman.POSITION].take(rows, 1).astype(np.float32)
        state[2] *= state[3]
        filtered = corners(state)
        return filtered if self._frame_size is None else clipped(filtered, self._frame_size)

    def _leave(self, unseen: IntArray, gone: list[int], now: Moment) -> list[int]:
        """Drops ``gone`` tracks, unseen ones that must have left the picture, and unseen tentative ones after a short while."""
        table = self._table
        if len(unseen) == 0:
            return []
        over = ~table.confirmed[unseen]
        if np.count_nonzero(over):
            over &= now.captured - table.latest[SEEN, unseen] > self._settings.max_unconfirmed_lost * MICROSECONDS
        if self._frame_size is not None:
            over |= self._left(unseen, self._frame_size)
        if gone:
            over |= np.isin(unseen, gone)
        if not np.count_nonzero(over):
            return []
        keep = np.ones(len(table), np.bool_)
        keep[unseen[over]] = False
        ended: set[int] = set(table.ids[~keep & table.confirmed].tolist())
        if gone:
            ended -= set(table.ids[keep].tolist())  # the id of a fragment that was joined goes on
        self._keep(keep)
        return list(ended)

    def _left(self, unseen: IntArray, frame_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """Which of the unseen tracks, as predicted, are hardly in the picture any more."""
        centre = self._table.kalman[kalman.POSITION, :2].take(unseen, 1)
        outside = (centre < 0) | (centre > np.array(frame_size)[:, None])
        if not np.count_nonzero(outside):  # the common case: at least a quarter of each box is visible
            nowhere: npt.NDArray[np.bool_] = outside[0]
            return nowhere
        return visible_share(self._table.boxes().take(unseen, 1), frame_size) < _LEAST_VISIBLE


def _sightings(track: int, history: npt.NDArray[np.float64]) -> EarlierSightings:
    return EarlierSightings(
        id=track,
        times=history[:, CAPTURED].astype(np.int64),
        boxes=history[:, :4].astype(np.float32),
        scores=history[:, 4].astype(np.float32),
        classes=history[:, 5].astype(np.int64),
    )
