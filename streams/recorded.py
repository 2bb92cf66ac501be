"""Recorded detections of one camera through the very same tracker that follows live ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from streams.regions import mask_size
from streams.track_rows import TrackRows
from streams.tracker import TimeNotAdvancingError
from streams.view import CameraView
from throughline.formats.detections import RecordedDetections
from throughline.formats.mot import MotRow
from throughline.settings import CameraSettings, TrackingSettings

__all__ = ["RecordedTracks", "track_recorded"]


@dataclass(frozen=True, slots=True)
class RecordedTracks:
    """What the tracker made of the recorded detections of one camera.

    Attributes:
        camera: Camera id.
        rows: Sightings of confirmed tracks, by frame, then id; ids count from 1 in the order of confirmation.
        tracks: How many tracks there are.
        frames: Frames that went through the tracker.
        frames_dropped: Frames that did not, by reason: ``clock`` (not later than the one before).
        detections: Detections of the file, those of dropped frames included.
        dropped: Detections that were not used, by reason: those of live cameras, ``clock`` (of a dropped frame), ``category``
            and ``crowd`` (left out of a COCO file).
    """

    camera: str
    rows: tuple[MotRow, ...]
    tracks: int
    frames: int
    frames_dropped: Mapping[str, int]
    detections: int
    dropped: Mapping[str, int]


def track_recorded(tracking: TrackingSettings, camera: CameraSettings, recorded: RecordedDetections) -> RecordedTracks:
    """Follows the vehicles of a recording, frame by frame, as a worker does.

    The size of the picture is that of each frame, where the recording tells it; else the camera's ``size``, else that of its
    mask picture. Where it changes, and where the recording says so, tracks are cut, as they were live.

    Args:
        tracking: The site file's ``tracking``.
        camera: Regions, ``min_confidence``, ``size`` and clock count.
        recorded: Its detections.

    Raises:
        RegionError: a region cannot be used.
    """
    size = camera.size or mask_size(camera)
    sizes, cuts = recorded.frames.sizes, recorded.frames.cuts
    view: CameraView | None = None
    exported = TrackRows()
    rows: list[MotRow] = []
    dropped = Counter(recorded.left_out)
    frames_dropped: Counter[str] = Counter()
    instants = recorded.frames.times(camera).tolist()
    for index, (frame, captured) in enumerate(zip(recorded.frames.numbers.tolist(), instants, strict=True)):
        if sizes is not None:
            size = (int(sizes[index, 0]), int(sizes[index, 1]))
        if view is None or view.size != size or (cuts is not None and cuts[index]):
            view = CameraView(tracking, camera, size)
            exported.cut()
        detections = recorded.of(index)
        try:
            tracks, outside = view.track(detections, captured)
        except TimeNotAdvancingError:
            frames_dropped["clock"] += 1
            dropped["clock"] += len(detections)
            continue
        dropped.update(outside)
        dropped.update(tracks.dropped)
        rows += exported.rows(frame, tracks)
    rows.sort(key=lambda row: (row.frame, row.id))
    return RecordedTracks(
        camera=camera.id,
        rows=tuple(rows),
        tracks=exported.tracks,
        frames=len(instants) - frames_dropped.total(),
        frames_dropped=frames_dropped,
        detections=len(recorded.detections) + sum(recorded.left_out.values()),
        dropped=+dropped,
    )
