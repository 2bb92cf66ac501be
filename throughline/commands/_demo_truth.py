"""What a recorded demo is compared with: whom its tracklets show, who truly passed, and where everybody was in every picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from evaluation.boxes import corner_overlaps
from evaluation.labelling import CameraTruth, Vehicle, first_good, label, well_seen
from evaluation.matches import MatchTruth, final_vehicles
from evaluation.visits import Visit, passages_of
from throughline.commands._demo_run import Recording
from throughline.formats.aicity import AiCityRow
from throughline.messages import PathPoint
from throughline.settings import Site
from throughline.times import MICROSECONDS, Instant, after
from throughline.types import FloatArray, IntArray

__all__ = ["box_rows", "counted_tracklets", "match_truth"]

_MARGIN: Final = 1.5
"""Seconds by which a tracklet may begin before, or end after, the time that it is judged by."""
_LEAST_SEEN: Final = 0.5
_LONGEST_STEP: Final = 2.5
"""Seconds between two points of a path beyond which nobody knows where the vehicle was; one that stands is told every 2 s."""
_OVERLAP: Final = 0.5
_LOOPS: Final = 1_000_000
"""More than a scene has vehicles: a vehicle of another loop is another one."""


def counted_tracklets(recording: Recording) -> set[str]:
    """The tracklets that lie within the watched time."""
    low, high = after(recording.start, -_MARGIN), after(recording.end, _MARGIN)
    return {name for name, tracklet in recording.closed.items() if low <= tracklet.start and tracklet.end <= high}


def match_truth(site: Site, recording: Recording, truth: Mapping[str, CameraTruth]) -> MatchTruth:
    """Whom each tracklet shows, and who passed from camera to camera along the site's links in the watched time."""
    closed = {name: tracklet for name, tracklet in recording.closed.items() if tracklet.camera in truth}
    shown = {name: label(tracklet.path, truth[tracklet.camera]) for name, tracklet in closed.items()}
    visits = [
        visit
        for camera in truth.values()
        for visit in well_seen(camera, recording.start, recording.end)
        if visit.last - visit.first >= _LEAST_SEEN * MICROSECONDS
    ]
    links = {(link.from_, link.to) for link in site.links}
    links |= {(link.to, link.from_) for link in site.links if link.both_ways}
    good: dict[str, Instant] = {}
    for name, vehicle in shown.items():
        tracklet = closed[name]
        first = None
        if vehicle is not None:
            first = first_good(Visit(vehicle, tracklet.camera, tracklet.start, tracklet.end), visits)
        if first is not None:
            good[name] = first
    cameras = {name: tracklet.camera for name, tracklet in closed.items()}
    return MatchTruth(shown, cameras, passages_of(visits, links=links or None), good)


def box_rows(site: Site, recording: Recording, truth: Mapping[str, CameraTruth]) -> tuple[list[AiCityRow], list[AiCityRow]]:
    """True and found boxes of every picture in the watched time, found ones with the ids of the vehicles they were taken for.

    A found box on a vehicle that nobody has to follow there (far away, hidden, half in the picture) counts neither way.
    """
    vehicles = final_vehicles(recording.events)
    numbers = {vehicle: number for number, vehicle in enumerate(dict.fromkeys(vehicles.values()), 1)}
    true_rows: list[AiCityRow] = []
    found_rows: list[AiCityRow] = []
    for camera in site.cameras:
        if camera.id not in truth:
            continue
        number, pictures = camera.number or 0, _Pictures(truth[camera.id], recording.start, recording.end)
        for frame, at in enumerate(pictures.instants):
            for vehicle, box, counted in pictures.at(at):
                if counted:
                    true_rows.append(_row(number, vehicle[0] * _LOOPS + vehicle[1] + 1, frame, box))
        for name, tracklet in recording.closed.items():
            if tracklet.camera != camera.id or name not in vehicles:
                continue
            for frame, box in _interpolated(tracklet.path, pictures.instants):
                if not pictures.ignores(pictures.instants[frame], box):
                    found_rows.append(_row(number, numbers[vehicles[name]], frame, box))
    return true_rows, found_rows


class _Pictures:
    """The pictures of one camera in the watched time."""

    def __init__(self, truth: CameraTruth, start: Instant, end: Instant) -> None:
        self._truth = truth
        offsets, places = np.unique(truth.times, return_index=True)
        self._rows: dict[int, slice] = {
            int(offset): slice(int(first), int(last))
            for offset, first, last in zip(offsets, places, [*places[1:], len(truth.times)], strict=True)
        }
        step = 2 * truth.tolerance
        first, last = -(-(start - truth.epoch) // step), (end - truth.epoch) // step
        self.instants: list[Instant] = [truth.epoch + index * step for index in range(int(first), int(last) + 1)]

    def at(self, instant: Instant) -> Iterator[tuple[Vehicle, FloatArray, bool]]:
        """Vehicles of one picture, their boxes, and whether they count."""
        truth = self._truth
        loop, offset = divmod(instant - truth.epoch, truth.period)
        near = (self._rows.get(offset + shift) for shift in (0, -1, 1))  # times are whole microseconds, frame periods may not be
        rows = next((found for found in near if found is not None), slice(0, 0))
        for index in range(rows.start, rows.stop):
            counted = truth.counted is None or bool(truth.counted[index])
            yield (int(loop), int(truth.vehicles[index])), truth.boxes[index], counted

    def ignores(self, instant: Instant, box: FloatArray) -> bool:
        """Whether a found box lies on a vehicle that does not count, and fits none that does.

        A true box is around the whole vehicle; what is found of one that is half hidden is a part of it.
        """
        there = list(self.at(instant))
        if not there:
            return False
        boxes, counted = np.stack([true for _, true, _ in there]), np.array([counts for _, _, counts in there], np.bool_)
        if (corner_overlaps(box[None], boxes[counted]) >= _OVERLAP).any():
            return False
        return bool((corner_overlaps(box[None], boxes[~counted], of_first=True) >= _OVERLAP).any())


def _interpolated(path: Iterable[PathPoint], instants: list[Instant]) -> Iterator[tuple[int, FloatArray]]:
    points = list(path)
    if not points:
        return
    times: IntArray = np.array([point.at for point in points], np.int64)
    boxes = np.array([(point.x, point.y, point.x + point.width, point.y + point.height) for point in points], np.float64)
    wanted = np.array(instants, np.int64)
    low, high = np.searchsorted(wanted, [times[0], times[-1] + 1])
    for frame in range(int(low), int(high)):
        later = min(int(np.searchsorted(times, wanted[frame])), len(times) - 1)
        earlier = later if times[later] == wanted[frame] else max(0, later - 1)
        if times[later] - times[earlier] <= _LONGEST_STEP * MICROSECONDS:
            span = max(1, int(times[later] - times[earlier]))
            share = (int(wanted[frame]) - int(times[earlier])) / span
            yield frame, (boxes[earlier] * (1.0 - share) + boxes[later] * share).astype(np.float32)


def _row(camera: int, vehicle: int, frame: int, box: FloatArray) -> AiCityRow:
    x1, y1, x2, y2 = (float(value) for value in box)
    return AiCityRow(camera, vehicle, frame + 1, x1, y1, x2 - x1, y2 - y1)
