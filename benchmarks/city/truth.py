"""What truly happened in a city, in the terms in which results are judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.city.cameras import CameraLog
from benchmarks.city.drawn_camera import EPOCH
from evaluation.identity import overlapping
from evaluation.labelling import first_good
from evaluation.matches import MatchTruth
from evaluation.mtmc import to_boxes
from evaluation.visits import Visit, passages_of
from simulation.city import Sightings
from simulation.city.passages import passages
from simulation.city.truth import aicity_rows, annotated
from throughline.formats.aicity import AiCityRow
from throughline.settings import Site
from throughline.times import Instant, after

__all__ = ["GOOD_HEIGHT", "CityTruth", "city_truth"]

GOOD_HEIGHT = 30.0
GOOD_SHARE = 0.5
"""A good frame shows a vehicle this many pixels high, and this share of it, neither hidden nor outside of the picture."""


@dataclass(frozen=True, slots=True)
class CityTruth:
    """The truth about tracks that were made of a city's footage.

    Attributes:
        rows: Boxes that somebody who annotates the pictures would draw, by vehicle.
        vehicle_of: True vehicle by tracklet id: the one that most of its boxes lie on; those that lie on none are left out.
        boxes: By tracklet id, its boxes that count: those on vehicles that nobody would annotate do not.
        matches: For `evaluation.matches`.
    """

    rows: tuple[AiCityRow, ...]
    vehicle_of: Mapping[str, int]
    boxes: Mapping[str, tuple[AiCityRow, ...]]
    matches: MatchTruth

    def rows_with(self, ids: Mapping[str, int]) -> list[AiCityRow]:
        """The tracklets' boxes that count, under these ids by tracklet id."""
        return [replace(row, id=ids[tracklet]) for tracklet, rows in self.boxes.items() for row in rows]

    def perfect(self) -> dict[str, int]:
        """Ids by tracklet id that put together what shows one vehicle: all that can be made of these tracks."""
        nobody = max(self.vehicle_of.values(), default=0)
        ids = dict(self.vehicle_of)
        for number, tracklet in enumerate(self.boxes, nobody + 1):
            ids.setdefault(tracklet, number)
        return ids


def city_truth(sightings: Sequence[Sightings], logs: Sequence[CameraLog], site: Site) -> CityTruth:
    """Compares the tracks of all cameras with what they truly showed.

    Args:
        sightings: What each camera truly shows, scenery's hiding included where it is known.
        logs: What became of their footage, in the same order.
        site: Its links say which passages count.
    """
    vehicle_of: dict[str, int] = {}
    boxes: dict[str, tuple[AiCityRow, ...]] = {}
    camera_of: dict[str, str] = {}
    good: list[Visit] = []
    for seen, log in zip(sightings, logs, strict=True):
        own, kept = _judged(seen, log)
        vehicle_of |= own
        boxes |= kept
        camera_of |= dict.fromkeys(log.boxes, log.camera)
        good += _visits([_well_shown(seen)])
    visits = _visits(map(annotated, sightings))
    links = {(link.from_, link.to) for link in site.links}
    closed = {tracklet: record for log in logs for tracklet, record in log.closed.items()}
    by_place: dict[tuple[int, str], list[Visit]] = {}
    for visit in good:
        assert isinstance(visit.vehicle, int)  # noqa: S101 - made in `_visits`
        by_place.setdefault((visit.vehicle, visit.camera), []).append(visit)
    begun: dict[str, Instant] = {}
    for tracklet, vehicle in vehicle_of.items():
        record = closed[tracklet]
        own_visit = Visit(vehicle, record.camera, record.start, record.end)
        first = first_good(own_visit, by_place.get((vehicle, record.camera), ()))
        if first is not None:
            begun[tracklet] = first
    numbers = {camera.id: camera.number or 0 for camera in site.cameras}
    return CityTruth(
        tuple(row for seen in sightings for row in aicity_rows(annotated(seen), numbers[seen.camera])),
        vehicle_of,
        boxes,
        MatchTruth(vehicle_of, camera_of, passages_of(visits, links=links), begun),
    )


def _judged(seen: Sightings, log: CameraLog) -> tuple[dict[str, int], dict[str, tuple[AiCityRow, ...]]]:
    """True vehicle by tracklet id, and the boxes that count."""
    tracklets = list(log.boxes)
    rows = [AiCityRow(log.number, place, *box) for place, tracklet in enumerate(tracklets) for box in log.boxes[tracklet]]
    found = to_boxes(rows)
    true = to_boxes(aicity_rows(seen, log.number))
    mine, theirs = overlapping(true, found, iou=0.5)
    votes = np.zeros((len(tracklets), int(seen.vehicles.max(initial=0)) + 1), np.int32)
    np.add.at(votes, (found.ids[theirs], true.ids[mine]), 1)
    own = {
        tracklet: int(votes[place].argmax()) for place, tracklet in enumerate(tracklets) if votes.shape[1] and votes[place].any()
    }
    wanted = to_boxes(aicity_rows(annotated(seen), log.number))
    on_vehicles, on_wanted = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    on_vehicles[theirs] = True
    on_wanted[overlapping(wanted, found, iou=0.5)[1]] = True
    counted = on_wanted | ~on_vehicles
    kept: dict[str, list[AiCityRow]] = {tracklet: [] for tracklet in tracklets}
    for row, counts in zip(rows, counted.tolist(), strict=True):
        if counts:
            kept[tracklets[row.id]].append(row)
    return own, {tracklet: tuple(some) for tracklet, some in kept.items()}


def _well_shown(seen: Sightings) -> Sightings:
    tall = seen.boxes[:, 3] - seen.boxes[:, 1] >= GOOD_HEIGHT
    return seen.where(tall & (seen.visible >= GOOD_SHARE) & (seen.inside >= GOOD_SHARE))


def _visits(sightings: Iterable[Sightings]) -> list[Visit]:
    return [Visit(one.vehicle, one.camera, after(EPOCH, one.start), after(EPOCH, one.end)) for one in passages(list(sightings))]
