"""`throughline evaluate matches`: what it prints, its pictures, and what it refuses."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from simulation._writer import H264Writer
from throughline.commands._track_pictures import track_pictures
from throughline.commands.main import main
from throughline.formats.recorded_tracks import read_recorded_tracks
from throughline.settings import load_site

COLOURS = {1: (40, 40, 220), 2: (60, 200, 60), 3: (220, 120, 40)}
"""BGR, by vehicle."""


@pytest.fixture
def road(tmp_path: Path) -> Path:
    """Three vehicles that pass two cameras 6 s apart, one after the other, with video, tracks, events and a truth."""
    truth = []
    (tmp_path / "tracks").mkdir()
    for number, camera in enumerate(("c1", "c2"), 1):
        lines = []
        with H264Writer(tmp_path / f"{camera}.mp4", 160, 96, Fraction(10), 400_000) as video:
            for frame in range(1, 201):
                picture = np.full((96, 160, 3), 110, np.uint8)
                for vehicle, colour in COLOURS.items():
                    step = frame - 1 - 40 * (vehicle - 1) - 80 * (number - 1)
                    if 0 <= step < 20:
                        x, size = 10 + 5 * step, 20 + step
                        picture[30 : 30 + size, x : x + size] = colour
                        lines.append(f"{frame},{vehicle},{x},30,{size},{size},0.9,-1,-1,-1\n")
                        truth.append(f"{number} {vehicle} {frame} {x} 30 {size} {size} -1 -1\n")
                video.write(picture)
        (tmp_path / "tracks" / f"{camera}.txt").write_text("".join(lines))
        looks = np.eye(8, dtype=np.float32)[:3]
        np.savez(tmp_path / "tracks" / f"{camera}.npz", ids=np.array([1, 2, 3]), embeddings=looks)
    (tmp_path / "truth.txt").write_text("".join(truth))
    site = {
        "site": "road",
        "cameras": [{"id": camera, "url": f"{camera}.mp4", "fps": 10} for camera in ("c1", "c2")],
        "links": [{"from": "c1", "to": "c2", "travel": {"min": 3, "typical": 6, "max": 12}}],
    }
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))
    common = ["--tracks", str(tmp_path / "tracks"), "--site", str(tmp_path / "site.yaml")]
    assert main(["associate", *common, "--out", str(tmp_path / "out"), "--trace", str(tmp_path / "trace")]) == 0
    return tmp_path


def matches(road: Path, *options: str) -> int:
    files = ["--events", road / "out" / "matches.jsonl", "--tracks", road / "tracks", "--site", road / "site.yaml"]
    return main(["evaluate", "matches", *map(str, files), "--truth", str(road / "truth.txt"), *options])


def test_delays_are_those_of_the_events_by_hand(road: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert matches(road, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["matched"], report["missed"], report["wrong"]) == (3, 0, 0)
    assert (report["precision"], report["recall"], report["pair_f1"]) == (1.0, 1.0, 1.0)
    events = [json.loads(line) for line in (road / "out" / "matches.jsonl").read_text().splitlines()]
    for kind in ("provisional", "confirmed"):
        expected = [
            (event["at"] - (80 + 40 * (int(event["tracklet"]["tracklet"].rpartition("-")[2]) - 1)) * 100_000) / 1e6
            for event in events
            if event["kind"] == kind
        ]
        found = report[f"first_good_frame_to_{kind}_seconds"]
        assert found["count"] == 3
        assert found["p99"] == pytest.approx(max(expected))


def test_a_track_is_shown_by_its_largest_box(road: Path) -> None:
    site = load_site(road / "site.yaml")
    tracks = read_recorded_tracks(road / "tracks", site)
    pictures = track_pictures(site, tracks)
    assert set(pictures) == {track.tracklet.tracklet for track in tracks}
    for track in tracks:
        picture = pictures[track.tracklet.tracklet]
        assert 39 <= picture.shape[0] <= 45, "39 pixels, and a margin"
        middle = picture[10:-10, 10:-10].reshape(-1, 3).mean(axis=0)
        assert np.abs(middle - COLOURS[track.id]).max() < 30
    away = site.model_copy(update={"cameras": tuple(one.model_copy(update={"url": None}) for one in site.cameras)})
    assert track_pictures(away, tracks) == {}


@pytest.mark.parametrize("trace", [True, False], ids=["all that was compared", "join and runner-up"])
def test_the_report_shows_decisions(road: Path, trace: bool, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--trace", str(road / "trace")] if trace else []
    assert matches(road, "--report", str(road / "report.html"), "--sheets", "2", *options) == 0
    page = (road / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "Right joins" in page
    assert "Wrong decisions" not in page
    assert re.findall(r"https?://[^\s\"']+", page.replace("http://www.w3.org/2000/svg", "")) == []
    assert "<h1>Matches: road</h1>" in page
    assert "3 of 3 true passages" in capsys.readouterr().out


def test_what_does_not_fit_is_refused(road: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = road / "out" / "matches.jsonl"
    lines = events.read_text()
    capsys.readouterr()

    def problem(text: str) -> str:
        events.write_text(text)
        assert matches(road) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "matches.jsonl:2: " in problem(lines.splitlines()[0] + "\n{}\n")
    assert "is called c9-1" in problem(lines.replace(json.loads(lines.splitlines()[0])["tracklet"]["tracklet"], "c9-1"))
    with (road / "truth.txt").open("a") as file:
        file.write("5 1 1 10 30 20 20 -1 -1\n")
    assert "the truth has a camera 5, which the site road does not have" in problem(lines)
