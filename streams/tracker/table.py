"""All tracks of one camera, as a structure of arrays: place i of every array belongs to one track.

Tracks come last in all arrays but the history, so that every step runs along contiguous memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.tracker.kalman import POSITION, KalmanState
from throughline.types import FloatArray, IntArray

__all__ = ["AWAITED", "CAPTURED", "FRAME", "SEEN", "TrackTable"]

SEEN, AWAITED, FRAME = range(3)
"""Rows of `TrackTable.latest`."""
CAPTURED = 6
"""Column of the capture time in a track's history; before it come box (four), score and class."""


@dataclass(slots=True)
class TrackTable:
    """The tracks that are alive.

    Attributes:
        ids: (N,) int64.
        started: (N,) int64, capture time of the first sighting.
        first_frame: (N,) int64, number of the analysed frame of the first sighting.
        latest: (3, N) int64, of the latest sighting: its capture time (SEEN), the same without the time in which another
            vehicle hid this one since (AWAITED), and the number of its analysed frame (FRAME).
        hits: (N,) int64, sightings before it was confirmed.
        scores: (N,) float64, sum of the detector's scores of its sightings.
        confirmed: (N,) bool.
        kalman: (5, 4, N), see `streams.tracker.kalman`.
        sighted: (4, N) float64, centre x, centre y, width / height, height at the latest sighting. The aspect is taken from
            here, not from the filter: where a vehicle turns, or enters the picture bit by bit, its proportions change faster
            than the filter's noise allows, and boxes of the wrong width overlap badly.
        came_from: (2, 2, N) float64, centres at sightings a while ago, older first.
        anchor: (2, N) float64, centre about which the vehicle is seen, see `streams.tracker.rest`.
        anchored: (2, N) int64, capture times since when and until when it was.
        history: (N, H, 7) float64, the first H sightings: box, score, class, capture time (whole microseconds, which
            float64 holds exactly until the year 2255). H is at least the number that confirms a track.
    """

    ids: IntArray
    started: IntArray
    first_frame: IntArray
    latest: IntArray
    hits: IntArray
    scores: npt.NDArray[np.float64]
    confirmed: npt.NDArray[np.bool_]
    kalman: KalmanState
    sighted: npt.NDArray[np.float64]
    came_from: npt.NDArray[np.float64]
    anchor: npt.NDArray[np.float64]
    anchored: IntArray
    history: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, history: int) -> TrackTable:
        """No tracks; ``history`` sightings are remembered of each."""
        return cls._new(np.zeros(0, np.int64), 0, 0, np.zeros((5, 4, 0)), history)

    @classmethod
    def _new(cls, ids: IntArray, captured: int, frame: int, kalman: KalmanState, history: int) -> TrackTable:
        count = len(ids)
        sighted = kalman[POSITION].copy()
        return cls(
            ids=ids,
            started=np.full(count, captured, np.int64),
            first_frame=np.full(count, frame, np.int64),
            latest=np.array([[captured], [captured], [frame]], np.int64).repeat(count, axis=1),
            hits=np.zeros(count, np.int64),
            scores=np.zeros(count),
            confirmed=np.zeros(count, np.bool_),
            kalman=kalman,
            sighted=sighted,
            came_from=np.stack((sighted[:2], sighted[:2])),
            anchor=sighted[:2].copy(),
            anchored=np.full((2, count), captured, np.int64),
            history=np.zeros((count, history, 7)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def boxes(self) -> FloatArray:
        """Predicted boxes: centre x, centre y, width, height: (4, N) float32."""
        boxes: FloatArray = self.kalman[POSITION].astype(np.float32)
        np.multiply(self.sighted[2], boxes[3], out=boxes[2], casting="same_kind")
        return boxes

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Forgets the tracks where ``mask`` is false."""
        for name in self.__slots__:
            values = getattr(self, name)
            setattr(self, name, values[mask] if name == "history" else np.compress(mask, values, axis=-1))

    def append(self, ids: IntArray, captured: int, frame: int, kalman: KalmanState) -> None:
        """Adds tracks that are first seen at ``captured``, in analysed frame ``frame``, without sightings as yet."""
        more = self._new(ids, captured, frame, kalman, self.history.shape[1])
        for name in self.__slots__:
            axis = 0 if name == "history" else -1
            setattr(self, name, np.concatenate((getattr(self, name), getattr(more, name)), axis=axis))
