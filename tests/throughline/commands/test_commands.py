import json
from pathlib import Path

import numpy as np
import pytest

from throughline.commands._output import event_line, print_table
from throughline.commands._reference import generate
from throughline.commands.main import main
from throughline.messages import Evidence, MatchEvent, TrackletRef

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "commands.md"


def test_the_reference_of_commands_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == generate(), "run: python -m throughline.commands._reference"


def test_recorded_tracks_are_associated_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three vehicles drive from c1 to c2; the second overtakes the first on the way, so that only looks tell them apart."""
    rng = np.random.default_rng(3)
    looks = rng.normal(size=(3, 64))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    starts = {"c1": (1, 11, 21), "c2": (101, 91, 111)}
    truth = []
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    for number, (camera, firsts) in enumerate(starts.items(), 1):
        rows = []
        for vehicle, first in enumerate(firsts, 1):
            rows += [(frame, vehicle, 10.0 * (frame - first), 100.0 * vehicle, 60, 40) for frame in range(first, first + 30)]
        (tracks / f"{camera}.txt").write_text(
            "".join(f"{frame},{vehicle + 10 * number},{x},{y},{w},{h},1,-1,-1,-1\n" for frame, vehicle, x, y, w, h in rows)
        )
        truth += [f"{number} {vehicle} {frame} {x} {y} {w} {h} -1 -1\n" for frame, vehicle, x, y, w, h in rows]
        noisy = looks + 0.02 * rng.normal(size=looks.shape)
        np.savez(tracks / f"{camera}.npz", ids=np.arange(1, 4) + 10 * number, embeddings=noisy.astype(np.float32))
    (tmp_path / "truth.txt").write_text("".join(truth))
    site = tmp_path / "site.yaml"
    site.write_text(
        "site: a\ncameras: [{id: c1, fps: 10}, {id: c2, fps: 10}]\n"
        "links: [{from: c1, to: c2, travel: {min: 2, typical: 6, max: 15}}]\n"
    )
    out = tmp_path / "out"
    assert main(["associate", "--tracks", str(tracks), "--site", str(site), "--out", str(out)]) == 0
    assert "6 tracks, 3 vehicles" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["c1.txt", "c2.txt", "matches.jsonl", "tracks.txt"]
    joins = [event for line in (out / "matches.jsonl").read_text().splitlines() if (event := json.loads(line))["joined"]]
    assert {event["kind"] for event in joins} >= {"confirmed"}
    assert all({term["term"] for term in event["evidence"]} >= {"appearance", "travel_time"} for event in joins)
    assert main(["evaluate", "mtmc", "--truth", str(tmp_path / "truth.txt"), "--result", str(out / "tracks.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["idf1"] == 1.0


def test_the_catalogue_is_listed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "colour-histogram" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    models = {model["name"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    assert models["motion"]["here"] == "built in"
    assert models["yolox-nano"]["licence"] == "Apache-2.0"


def test_an_event_is_one_line_with_its_reasons() -> None:
    event = MatchEvent(
        event="e",
        sequence=4,
        kind="confirmed",
        site="a",
        vehicle="v7",
        tracklet=TrackletRef("c2", "c2-9-1", 1_700_000_000_000_000, 1_700_000_001_000_000),
        at=1_700_000_002_000_000,
        joined=TrackletRef("c1", "c1-1-1", 1, 2),
        travel_time=5.25,
        probability=0.9871,
        evidence=(Evidence("appearance", 4.21, 0.93), Evidence("travel_time", -0.5, 5.25, "s")),
        margin=3.0,
    )
    line = event_line(event, colour=False)
    assert "\n" not in line
    for part in (
        "22:13:20.000",
        "confirmed",
        "v7",
        "c1 -> c2",
        "5.2s",
        "0.987",
        "appearance +4.2, travel_time -0.5 (margin 3.0)",
    ):
        assert part in line
    assert "\033[32m" in event_line(event, colour=True)


def test_tables_align_texts_to_the_left_and_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "n"), [("a", 5), ("longer", 123)])
    assert capsys.readouterr().out == "name      n\na         5\nlonger  123\n"
