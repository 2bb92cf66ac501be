"""The tracks of one camera as MOT rows, for recorded and for live ones alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from throughline.formats.mot import MotRow
from throughline.times import Instant
from throughline.types import VEHICLE_TYPES, FloatArray, IntArray, Tracks

__all__ = ["TrackRows"]

_UNKNOWN: Final = VEHICLE_TYPES.index("vehicle")


class TrackRows:
    """Makes rows of what a tracker says, frame by frame.

    Tracks are numbered from 1 in the order in which they are confirmed, whatever ids they have: so the numbers go on when
    the tracker begins anew. Pure; memory is bounded by the tracks alive and by the frames since the oldest unconfirmed one
    was seen first.
    """

    def __init__(self) -> None:
        self._number_of: dict[int, int] = {}
        self._frame_at: dict[Instant, int] = {}
        self.tracks = 0
        """Tracks so far."""

    def rows(self, frame: int, tracks: Tracks) -> list[MotRow]:
        """The rows that a frame gives rise to: of this frame, and of earlier ones for tracks that it confirmed.

        Args:
            frame: Its number, from 1.
            tracks: Of this frame; frames come in their order.
        """
        self._frame_at[tracks.captured] = frame
        for track in sorted({*tracks.ids.tolist(), *(sightings.id for sightings in tracks.earlier)} - self._number_of.keys()):
            self.tracks += 1
            self._number_of[track] = self.tracks
        rows: list[MotRow] = []
        for sightings in tracks.earlier:
            frames = [self._frame_at[captured] for captured in sightings.times.tolist()]
            ids = [sightings.id] * len(frames)
            rows += self._rows(frames, ids, sightings.boxes, sightings.scores, sightings.classes)
        frames = [frame] * len(tracks)
        rows += self._rows(frames, tracks.ids.tolist(), tracks.boxes, tracks.scores, tracks.classes)
        for track in tracks.ended:
            self._number_of.pop(track, None)
        self._forget_before(tracks.captured if tracks.pending is None else tracks.pending)
        return rows

    def cut(self) -> None:
        """The tracker begins anew."""
        self._number_of.clear()
        self._frame_at.clear()

    def _rows(
        self, frames: Iterable[int], tracks: Iterable[int], boxes: FloatArray, scores: FloatArray, classes: IntArray
    ) -> Iterator[MotRow]:
        columns = (frames, tracks, boxes.tolist(), scores.tolist(), classes.tolist())
        for frame, track, (x1, y1, x2, y2), score, kind in zip(*columns, strict=True):
            yield MotRow(frame, self._number_of[track], x1, y1, x2 - x1, y2 - y1, score, -1 if kind == _UNKNOWN else kind)

    def _forget_before(self, oldest: Instant) -> None:
        for captured in list(self._frame_at):  # in the order of time
            if captured >= oldest:
                return
            del self._frame_at[captured]
