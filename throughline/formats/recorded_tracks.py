"""A folder of recorded single-camera tracks as the tracklets that a worker would have published."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from throughline.formats._rows import FormatError
from throughline.formats.aicity import AiCityRow
from throughline.formats.frames import read_frames
from throughline.formats.mot import MotRow, read_mot_tracks
from throughline.ground import GroundPlane
from throughline.messages import Clock, Embedding, PathPoint, Tracklet
from throughline.settings import CameraSettings, Site
from throughline.times import Instant, after, to_instant
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, VEHICLE_TYPES, ClockSource, FloatArray

__all__ = ["RecordedTrack", "frame_time", "read_recorded_tracks", "rows_with"]

_MODEL = "recorded"
_ROWS = ("embeddings", "type", "colour", "orientation")
"""Arrays with a row for each track."""


@dataclass(frozen=True, slots=True)
class RecordedTrack:
    """One track of one camera.

    Attributes:
        camera: Camera id.
        id: Its id in the file, local to the camera.
        rows: Its boxes, by frame.
        tracklet: The same as the record that the matcher takes.
    """

    camera: str
    id: int
    rows: tuple[MotRow, ...]
    tracklet: Tracklet


def frame_time(camera: CameraSettings, frame: int) -> Instant:
    """Capture time of a frame: (frame - 1) / frames a second, plus the clock's offset."""
    return after(to_instant((frame - 1) / camera.frame_rate_of_recordings), camera.clock.offset)


def read_recorded_tracks(folder: Path, site: Site) -> list[RecordedTrack]:
    """The tracks of all cameras of a site, in the order of their end times.

    The folder holds ``<camera>.txt`` (MOT rows) for cameras of the site, and optionally ``<camera>.npz`` with ``ids``
    (N,), ``embeddings`` (N, D), ``type`` (N, T), probabilities of the first T of `throughline.types.VEHICLE_TYPES`, ``colour``
    (N, 11) and ``orientation`` (N, 8), of `VEHICLE_COLOURS` and `ORIENTATIONS` there, with rows of zeros for unknown ones, and
    ``<camera>.frames`` with the times of frames (`throughline.formats.frames`).

    Raises:
        FormatError: a file cannot be read or does not fit the others, or no camera of the site has one.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    known = {camera.id for camera in site.cameras}
    files = sorted(path for path in folder.glob("*.txt"))
    strangers = [path for path in files if path.stem not in known]
    if strangers:
        raise FormatError(f"{strangers[0]}: the site {site.site} has no camera {strangers[0].stem}; it has {', '.join(known)}")
    if not files:
        raise FormatError(f"{folder}: expected <camera>.txt for cameras of the site, such as {site.cameras[0].id}.txt")
    tracks = [track for path in files for track in _camera(path, site.camera(path.stem), site.site)]
    return sorted(tracks, key=lambda track: (track.tracklet.end, track.tracklet.tracklet))


def rows_with(site: Site, tracks: Iterable[RecordedTrack], ids: Mapping[str, int]) -> list[AiCityRow]:
    """The boxes of tracks with these ids, by tracklet id; of a camera without a number as those of camera 0."""
    numbers = {camera.id: camera.number or 0 for camera in site.cameras}
    return [
        AiCityRow(numbers[track.camera], ids[track.tracklet.tracklet], box.frame, box.x, box.y, box.width, box.height)
        for track in tracks
        for box in track.rows
    ]


def _camera(path: Path, camera: CameraSettings, site: str) -> list[RecordedTrack]:
    rows: dict[int, list[MotRow]] = {}
    for row in read_mot_tracks(path):
        rows.setdefault(row.id, []).append(row)
    looks = _Looks.read(path.with_suffix(".npz"))
    time_of = _times(path, camera)
    ground = _ground(camera, [row for boxes in rows.values() for row in boxes])
    tracks = []
    for track, boxes in sorted(rows.items()):
        boxes.sort(key=lambda row: row.frame)
        points = tuple(_point(time_of(row.frame), row, ground) for row in boxes)
        start, end = points[0].at, points[-1].at
        tracklet = Tracklet(
            site=site,
            camera=camera.id,
            tracklet=f"{camera.id}-{start}-{track}",
            revision=0,
            state="closed",
            start=start,
            end=end,
            clock=Clock(ClockSource.FILE, 0.0),
            types=looks.types_of(track),
            path=points,
            orientation=looks.orientation_of(track),
            embeddings=looks.embeddings_of(track),
            attributes=looks.attributes_of(track),
            quality=1.0,
            sightings=len(boxes),
            close_reason="left",
        )
        tracks.append(RecordedTrack(camera.id, track, tuple(boxes), tracklet))
    return tracks


def _ground(camera: CameraSettings, rows: Sequence[MotRow]) -> GroundPlane | None:
    """How pixels become places on the ground; the picture is as large as the site file says, or as the boxes need."""
    if camera.ground is None or not rows:
        return None
    size = camera.size or (
        math.ceil(max(row.x + row.width for row in rows)),
        math.ceil(max(row.y + row.height for row in rows)),
    )
    return GroundPlane(camera.ground, size)


def _point(at: Instant, row: MotRow, ground: GroundPlane | None) -> PathPoint:
    place = None if ground is None else ground.at(row.x + row.width / 2, row.y + row.height)
    return PathPoint(at, row.x, row.y, row.width, row.height, place)


def _times(path: Path, camera: CameraSettings) -> Callable[[int], Instant]:
    """How frame numbers become times: by ``<camera>.frames`` where that tells times, else by the frame rate."""
    beside = path.with_suffix(".frames")
    frames = read_frames(beside) if beside.exists() else None
    if frames is None or frames.clock is None:
        return lambda frame: frame_time(camera, frame)
    known: dict[int, Instant] = dict(zip(frames.numbers.tolist(), frames.times(camera).tolist(), strict=True))

    def time_of(frame: int) -> Instant:
        if frame not in known:
            raise FormatError(f"{path}: frame {frame} is not listed in {beside.name}, which tells the times of frames")
        return known[frame]

    return time_of


@dataclass(frozen=True, slots=True)
class _Looks:
    """What an ``.npz`` file says of the tracks of one camera."""

    place: dict[int, int]
    embeddings: FloatArray | None
    types: FloatArray | None
    colours: FloatArray | None
    orientations: FloatArray | None

    @classmethod
    def read(cls, path: Path) -> _Looks:
        if not path.exists():
            return cls({}, None, None, None, None)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found: dict[str, npt.NDArray[Any]] = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise FormatError(f"{path}: not an npz file of plain arrays: {error}") from error
        ids = found.get("ids")
        if ids is None or ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
            raise FormatError(f"{path}: expected whole numbers 'ids' (N,)")
        for name in _ROWS:
            rows = found.get(name)
            if rows is not None and (rows.ndim != 2 or len(rows) != len(ids) or not np.isfinite(rows).all()):
                raise FormatError(f"{path}: expected finite numbers '{name}' ({len(ids)}, D), found {rows.shape}")
        types = found.get("type")
        if types is not None and types.shape[1] > len(VEHICLE_TYPES):
            raise FormatError(f"{path}: 'type' has {types.shape[1]} columns, but there are {len(VEHICLE_TYPES)} types")
        for name, classes in (("colour", VEHICLE_COLOURS), ("orientation", ORIENTATIONS)):
            rows = found.get(name)
            if rows is not None and rows.shape[1] != len(classes):
                raise FormatError(f"{path}: '{name}' has {rows.shape[1]} columns, expected {len(classes)}: {', '.join(classes)}")
        place = {int(track): index for index, track in enumerate(ids)}
        return cls(place, *(None if rows is None else rows.astype(np.float32) for rows in map(found.get, _ROWS)))

    def embeddings_of(self, track: int) -> tuple[Embedding, ...]:
        if self.embeddings is None or track not in self.place:
            return ()
        vector = self.embeddings[self.place[track]]
        norm = float(np.linalg.norm(vector))
        if norm == 0.0:
            return ()
        dimension = len(vector)
        definition = hashlib.sha256(f"{_MODEL}/{dimension}".encode()).hexdigest()[:16]
        return (Embedding.of(_MODEL, definition, vector / np.float32(norm)),)

    def types_of(self, track: int) -> dict[str, float]:
        return dict(zip(VEHICLE_TYPES, self._shares_of(track, self.types), strict=False))

    def attributes_of(self, track: int) -> dict[str, tuple[float, ...]]:
        colour = self._shares_of(track, self.colours)
        return {"colour": colour} if colour else {}

    def orientation_of(self, track: int) -> tuple[float, ...]:
        return self._shares_of(track, self.orientations)

    def _shares_of(self, track: int, rows: FloatArray | None) -> tuple[float, ...]:
        """A track's row, made to sum to 1; empty where nothing is known."""
        if rows is None or track not in self.place:
            return ()
        weights = np.maximum(rows[self.place[track]], 0.0)
        total = float(weights.sum())
        return () if total == 0.0 else tuple(float(weight) / total for weight in weights)
