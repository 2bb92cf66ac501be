"""`throughline simulate`: what it writes is what `associate` and `evaluate` take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulation.city.storage import load_scenario, save_scenario, shipped_scenario
from simulation.city.sumo import run
from throughline.commands.main import main
from throughline.formats.mot import read_mot_tracks
from throughline.formats.recorded_tracks import read_recorded_tracks
from throughline.settings import load_site


def test_demo_goes_through_associate_and_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "demo", "--out", str(tmp_path), "--fps", "4"]) == 0
    assert "4 cameras" in capsys.readouterr().err
    site = load_site(tmp_path / "site.yaml")
    assert {camera.fps for camera in site.cameras} == {4.0}
    tracks = read_recorded_tracks(tmp_path / "tracks", site)
    assert all(track.tracklet.embeddings and track.tracklet.types and track.tracklet.orientation for track in tracks)
    assert all(track.tracklet.path[0].ground is not None for track in tracks)
    result = tmp_path / "result"
    assert (
        main(["associate", "--tracks", str(tmp_path / "tracks"), "--site", str(tmp_path / "site.yaml"), "--out", str(result)])
        == 0
    )
    capsys.readouterr()
    truth, found = str(tmp_path / "truth.txt"), str(result / "tracks.txt")
    assert main(["evaluate", "mtmc", "--truth", truth, "--result", found, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["idf1"] > 0.75


def test_looks_follow_the_seed_and_tracks_do_not(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["simulate", "demo", "--out", str(tmp_path / name), "--fps", "1", "--seconds", "40", "--seed", seed]) == 0
    files = {name: [(tmp_path / name / "tracks" / f"c02.{kind}").read_bytes() for kind in ("txt", "npz")] for name in "abc"}
    assert files["a"] == files["b"]
    assert files["a"][0] == files["c"][0]
    assert files["a"][1] != files["c"][1]
    assert max(row.frame for row in read_mot_tracks(tmp_path / "a" / "tracks" / "c02.txt")) <= 40


def test_a_scenario_of_ones_own(tmp_path: Path) -> None:
    save_scenario(shipped_scenario("demo").until(30.0), tmp_path / "own.npz")
    assert main(["simulate", str(tmp_path / "own.npz"), "--out", str(tmp_path / "out"), "--fps", "2"]) == 0
    assert load_scenario(tmp_path / "own.npz").seconds == 30.0
    assert (tmp_path / "out" / "truth.txt").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paris"], "there is no scenario paris"),
        (["paris", "--remake"], "paris cannot be made anew"),
        (["demo", "--seed", "-1"], "--seed"),
    ],
)
def test_wrong_use(arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *arguments, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_remake_without_sumo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    assert main(["simulate", "demo", "--remake", "--out", str(tmp_path)]) == 1
    assert "throughline[simulation]" in capsys.readouterr().err
