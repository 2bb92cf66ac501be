from __future__ import annotations

import pytest

from evaluation.mtmc import evaluate_mtmc, true_vehicles
from evaluation.pairs import pair_score
from throughline.formats.aicity import AiCityRow


def track(camera: int, vehicle: int, frames: range, x: float = 0.0) -> list[AiCityRow]:
    return [AiCityRow(camera, vehicle, frame, x, 0.0, 10.0, 10.0) for frame in frames]


TRUTH = [*track(1, 1, range(1, 11)), *track(2, 1, range(1, 31)), *track(1, 2, range(1, 11), 50.0)]


def test_a_perfect_result_under_other_ids() -> None:
    result = [AiCityRow(row.camera, row.id + 40, row.frame, row.x, row.y, row.width, row.height) for row in TRUTH]
    report = evaluate_mtmc(TRUTH, result)
    assert (report.identity.f1, report.pairs.f1) == (1.0, 1.0)
    assert (report.true_vehicles, report.found_vehicles) == (2, 2)
    assert report.to_json()["idf1"] == 1.0
    assert "| all cameras | 1.0000" in report.to_markdown()


def test_ids_that_are_not_joined_across_cameras_cost_the_shorter_part() -> None:
    result = [*track(1, 1, range(1, 11)), *track(2, 9, range(1, 31)), *track(1, 2, range(1, 11), 50.0)]
    report = evaluate_mtmc(TRUTH, result)
    assert report.identity.f1 == pytest.approx(40 / 50)
    assert {camera: score.f1 for camera, score in report.by_camera.items()} == {1: 1.0, 2: 1.0}
    assert (report.pairs.precision, report.pairs.recall) == (1.0, 0.0)


def test_the_same_frame_of_two_cameras_is_not_the_same_picture() -> None:
    assert evaluate_mtmc(track(1, 1, range(1, 5)), track(2, 1, range(1, 5))).identity.f1 == 0.0


def test_the_true_vehicle_of_a_track_is_the_one_that_most_boxes_lie_on() -> None:
    mixed = [*track(1, 7, range(1, 4), 50.0), *track(1, 7, range(4, 11)), *track(3, 8, range(1, 3))]
    assert true_vehicles(TRUTH, mixed) == {(1, 7): 1}


def test_pairs_count_vehicles_by_tracks() -> None:
    truth = {"a": 1, "b": 1, "c": 1, "d": 2}
    score = pair_score(truth, {"a": "x", "b": "x", "c": "y", "d": "y", "stranger": "x"})
    assert (score.together, score.found, score.true) == (1, 2, 3)
    assert score.f1 == pytest.approx(0.4)
    assert pair_score(truth, {}).precision == 1.0
    assert pair_score(truth, {}).recall == 0.0
