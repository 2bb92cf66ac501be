from __future__ import annotations

import numpy as np
import pytest

from evaluation.boxes import Boxes
from evaluation.mtmc import evaluate_mtmc, to_boxes, true_vehicles
from evaluation.mtmc_filters import MtmcFilters, filtered
from evaluation.pairs import pair_score
from tests.support.tracking_oracle import Oracle, assert_equal, random_sequence
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


def random_cameras(seed: int, cameras: int = 4, vehicles: int = 8) -> tuple[list[AiCityRow], list[AiCityRow]]:
    """Vehicles that several cameras see, with noise, misses, ghosts and ids that are mixed up on the way."""
    rng = np.random.default_rng(seed)
    truth, result = [], []
    for camera in range(1, cameras + 1):
        true, found = random_sequence(100 * seed + camera, vehicles=vehicles)
        names = np.where(rng.random(vehicles * 400) < 0.6, np.arange(vehicles * 400), np.arange(vehicles * 400) + 10_000 * camera)
        ids = {int(one): int(names[number]) for number, one in enumerate(np.unique(found.ids))}
        truth += [
            AiCityRow(camera, int(i), int(f), *map(float, b)) for f, i, b in zip(true.frames, true.ids, true.boxes, strict=True)
        ]
        result += [
            AiCityRow(camera, ids[int(i)], int(f), *map(float, b))
            for f, i, b in zip(found.frames, found.ids, found.boxes, strict=True)
        ]
    return truth, result


@pytest.mark.parametrize("seed", range(12))
def test_cameras_together_score_as_one_long_sequence_does_in_trackeval(seed: int) -> None:
    truth, result = random_cameras(seed)
    report = evaluate_mtmc(truth, result)
    true, found = to_boxes(truth), to_boxes(result)
    pictures = np.unique(np.concatenate([true.frames, found.frames]))
    one_after_the_other = [Boxes(np.searchsorted(pictures, one.frames) + 1, one.ids, one.boxes) for one in (true, found)]
    expected = Oracle().sequence(one_after_the_other[0], one_after_the_other[1])
    assert_equal(report.hota, expected["HOTA"], "HOTA")
    assert_equal(report.identity, expected["Identity"], "Identity")
    assert 0.05 < report.hota.mean_ass_a < 0.95


def test_ids_not_joined_across_cameras_cost_association_alone() -> None:
    result = [*track(1, 1, range(1, 11)), *track(2, 9, range(1, 31)), *track(1, 2, range(1, 11), 50.0)]
    hota = evaluate_mtmc(TRUTH, result).hota
    assert hota.mean_det_a == 1.0
    assert hota.mean_ass_a == pytest.approx((10 * 10 / 40 + 30 * 30 / 40 + 10) / 50)


def test_a_second_box_of_an_identity_in_one_picture_is_a_false_one() -> None:
    report = evaluate_mtmc(TRUTH, [*TRUTH, *track(2, 1, range(1, 31), 300.0)])
    assert report.hota.mean_det_a == pytest.approx(50 / 80)
    assert report.hota.mean_ass_a == 1.0
    once = evaluate_mtmc(TRUTH, [*TRUTH, *track(2, 1, range(1, 31), 300.0)], filters=MtmcFilters(once_a_picture=True))
    assert (once.identity.f1, once.left_out["again in one picture"]) == (1.0, (0, 30))


def test_vehicles_of_one_camera_alone_can_be_left_out() -> None:
    report = evaluate_mtmc(TRUTH, [*TRUTH, *track(2, 8, range(1, 5), 90.0)], filters=MtmcFilters(several_cameras=True))
    assert report.left_out == {"one camera": (10, 14)}
    assert (report.identity.f1, report.true_vehicles, report.found_vehicles) == (1.0, 1, 1)


def test_boxes_with_a_corner_beside_the_region_are_left_out() -> None:
    region = np.zeros((40, 100), np.bool_)
    region[:, :55] = True
    rows = [AiCityRow(1, 1, 1, x, 0.0, 10.0, 10.0) for x in (0.0, 44.0, 46.0, 50.0, 95.0, -5.0)]
    rows.append(AiCityRow(2, 1, 1, 70.0, 0.0, 10.0, 10.0))
    kept, _, left_out = filtered(rows, [], MtmcFilters({1: region}))
    assert [row.x for row in kept] == [0.0, 44.0, -5.0, 70.0], "corners out of the picture are not asked, nor other cameras"
    assert left_out == {"outside the region": (3, 0)}


def test_small_boxes_count_neither_way() -> None:
    small = [AiCityRow(1, 5, frame, 200.0, 0.0, 5.0, 4.0) for frame in range(1, 4)]
    found = [AiCityRow(1, 6, frame, 200.0, 0.0, 5.0, 4.4) for frame in range(1, 4)]
    report = evaluate_mtmc([*TRUTH, *small], [*TRUTH, *found], filters=MtmcFilters(least_area=21.0))
    assert report.left_out == {"small": (3, 3)}
    assert report.identity.f1 == 1.0
    text = report.to_markdown()
    assert "| small | 3 | 3 |" in text
    assert set(report.to_report().files()) == {"idf1-by-camera.svg", "hota.svg"}
