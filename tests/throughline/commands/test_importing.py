"""`throughline import`: scenes and sequences become folders that the other commands take."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from throughline.commands.main import main
from throughline.formats.aicity import read_aicity
from throughline.formats.aicity_scene import read_aicity_scene
from throughline.formats.mot import read_mot
from throughline.settings import load_site

VEHICLES = 6
TRAVEL = 8.0


def rows(vehicle: int, first: float, fps: float) -> list[str]:
    """Three seconds of a vehicle on its own lane."""
    start = round(first * fps) + 1
    return [f"{start + step},{vehicle},{10 + 5 * step},{60 * vehicle},50,40,1,-1,-1,-1\n" for step in range(round(3 * fps))]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Two cameras, the second at 8 frames a second and 1.5 s late; vehicle k is at the first from 4 k s to 4 k + 3 s."""
    folder = tmp_path / "aic" / "train" / "S01"
    for camera, fps, offset in (("c001", 10.0, 0.0), ("c002", 8.0, TRAVEL + 3.0 - 1.5)):
        (folder / camera / "gt").mkdir(parents=True)
        lines = [line for vehicle in range(VEHICLES) for line in rows(vehicle, 4 * vehicle + offset, fps)]
        (folder / camera / "gt" / "gt.txt").write_text("".join(lines))
        for part, name in (("det", "det_yolo3"), ("det", "det_ssd512"), ("mtsc", "mtsc_tc_yolo3")):
            (folder / camera / part).mkdir(exist_ok=True)
            local = [line.replace(",", f",{'-1' if part == 'det' else int(line.split(',')[1]) + 7},", 1) for line in lines]
            text = "".join(",".join([*line.split(",")[:2], *line.split(",")[3:]]) for line in local)
            (folder / camera / part / f"{name}.txt").write_text(text)
        white = np.full((400, 640, 3), 255, np.uint8)
        white[:, 600:] = 0
        cv2.imwrite(str(folder / camera / "roi.png"), white)
    (tmp_path / "aic" / "cam_timestamp").mkdir()
    (tmp_path / "aic" / "cam_timestamp" / "S01.txt").write_text("c001 0.0\nc002 1.5\n")
    return folder


def run(*arguments: object) -> int:
    return main(["import", *map(str, arguments)])


def test_a_scene_becomes_a_site_with_tracks_detections_and_truth(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("aicity", scene, "--out", out, "--fps", "c002=8", "--detector", "yolo3") == 0
    site = load_site(out / "site.yaml")
    assert (site.site, [camera.id for camera in site.cameras]) == ("s01", ["c001", "c002"])
    assert [camera.frame_rate_of_recordings for camera in site.cameras] == [10.0, 8.0]
    assert [camera.clock.offset for camera in site.cameras] == [0.0, 1.5]
    assert [camera.size for camera in site.cameras] == [(640, 400)] * 2
    (link,) = site.links
    assert (link.from_, link.to) == ("c001", "c002")
    assert link.travel.typical == pytest.approx(TRAVEL + 0.1, abs=0.06), (
        "from the last frame of the one to the first of the other"
    )
    assert link.travel.min < TRAVEL < link.travel.max
    assert len({row.id for row in read_aicity(out / "truth.txt")}) == VEHICLES
    assert read_mot(out / "tracks" / "c002.txt")[0].id == 7
    assert len(read_mot(out / "detections" / "c001.txt")) == 30 * VEHICLES
    told = capsys.readouterr().err
    assert "2 cameras, 1 links" in told
    assert "det_yolo3" in told
    comment = (out / "site.yaml").read_text()
    assert "# Links were measured in the truth" in comment


def test_what_was_imported_is_matched_and_scored(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    assert run("aicity", scene, "--out", data, "--fps", "c002=8") == 0
    common = ["--tracks", str(data / "tracks"), "--site", str(data / "site.yaml")]
    assert main(["associate", *common, "--out", str(out), "--trace", str(tmp_path / "trace")]) == 0
    capsys.readouterr()
    assert main(["evaluate", "mtmc", "--truth", str(scene), "--result", str(out / "tracks.txt"), "--aicity", "--json"]) == 0
    from_file = json.loads(capsys.readouterr().out)
    assert main(["evaluate", "mtmc", "--truth", str(data / "truth.txt"), *common, "--aicity", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == from_file, "matched now, or by associate before"
    assert from_file["idf1"] > 0.8
    assert from_file["hota"] > 0.8

    page = tmp_path / "matches.html"
    events = ["--events", str(out / "matches.jsonl"), "--trace", str(tmp_path / "trace")]
    assert main(["evaluate", "matches", *common, *events, "--truth", str(scene), "--report", str(page), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["true_passages"] == VEHICLES
    assert set(report["links"]) == {"c001 -> c002"}
    assert report["matched"] + report["missed"] == VEHICLES
    assert "data:image/jpeg" not in page.read_text(), "the site has no footage"


def test_the_region_of_interest_takes_boxes_out(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("aicity", scene, "--out", tmp_path / "data", "--fps", "8", "--fps", "c001=10") == 0
    capsys.readouterr()
    truth = tmp_path / "data" / "truth.txt"
    lines = truth.read_text().splitlines()
    moved = [line.replace(f" {line.split()[3]} ", " 580.00 ", 1) if line.startswith("1 0 ") else line for line in lines]
    result = tmp_path / "result.txt"
    result.write_text("\n".join(moved) + "\n")
    command = ["evaluate", "mtmc", "--truth", str(scene), "--result", str(result), "--json"]
    assert main([*command, "--roi"]) == 0
    left_out = json.loads(capsys.readouterr().out)["left_out"]
    assert left_out["outside the region"] == {"true": 0, "found": 30}
    (scene / "c002" / "roi.png").unlink()
    assert main([*command, "--roi", str(scene)]) == 2
    assert "no roi.jpg or picture for camera 2" in capsys.readouterr().err


def test_each_rule_turned_off_is_a_row(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("aicity", scene, "--out", tmp_path / "data", "--fps", "c002=8", "--tracker", "truth") == 0
    common = ["--tracks", str(tmp_path / "data" / "tracks"), "--site", str(tmp_path / "data" / "site.yaml")]
    assert main(["evaluate", "mtmc", "--truth", str(scene), *common, "--ablate", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    values = {row["name"]: row["values"] for row in [*table["rows"], *table["limits"]]}
    assert values["these tracks, joined without error"] == {"IDF1": 1.0, "HOTA": 1.0, "pairwise F1": 1.0}
    assert values["no joins at all"]["pairwise F1"] == 0.0
    assert values["no joins at all"]["IDF1"] == pytest.approx(30 / 54)
    rows = {row["name"]: row for row in table["rows"]}
    assert {"`appearance` off", "`travel_time` off", "`same_camera.enabled` off", "`window: hard`"} <= set(rows)
    assert rows["`colour` off"]["same_decisions"], "nobody knows colours here"
    assert table["base"]["values"]["IDF1"] > rows["no travel windows: `unlisted_travel` for all links"]["values"]["IDF1"] - 1e-9


def test_sequences_become_cameras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("MVI 01", "MVI_02")):
        folder = tmp_path / "DETRAC" / name
        (folder / "det").mkdir(parents=True)
        (folder / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate=25\nseqLength=60\nimWidth=960\nimHeight=540\nimExt=.jpg\n"
        )
        (folder / "det" / "det.txt").write_text("1,-1,10,10,30,20,0.9,-1,-1,-1\n")
        if number:
            (folder / "gt").mkdir()
            (folder / "gt" / "gt.txt").write_text("1,1,10,10,30,20,1,3,1\n")
    assert run("mot", tmp_path / "DETRAC", "--out", tmp_path / "out") == 0
    site = load_site(tmp_path / "out" / "site.yaml")
    assert [(one.id, one.number, one.frame_rate_of_recordings, one.size) for one in site.cameras] == [
        ("MVI-01", 1, 25.0, (960, 540)),
        ("MVI_02", 2, 25.0, (960, 540)),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["detections", "site.yaml", "truth"]
    tracked = ["--detections", str(tmp_path / "out" / "detections"), "--site", str(tmp_path / "out" / "site.yaml")]
    assert main(["track", *tracked, "--out", str(tmp_path / "tracks")]) == 0
    capsys.readouterr()
    assert run("mot", tmp_path / "DETRAC", "--out", tmp_path / "out") == 2
    assert "expected an empty or a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("frameRate=25\n", "seqinfo.ini:1: expected [Sequence]"),
        ("[Sequence]\nframeRate=fast\nseqLength=3\nimWidth=1\nimHeight=1\n", "frameRate must be a number above 0, found 'fast'"),
        ("[Sequence]\nframeRate=5\nseqLength=3\nimWidth=1\n", "imHeight must be a number above 0, found ''"),
        ("[Other]\n", "expected a section [Sequence]"),
    ],
)
def test_a_sequence_that_tells_too_little_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "seqinfo.ini").write_text(text)
    assert run("mot", tmp_path / "one", "--out", tmp_path / "out") == 2
    assert problem in capsys.readouterr().err


def test_what_is_no_scene_is_refused_with_file_and_line(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"

    def problem(*options: object) -> str:
        assert run("aicity", scene, "--out", out, *options) == 2
        assert not out.exists()
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "--detector frcnn: S01/c001 has none; all cameras have ssd512, yolo3" in problem("--detector", "frcnn")
    assert "--fps names the camera c9" in problem("--fps", "c9=10")
    tracks = scene / "c002" / "mtsc" / "mtsc_tc_yolo3.txt"
    tracks.write_text("1,1,0,0,0,10,1,-1,-1,-1\n")
    assert "mtsc_tc_yolo3.txt:1: a box must have a width" in problem()
    (scene / "c001" / "gt" / "gt.txt").write_text("1,2,3\n")
    assert "c001/gt/gt.txt:1: expected at least 6" in problem()
    times = scene.parents[1] / "cam_timestamp" / "S01.txt"
    times.write_text("c001 0.0\nc002 soon\n")
    assert "S01.txt:2: expected a camera and seconds" in problem()
    times.write_text("c001 0.0\n")
    assert "S01.txt: expected a line for c002" in problem()
    assert run("aicity", tmp_path, "--out", out) == 2
    assert "expected a folder for each camera" in capsys.readouterr().err


def test_a_scene_without_timestamps_or_truth(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scene.parents[1] / "cam_timestamp" / "S01.txt").unlink()
    for camera in ("c001", "c002"):
        (scene / camera / "gt" / "gt.txt").unlink()
    found = read_aicity_scene(scene)
    assert (found.timestamps, [camera.begins for camera in found.cameras]) == (None, [0.0, 0.0])
    assert run("aicity", scene, "--out", tmp_path / "out") == 0
    site = load_site(tmp_path / "out" / "site.yaml")
    assert (site.links, site.unlisted_links) == ((), "learn")
    assert not (tmp_path / "out" / "truth.txt").exists()
    assert "No cam_timestamp file" in (tmp_path / "out" / "site.yaml").read_text()
    capsys.readouterr()
    assert main(["evaluate", "mtmc", "--truth", str(scene), "--result", str(scene / "none")]) == 2
    assert "has no truth" in capsys.readouterr().err
