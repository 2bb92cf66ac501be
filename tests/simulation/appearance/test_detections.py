"""Drawn detections: missed where vehicles are small or hidden, loose boxes, false alarms, and nothing remembered."""

import numpy as np
import pytest

from simulation.appearance import DetectorModel, DrawnAttributes, DrawnDetections, DrawnEmbeddings, looks_of_tracks
from simulation.appearance.occlusion import occluders
from simulation.appearance.visits import visits_of
from simulation.city import CityCamera, CityVehicle, Sightings

_CAMERA = CityCamera("c1", 1, (0.0, 0.0, 6.0), 0.0, 10.0, 900.0, (1280, 720))
_VEHICLES = {n: CityVehicle(n, "saloon", "white", "", 1.0, n) for n in range(1, 201)}


def _sightings(height: float, visible: float = 1.0, frames: int = 40, count: int = 100) -> Sightings:
    """So many vehicles of one height, standing beside each other."""
    rows = frames * count
    vehicles = np.tile(np.arange(1, count + 1), frames)
    corner = np.stack((vehicles * 11.0, np.full(rows, 300.0)), 1)
    boxes = np.concatenate((corner, np.add(corner, (1.4 * height, height))), 1).astype(np.float32)
    ones = np.ones(rows, np.float32)
    return Sightings(
        "c1", 10.0, np.repeat(np.arange(frames), count), vehicles, boxes, ones, visible * ones,
        np.zeros((rows, 2), np.float32), np.zeros(rows, np.float32), np.zeros(rows, np.int64),
    )  # fmt: skip


def _recall(height: float, visible: float = 1.0) -> float:
    sightings = _sightings(height, visible)
    drawn = DrawnDetections(sightings, _CAMERA, _VEHICLES, 3, 40, DetectorModel(false_alarms=0.0))
    return len(drawn.detections) / len(sightings)


def test_recall_is_what_the_model_says() -> None:
    assert _recall(8) == pytest.approx(0.66, abs=0.06)
    assert _recall(12) == pytest.approx(0.90, abs=0.04)
    assert _recall(20) > 0.98
    assert _recall(32, 0.5) == pytest.approx(0.91, abs=0.04)
    assert _recall(32, 0.2) == pytest.approx(0.51, abs=0.07)


def test_boxes_lie_about_the_vehicle() -> None:
    sightings = _sightings(60)
    drawn = DrawnDetections(sightings, _CAMERA, _VEHICLES, 3, 40, DetectorModel(false_alarms=0.0))
    found, shown = drawn.frame(5), drawn.crops.where(drawn.rows(5))
    assert (drawn.frames[drawn.rows(5)] == 5).all()
    true = {int(v): box for v, box in zip(sightings.vehicles[:100], sightings.boxes[:100], strict=True)}
    off = found.boxes - np.stack([true[v] for v in shown.vehicles.tolist()])
    assert 0.5 < off[:, 3].std() < 2.5
    assert (np.diff(found.scores) <= 0).all()
    assert (drawn.detections.boxes[:, 2] <= 1280).all()


def test_detections_do_not_depend_on_what_comes_later() -> None:
    whole = DrawnDetections(_sightings(20), _CAMERA, _VEHICLES, 3, 40)
    begun = DrawnDetections(_sightings(20), _CAMERA, _VEHICLES, 3, 15)
    for frame in range(15):
        assert np.array_equal(whole.frame(frame).boxes, begun.frame(frame).boxes)


def test_false_alarms_come_as_often_as_stated_and_stay_for_a_moment() -> None:
    empty = _sightings(20).where(np.zeros(4000, np.bool_))
    drawn = DrawnDetections(empty, _CAMERA, _VEHICLES, 3, 5000, DetectorModel(false_alarms=0.2))
    alarms = np.unique(drawn.crops.vehicles)
    assert 0.2 * 500 * 0.7 < len(alarms) < 0.2 * 500 * 1.3
    assert len(drawn.detections) == 5 * len(alarms)
    assert alarms.max() < 0


def test_visits_are_counted_for_each_vehicle() -> None:
    frames = np.array([0, 0, 5, 5, 200, 200, 205, 500])
    vehicles = np.array([1, 2, 1, 2, 1, 3, 1, 1])
    ones = np.ones(8, np.float32)
    sightings = Sightings(
        "c1", 10.0, frames, vehicles, np.zeros((8, 4), np.float32), ones, ones, np.zeros((8, 2), np.float32), ones, vehicles
    )
    assert visits_of(sightings).tolist() == [0, 0, 0, 0, 1, 0, 1, 2]
    assert len(visits_of(sightings.where(vehicles == 9))) == 0


def test_the_occluder_is_the_one_in_front() -> None:
    boxes = np.array([(0, 0, 50, 50), (20, 10, 80, 70), (300, 0, 350, 90)], np.float32)
    three, ones = np.array([4, 5, 6]), np.ones(3, np.float32)
    sightings = Sightings(
        "c1", 10.0, np.zeros(3, np.int64), three, boxes, ones, np.array([0.5, 0.9, 0.9], np.float32),
        np.zeros((3, 2), np.float32), ones, three,
    )  # fmt: skip
    assert occluders(sightings).tolist() == [5, 0, 0]


def test_looks_of_perfect_tracks_are_those_of_their_vehicles() -> None:
    sightings = _sightings(60)
    embeddings, attributes = DrawnEmbeddings(_VEHICLES, 4), DrawnAttributes(_VEHICLES, 4)
    other = CityCamera("c2", 2, (0.0, 0.0, 6.0), 0.0, 10.0, 900.0, (1280, 720))
    first, second = (looks_of_tracks(sightings, 7 * sightings.vehicles, c, embeddings, attributes) for c in (_CAMERA, other))
    assert first["ids"].tolist() == (7 * np.arange(1, 101)).tolist()
    alike = first["embeddings"].astype(np.float32) @ second["embeddings"].astype(np.float32).T
    off = ~np.eye(100, dtype=np.bool_)
    assert np.diag(alike).mean() > alike[off].mean() + 0.15
    assert first["colour"].shape == (100, 11)
    assert first["type"].shape == (100, 4)
    assert first["orientation"].astype(np.float32).sum(axis=1) == pytest.approx(1.0, abs=0.01)
