"""`throughline track`, and recording for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from throughline.commands.main import main
from throughline.formats.mot import read_mot

SITE = (
    "site: a\ncameras:\n  - {id: c1, fps: 10, size: [640, 480], ignore: [[[0, 0], [640, 0], [640, 50], [0, 50]]]}\n  - {id: c2}\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site file, and a folder of detections for its cameras: a car each, and some rubbish."""
    (tmp_path / "site.yaml").write_text(SITE)
    detections = tmp_path / "detections"
    detections.mkdir()
    rows = [f"{frame},-1,{100 + 5 * frame},200,60,40,0.9,2,-1,-1\n" for frame in range(1, 11) if frame != 5]
    rows += ["7,-1,10,5,20,20,0.9,0,-1,-1\n", "7,-1,300,300,20,20,0.05,0,-1,-1\n"]
    (detections / "c1.txt").write_text("".join(rows))
    (detections / "c1.frames").write_text("".join(f"{frame}\n" for frame in range(1, 13) if frame != 5))
    results = [{"image_id": frame, "category_id": 3, "bbox": [90 + 4 * frame, 9, 50, 30], "score": 0.8} for frame in range(1, 5)]
    (detections / "c2.json").write_text(json.dumps([*results, {**results[0], "category_id": 1}]))
    return tmp_path


def track(folder: Path, out: str = "out") -> int:
    arguments = ["--detections", folder / "detections", "--site", folder / "site.yaml", "--out", folder / out]
    return main(["track", *map(str, arguments)])


def test_tracks_are_written_and_everything_dropped_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert track(folder) == 0
    assert capsys.readouterr().err.splitlines() == [
        "c1: 11 frames, 11 detections (dropped: 1 confidence, 1 ignored), 1 tracks with 9 sightings",
        "c2: 4 frames, 5 detections (dropped: 1 category), 1 tracks with 4 sightings",
    ]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["c1.txt", "c2.txt"]
    assert (folder / "out" / "c1.txt").read_text().splitlines()[0] == "1,1,105.00,200.00,60.00,40.00,0.9,2,-1,-1"
    assert [row.frame for row in read_mot(folder / "out" / "c1.txt")] == [1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_tracks_keep_the_times_that_were_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{frame},{100 + frame / 5:.6f}\n" for frame in range(1, 13) if frame != 5]
    (folder / "detections" / "c1.frames").write_text("".join(lines))
    assert track(folder) == 0
    assert (folder / "out" / "c1.frames").read_text() == "".join(lines)
    (folder / "site.yaml").write_text(SITE + "links: [{from: c1, to: c2, travel: {min: 1, max: 9}}]\n")
    arguments = ["--tracks", folder / "out", "--site", folder / "site.yaml", "--out", folder / "matched"]
    assert main(["associate", *map(str, arguments)]) == 0
    events = [json.loads(line) for line in (folder / "matched" / "matches.jsonl").read_text().splitlines()]
    times = {event["tracklet"]["camera"]: (event["tracklet"]["start"], event["tracklet"]["end"]) for event in events}
    assert times["c1"] == (100_200_000, 102_000_000)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("c1.txt", "1,-1,0,0,9,9\n2,-1,0,zero,9,9\n", "c1.txt:2: expected numbers"),
        ("c1.txt", "1,-1,0,0,9,9\n5,-1,0,0,9,9\n", "c1.txt:2: frame 5 is not listed in c1.frames"),
        ("c1.frames", "1\n2\n2\n", "c1.frames:3: frame 2 stands there twice"),
        ("c2.json", '[{"image_id": 0, "category_id": 3, "bbox": [0, 0, 1, 1]}]', "c2.json: results[0]: image_id"),
        ("c9.txt", "", "the site a has no camera c9"),
    ],
)
def test_bad_files_are_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, problem: str
) -> None:
    (folder / "detections" / name).write_text(text)
    assert track(folder) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("throughline: ")
    assert problem in last


def test_regions_without_a_size_are_one_clear_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "site.yaml").write_text(SITE.replace("size: [640, 480], ", ""))
    assert track(folder) == 2
    assert "camera c1: roi and ignore need the size of the picture" in capsys.readouterr().err
    (folder / "site.yaml").write_text(SITE.replace("[640, 480]", "[640, 0]"))
    assert track(folder) == 2
    assert "site.yaml:3: cameras[0].size[1]" in capsys.readouterr().err


def test_folders_that_cannot_be_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert track(folder, out="detections") == 2
    assert "name another folder" in capsys.readouterr().err
    assert track(folder, out="site.yaml/below") == 1
    assert "cannot be written" in capsys.readouterr().err


def test_recording_needs_cameras_and_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("site: a\ncameras: [{id: c1, url: clip.mp4}]\n")
    assert main(["run", str(site), "--only", "matcher", "--record", str(tmp_path / "r")]) == 2
    assert "--record needs the cameras in this process" in capsys.readouterr().err
    (tmp_path / "r" / "detections").mkdir(parents=True)
    assert main(["run", str(site), "--record", str(tmp_path / "r")]) == 2
    assert "holds a recording already" in capsys.readouterr().err
