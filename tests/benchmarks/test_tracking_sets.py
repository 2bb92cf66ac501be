from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks._tracking_sets import Drop, drop_frames, load_sets
from tests.support.sequences import SIZE, lanes, sequence_of, write_sets
from throughline.times import to_instant


def numbers(sequence: object) -> list[int]:
    return [frame.number for frame in sequence.frames]  # type: ignore[attr-defined]  # any sequence


@pytest.mark.parametrize("how", ["full", "second", "random"])
def test_the_truth_of_dropped_frames_goes_with_them(how: Drop) -> None:
    sequence = sequence_of(lanes(2, 200))
    dropped = drop_frames(sequence, how)
    assert set(dropped.truth.frames.tolist()) == set(numbers(dropped))
    assert all(frame in sequence.frames for frame in dropped.frames)


def test_every_second_and_a_random_third() -> None:
    sequence = sequence_of(lanes(1, 1000))
    assert drop_frames(sequence, "full") is sequence
    assert numbers(drop_frames(sequence, "second")) == list(range(1, 1001, 2))
    random = numbers(drop_frames(sequence, "random"))
    assert len(random) == pytest.approx(700, abs=50)
    assert random == numbers(drop_frames(sequence, "random"))
    assert random != numbers(drop_frames(sequence, "random", seed=1))
    assert random != numbers(drop_frames(sequence_of(lanes(1, 1000), seed=2), "random"))
    assert random != numbers(drop_frames(sequence_of(lanes(1, 1000), name="c002"), "random"))


def test_sets_are_read_once_for_each_seed(tmp_path: Path) -> None:
    write_sets(tmp_path, lanes(2, 30))
    found = load_sets(tmp_path, ["toll road, degraded", "S01, degraded", "S03, degraded"], seeds=[1, 2])
    assert [(one.name, one.seed) for one in found[:2]] == [("clip", 1), ("clip", 2)]
    assert [(one.group, one.name, one.seed) for one in found[2:6]] == [
        ("S01, degraded", camera, seed) for seed in (1, 2) for camera in ("c001", "c002")
    ]
    assert len(found) == 2 + 4 + 4
    clip, camera = found[0], found[2]
    assert (clip.fps, clip.size, clip.least_height) == (5.0, SIZE, 24.0)
    assert (camera.fps, camera.size, camera.least_height) == (10.0, (260, 180), 0.0)
    assert [frame.captured for frame in camera.frames] == [to_instant(k / 10.0) for k in range(30)]
    assert clip.frames[1].captured == to_instant(0.2)
    assert np.array_equal(camera.truth.boxes, lanes(2, 30).boxes)
    assert sum(len(frame.detections) for frame in camera.frames) > 30


def test_cameras_of_one_seed_differ(tmp_path: Path) -> None:
    write_sets(tmp_path, lanes(2, 30))
    first, second = load_sets(tmp_path, ["S01, degraded"], seeds=[1])
    assert any(
        not np.array_equal(here.detections.boxes, there.detections.boxes)
        for here, there in zip(first.frames, second.frames, strict=True)
    )


def test_a_folder_without_clips_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no clips with truth .* in .*mot"):
        load_sets(tmp_path, ["toll road, degraded"])


@pytest.mark.shared_data
@pytest.mark.slow
def test_real_sets(shared_data: Path) -> None:
    found = load_sets(shared_data, ["toll road, degraded", "S01, degraded", "S03, degraded"], seeds=[1])
    assert len(found) == 4 + 5 + 6
    for one in found:
        detections = sum(len(frame.detections) for frame in one.frames)
        assert 0.75 * len(one.truth) < detections < 1.25 * len(one.truth) + 0.3 * len(one.frames)
        assert one.truth.frames.max() == one.frames[-1].number
