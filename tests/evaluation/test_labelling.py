import numpy as np

from evaluation.labelling import CameraTruth, first_good, label, well_seen
from evaluation.passages import Passage
from evaluation.visits import Visit, passages_of
from throughline.messages import PathPoint

SECOND = 1_000_000


def truth(camera: str, epoch: int, visits: dict[int, tuple[float, float]], period: float = 10.0) -> CameraTruth:
    """Vehicles that stand at x = 100 * identity between two seconds of the footage, ten frames a second."""
    rows = sorted(
        (round(frame * SECOND / 10), vehicle)
        for vehicle, (first, last) in visits.items()
        for frame in range(round(first * 10), round(last * 10) + 1)
    )
    times, vehicles = np.array(rows).T
    x = 100.0 * vehicles.astype(np.float32)
    boxes = np.stack([x, np.zeros_like(x), x + 50, np.full_like(x, 40)], 1)
    return CameraTruth(camera, epoch, round(period * SECOND), times, vehicles, boxes)


def path(x: float, start: int, seconds: float) -> list[PathPoint]:
    return [PathPoint(start + round(k * SECOND / 4), x, 0, 50, 40) for k in range(round(4 * seconds))]


def test_a_tracklet_is_labelled_with_vehicle_and_loop() -> None:
    camera = truth("c1", 7 * SECOND, {1: (0, 3), 2: (2, 5)})
    assert label(path(105, 7 * SECOND, 3), camera) == (0, 1)
    assert label(path(195, (7 + 20 + 2) * SECOND, 3), camera) == (2, 2)


def test_ghosts_and_mixtures_have_no_label() -> None:
    camera = truth("c1", 0, {1: (0, 3), 2: (0, 3), 3: (0, 3)})
    assert label(path(400, 0, 3), camera) is None
    mixture = path(100, 0, 1)[:2] + path(200, SECOND, 1)[:2] + path(300, 2 * SECOND, 1)[:2]
    assert label(mixture, camera) is None
    assert label([], camera) is None
    late = path(500, 0, 2) + path(100, 2 * SECOND, 1)
    assert label(late, camera) == (0, 1)
    assert label(path(500, 0, 3) + path(100, 2 * SECOND, 1), camera) is None


def test_passages_are_between_visits_that_lie_whole_in_the_time_looked_at() -> None:
    cameras = [truth("c1", 0, {1: (0, 3), 2: (2, 5), 3: (6, 6.2)}), truth("c2", 4 * SECOND, {1: (4, 6), 3: (7, 8), 4: (0, 2)})]

    def found(start: int, end: int) -> list[Passage]:
        return passages_of([visit for camera in cameras for visit in well_seen(camera, start, end)])

    assert found(0, 29 * SECOND) == [Passage((loop, vehicle), "c1", "c2") for loop in (0, 1) for vehicle in (1, 3)]
    assert found(SECOND, 12 * SECOND) == [Passage((0, 3), "c1", "c2")]


def test_a_vehicle_that_comes_back_visits_twice() -> None:
    camera = truth("c1", 0, {1: (0, 2), 2: (1, 3)}, period=20.0)
    again = CameraTruth(
        "c1",
        0,
        20 * SECOND,
        np.append(camera.times, 9 * SECOND),
        np.append(camera.vehicles, 1),
        np.vstack([camera.boxes, camera.boxes[:1]]),
    )
    found = well_seen(again, 0, 39 * SECOND)
    assert [(one.vehicle, one.first, one.last) for one in found[:3]] == [
        ((0, 1), 0, 2 * SECOND), ((0, 1), 9 * SECOND, 9 * SECOND), ((0, 2), SECOND, 3 * SECOND),
    ]  # fmt: skip
    assert len(found) == 6
    assert len(well_seen(again, SECOND, 22 * SECOND)) == 3, "no visit that is cut by either end"
    assert first_good(Visit((0, 1), "c1", SECOND, 5 * SECOND), found) == 0
    assert first_good(Visit((0, 1), "c1", 8 * SECOND, 10 * SECOND), found) == 9 * SECOND
    assert first_good(Visit((0, 1), "c2", 8 * SECOND, 10 * SECOND), found) is None


def test_boxes_that_show_too_little_are_no_good_frames() -> None:
    camera = truth("c1", 0, {1: (0, 2)})
    partly = CameraTruth("c1", 0, camera.period, camera.times, camera.vehicles, camera.boxes, counted=camera.times >= SECOND)
    (visit,) = well_seen(partly, 0, 9 * SECOND)
    assert (visit.first, visit.last) == (SECOND, 2 * SECOND)
