"""Both commands, on traffic small enough to wait for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import tracker_quality, tracker_speed
from tests.support.sequences import lanes, write_sets
from throughline.types import Detections


def test_memory_is_what_the_tracker_keeps() -> None:
    def start(size: tuple[int, int], frames: list[Detections]) -> list[tracker_speed.Step]:
        kept: list[bytes] = []
        assert [len(frame) for frame in frames] == [0, 1000, 1000]
        return [lambda: None, lambda: kept.append(bytes(500_000)), lambda: bytes(500_000)]

    assert 500_000 <= tracker_speed.memory_per_thousand_tracks(start, frames=2) < 510_000


@pytest.mark.slow
def test_speed_prints_every_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "speed.json"
    monkeypatch.setattr(
        "sys.argv", ["tracker_speed", "--detections", "5", "20", "--frames", "5", "--rounds", "2", "--json", str(file)]
    )
    assert tracker_speed.main() == 0
    printed = capsys.readouterr().out
    result = json.loads(file.read_text())
    for name, sizes in result["milliseconds"].items():
        assert f"| {name} | " in printed
        assert all(0 < one["median"] <= one["p99"] and one["ratio"] > 0 for one in sizes.values())
    assert {one["ratio"] for one in result["milliseconds"]["ByteTrack"].values()} == {1.0}
    assert set(result["milliseconds"]) >= {"Throughline", "SORT", "ByteTrack", "OC-SORT", "BoT-SORT"}
    assert all(size > 10_000 for size in result["bytes_per_1000_tracks"].values())
    assert "to reach: 0.2 ms" in printed


@pytest.mark.slow
def test_quality_prints_one_table_and_who_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sets(tmp_path, lanes(3, 60))
    file = tmp_path / "quality.json"
    arguments = ["--data", str(tmp_path), "--seeds", "1", "2", "--jobs", "1", "--json", str(file)]
    chosen = ["--sets", "toll road, degraded", "S01, degraded", "--trackers", "Throughline", "SORT, defaults"]
    monkeypatch.setattr("sys.argv", ["tracker_quality", *arguments, *chosen])
    assert tracker_quality.main() == 0
    printed = capsys.readouterr().out
    result = json.loads(file.read_text())
    assert printed.count("| Throughline |") == 3  # two sets and their mean
    assert printed.count("mean of the sets, ") == 6
    assert set(result["scores"]) == {"toll road, degraded", "S01, degraded", "mean of the sets"}
    rates = result["scores"]["S01, degraded"]["Throughline"]
    assert set(rates) == {"full", "second", "random"}
    assert 0.3 < rates["full"]["idf1"] <= 1.0
    assert len(result["verdicts"]) == 3 * 3 * 2


def test_quality_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tracker_quality", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        tracker_quality.main()
    assert "name its folder with --data" in capsys.readouterr().err
