"""Recorded single-camera tracks through the very same matcher, in event-time order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from matcher.engine import Matcher
from matcher.statistics import Statistics
from matcher.trace import trace_to
from throughline.formats.aicity import AiCityRow, write_aicity
from throughline.formats.mot import write_mot
from throughline.formats.recorded_tracks import RecordedTrack
from throughline.messages import DecisionTrace, MatcherRecord, MatchEvent, Progress, encode_json
from throughline.settings import Site

__all__ = ["Association", "associate", "records_of", "write_association"]

_PUBLISHED = ("confirmed", "revised", "retracted", "new")


@dataclass(frozen=True, slots=True)
class Association:
    """What the matcher made of recorded tracks.

    Attributes:
        tracks: The tracks, in the order of their end times.
        ids: Global id by tracklet id: 1, 2, 3 ... in the order in which vehicles were first decided.
        events: All match events.
        statistics: What the matcher counted.
    """

    tracks: tuple[RecordedTrack, ...]
    ids: dict[str, int]
    events: tuple[MatchEvent, ...]
    statistics: Statistics


def records_of(tracks: Iterable[RecordedTrack], site: Site) -> Iterator[MatcherRecord]:
    """Tracks as the records that a live site would have sent: each complete, at its end time, with all cameras' progress."""
    cameras = sorted({camera.id for camera in site.cameras})
    ordered = sorted(tracks, key=lambda track: (track.tracklet.end, track.tracklet.tracklet))
    for track in ordered:
        for camera in cameras:
            yield Progress(site.site, camera, track.tracklet.end)
        yield track.tracklet
    last = ordered[-1].tracklet.end if ordered else 0
    for camera in cameras:
        yield Progress(site.site, camera, last, end_of_stream=True)


def associate(site: Site, tracks: Iterable[RecordedTrack], trace: Callable[[DecisionTrace], object] | None = None) -> Association:
    """Gives the tracks of all cameras global ids.

    Args:
        site: Cameras, links and settings.
        tracks: Recorded tracks, such as `throughline.formats.recorded_tracks.read_recorded_tracks` gives.
        trace: Is given the trace of each decision, in the order of the events.

    Returns:
        The ids last published as confirmed, revised, retracted or new, and all events.
    """
    known = tuple(sorted(tracks, key=lambda track: (track.tracklet.end, track.tracklet.tracklet)))
    matcher = Matcher(site)
    if trace is not None:
        trace_to(matcher, trace)
    events: list[MatchEvent] = []
    for record in records_of(known, site):
        events += matcher.process(record)
    vehicle = {event.tracklet.tracklet: event.vehicle for event in events if event.kind in _PUBLISHED}
    numbers: dict[str, int] = {}
    ids = {}
    for tracklet, name in vehicle.items():
        ids[tracklet] = numbers.setdefault(name, len(numbers) + 1)
    for track in known:  # refused by the matcher: a vehicle of its own
        ids.setdefault(track.tracklet.tracklet, len(numbers) + len(ids) + 1)
    return Association(known, ids, tuple(events), matcher.statistics)


def write_association(association: Association, site: Site, folder: Path) -> None:
    """Writes ``<camera>.txt`` (MOT) and ``tracks.txt`` (AI City) with global ids, and ``matches.jsonl``.

    Raises:
        ValueError: a camera has no number, which the AI City format needs.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[AiCityRow] = []
    for camera in site.cameras:
        boxes = [
            replace(box, id=association.ids[track.tracklet.tracklet])
            for track in association.tracks
            if track.camera == camera.id
            for box in track.rows
        ]
        boxes.sort(key=lambda box: (box.frame, box.id))
        if camera.number is None:
            raise ValueError(f"the camera {camera.id} has no digits in its id: give it a number in the site file")
        write_mot(folder / f"{camera.id}.txt", boxes)
        rows += [AiCityRow(camera.number, box.id, box.frame, box.x, box.y, box.width, box.height) for box in boxes]
    write_aicity(folder / "tracks.txt", rows)
    (folder / "matches.jsonl").write_bytes(b"".join(encode_json(event) + b"\n" for event in association.events))
