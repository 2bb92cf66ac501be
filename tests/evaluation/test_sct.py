from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.boxes import Boxes
from evaluation.sct import SctReport, SctTruth, evaluate_sct, mot_boxes
from tests.support.tracking_oracle import assert_equal, mot_challenge, random_sequence
from throughline.formats.mot import MotRow, read_mot, write_mot
from throughline.formats.mot_folder import read_mot_folder


def track(vehicle: int, frames: range, x: float = 0.0, *, height: float = 10.0, mark: float = 1.0) -> list[MotRow]:
    return [MotRow(frame, vehicle, x, 0.0, 10.0, height, mark) for frame in frames]


def counts(truth: Sequence[MotRow], result: Sequence[MotRow], least_height: float = 0.0) -> tuple[int, int, int]:
    """Matches, false positives and false negatives."""
    report = evaluate_sct({"c1": SctTruth.of_rows(truth)}, {"c1": mot_boxes(result)}, least_height=least_height)
    clear = report.combined.clear
    return clear.true_positives, clear.false_positives, clear.false_negatives


def test_ignored_truth_need_not_be_found_and_found_is_no_error() -> None:
    truth = [*track(1, range(1, 5)), *track(2, range(1, 5), 50.0, mark=0.0)]
    assert counts(truth, track(7, range(1, 5))) == (4, 0, 0)
    assert counts(truth, [*track(7, range(1, 5)), *track(8, range(1, 5), 51.0)]) == (4, 0, 0)
    assert counts(truth, [*track(7, range(1, 5)), *track(8, range(1, 5), 58.0)]) == (4, 4, 0), "IoU 0.11: beside it"
    assert counts(truth, [*track(7, range(1, 5)), *track(8, range(1, 5), 50.0), *track(9, range(1, 5), 51.0)]) == (4, 4, 0), (
        "an ignored box excuses one found box, not every one near it"
    )


def test_a_found_box_belongs_to_the_true_one_that_it_fits_best() -> None:
    truth = [*track(1, range(1, 5)), *track(2, range(1, 5), 2.0, mark=0.0)]
    assert counts(truth, track(7, range(1, 5))) == (4, 0, 0)
    assert counts(truth, track(7, range(1, 5), 2.0)) == (0, 0, 4)


def test_least_height() -> None:
    low, high = track(1, range(1, 5), height=19.0), track(2, range(1, 5), 50.0, height=20.0)
    assert counts([*low, *high], [*low, *high]) == (8, 0, 0)
    assert counts([*low, *high], [*low, *high], 20.0) == (4, 0, 0), "low truth is ignored with what is found there"
    assert counts([*low, *high], high, 20.0) == (4, 0, 0)
    small = track(2, range(1, 5), 50.0, height=15.0)
    assert counts(high, small, 20.0) == (4, 0, 0), "a low box on a kept one is kept"
    ghost = track(9, range(1, 5), 90.0, height=15.0)
    assert counts(high, [*high, *ghost], 20.0) == (4, 0, 0), "a low box on nothing is taken out"
    assert counts(high, [*high, *ghost]) == (4, 4, 0)
    empty_frame = track(9, range(20, 25), 90.0, height=15.0)
    assert counts(high, [*high, *empty_frame], 20.0) == (4, 0, 0), "also where the truth has no box at all"


def test_cameras_are_scored_alone_and_together() -> None:
    truth = {"c1": SctTruth.of_rows(track(1, range(1, 11))), "c2": SctTruth.of_rows(track(1, range(1, 31)))}
    report = evaluate_sct(truth, {"c1": mot_boxes(track(1, range(1, 11)))})
    assert report.without_result == ("c2",)
    assert {camera: score.identity.f1 for camera, score in report.by_camera.items()} == {"c1": 1.0, "c2": 0.0}
    assert report.combined.clear.recall == 0.25
    numbers = report.to_json()
    assert (numbers["idf1"], numbers["mota"], numbers["fn"], numbers["mt"], numbers["ml"]) == (0.4, 0.25, 30, 1, 1)
    assert numbers["without_result"] == ["c2"]
    table = report.to_markdown()
    assert "| all cameras | 0.5000 | 0.2500 | 1.0000 | 0.4000 |" in table
    assert "Without a result, counted as empty: c2." in table


def test_one_id_in_two_cameras_is_two_tracks() -> None:
    truth = {"c1": SctTruth.of_rows(track(1, range(1, 11))), "c2": SctTruth.of_rows(track(1, range(1, 11)))}
    result = {"c1": mot_boxes(track(5, range(1, 11))), "c2": mot_boxes(track(6, range(1, 11)))}
    assert evaluate_sct(truth, result).combined.identity.f1 == 1.0


def test_what_cannot_be_scored_is_refused() -> None:
    shown = SctTruth.of_rows(track(1, range(1, 3)))
    with pytest.raises(ValueError, match="no truth"):
        evaluate_sct({}, {})
    with pytest.raises(ValueError, match="results without a truth: c8, c9; the truth has c1"):
        evaluate_sct({"c1": shown}, {"c9": mot_boxes([]), "c8": mot_boxes([])})
    with pytest.raises(ValueError, match="camera c1: result: id 4 has two boxes in frame 2"):
        evaluate_sct({"c1": shown}, {"c1": mot_boxes([*track(4, range(1, 3)), *track(4, range(2, 3))])})
    with pytest.raises(ValueError, match="expected ignored"):
        SctTruth(shown.boxes, np.zeros(3, np.bool_))


@pytest.mark.parametrize("grid", [False, True], ids=["noise", "ties"])
def test_files_score_as_trackeval_scores_them(tmp_path: Path, grid: bool) -> None:
    truth, result = {}, {}
    for seed in range(200, 204):
        true, found = random_sequence(seed, grid=grid)
        truth[f"street-{seed}"] = [as_truth(row, ignored=row.id % 3 == 0) for row in rows_of(true)]
        result[f"street-{seed}"] = rows_of(found)
    report = compare_files(tmp_path, truth, result)
    assert report.combined.clear.true_positives > 50
    lost = (
        sum(len(rows) for rows in result.values()) - report.combined.clear.true_positives - report.combined.clear.false_positives
    )
    assert lost > 20, "found boxes on ignored ones were taken out"


@pytest.mark.shared_data
def test_real_tracks_score_as_trackeval_scores_them(shared_data: Path, tmp_path: Path) -> None:
    tracks = {path.parent.name: read_mot(path) for path in sorted((shared_data / "mot").glob("*/gt.txt"))}
    if not tracks:
        pytest.skip("the shared data have no mot/*/gt.txt")
    rng = np.random.default_rng(5)
    truth = {name: [as_truth(row, ignored=False) for row in rows] for name, rows in tracks.items()}
    result = {name: spoilt(rows, rng) for name, rows in tracks.items()}
    assert 0.3 < compare_files(tmp_path, truth, result).combined.hota.mean_hota < 0.9


def as_truth(row: MotRow, *, ignored: bool) -> MotRow:
    """With mark and class such that the MOTChallenge's evaluation ignores the box, or not."""
    return replace(row, confidence=0.0, category=8) if ignored else replace(row, confidence=1.0, category=1)


def rows_of(boxes: Boxes) -> list[MotRow]:
    found = zip(boxes.frames.tolist(), boxes.ids.tolist(), boxes.boxes.tolist(), strict=True)
    return [MotRow(frame, vehicle, *box) for frame, vehicle, box in found]


def spoilt(rows: list[MotRow], rng: np.random.Generator) -> list[MotRow]:
    """Misses a tenth, moves the rest, and gives each track a new id every 50 frames."""
    found = []
    for row in rows:
        x, y = rng.normal(0.0, 0.05, 2) * (row.width, row.height)
        if rng.random() < 0.9:
            found.append(replace(row, id=row.id + 10_000 * (row.frame // 50), x=row.x + x, y=row.y + y, category=-1))
    return found


def compare_files(folder: Path, truth: dict[str, list[MotRow]], result: dict[str, list[MotRow]]) -> SctReport:
    """Scores files by us and by TrackEval, its preprocessing included; each sequence and all of them must be equal."""
    found = folder / "trackers" / "ours" / "data"
    found.mkdir(parents=True)
    for name, rows in truth.items():
        (folder / "truth" / name / "gt").mkdir(parents=True)
        write_mot(folder / "truth" / name / "gt" / "gt.txt", rows)
        write_mot(found / f"{name}.txt", result[name])
    lengths = {name: max(row.frame for row in [*rows, *result[name]]) for name, rows in truth.items()}
    expected = mot_challenge(folder / "truth", folder / "trackers", lengths)["ours"]
    report = evaluate_sct(
        {name: SctTruth.of_rows(rows) for name, rows in read_mot_folder(folder / "truth").items()},
        {name: mot_boxes(rows) for name, rows in read_mot_folder(found).items()},
    )
    for name, score in [*report.by_camera.items(), ("COMBINED_SEQ", report.combined)]:
        for metric, ours in (("HOTA", score.hota), ("CLEAR", score.clear), ("Identity", score.identity)):
            assert_equal(ours, expected[name]["pedestrian"][metric], metric)
    return report
