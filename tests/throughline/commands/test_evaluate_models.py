"""`throughline evaluate reid` and `detect`: what they print, write and refuse."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference.batcher import InferenceWorkers
from inference.models import load_detector
from tests.support.onnx_models import write_embedder, write_yolox
from throughline.commands.main import main
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Frame

COLOURS = {"red": (20, 20, 200), "blue": (200, 40, 20), "green": (30, 160, 30), "white": (240, 240, 240)}


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Four vehicles that differ in colour, in two cameras, and one that the second camera never saw."""
    rng = np.random.default_rng(4)
    lines = ["file,vehicle_id,class,cam"]
    for camera in (1, 2):
        for name, colour in {**COLOURS, "black": (15, 15, 15)}.items():
            if (name, camera) == ("black", 2):
                continue
            noise = rng.normal(0, 6, (40 + 4 * camera, 36, 3))
            file = f"{name}_c{camera}.png"
            cv2.imwrite(str(tmp_path / file), np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))
            lines.append(f"{file},{name},{'truck' if name == 'white' else 'car'},{camera}")
    (tmp_path / "index.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def reid(folder: Path, *options: str) -> int:
    return main(["evaluate", "reid", str(folder), *options])


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_reid_scores_an_embedder(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reid(crops, "--model", "colour-histogram", "--json") == 0
    report = printed(capsys)
    assert (report["queries"], report["queries_without_match"], report["gallery_pictures"]) == (4, 1, 4)
    assert (report["map"], report["map_top_100"], report["cmc"]["market1501"]["rank_1"]) == (1.0, 1.0, 1.0)
    assert report["types"] == {
        "car": {"queries": 3, "rank_1": 1.0, "map": 1.0},
        "truck": {"queries": 1, "rank_1": 1.0, "map": 1.0},
    }
    assert report["similarity"]["area_under_roc"] == 1.0
    assert report["variants"] == {}
    assert reid(crops, "--model", "colour-histogram") == 0
    table = capsys.readouterr().out
    assert f"Set {crops.name}: 4 queries among 4 pictures; 1 more have no true match there." in table
    assert "| cuhk03 | 1.0000 |" in table


def test_reid_leaves_out_each_member(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets = [str(write_embedder(crops / f"{name}.onnx", dimension=size)) for name, size in (("one", 8), ("two", 12))]
    models = [f"--model={model}" for model in ("colour-histogram=2.5", nets[0], f"{nets[1]}=0.5")]
    assert reid(crops, *models, "--json") == 0
    report = printed(capsys)
    members = [(one["name"], one["weight"], one["dimension"]) for one in report["models"]]
    assert members == [("colour-histogram", 2.5, 512), ("one", 1.0, 8), ("two", 0.5, 12)]
    names = ("colour-histogram", "one", "two")
    assert list(report["variants"]) == [*(f"without {name}" for name in names), *(f"only {name}" for name in names)]
    assert report["variants"]["only colour-histogram"]["map"] == 1.0
    assert reid(crops, *models[:2]) == 0
    assert "| only one |" in capsys.readouterr().out


def test_reid_averages_over_mirrored_and_second_crops(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = str(write_embedder(crops / "net.onnx"))
    hashes = set()
    for options in ([], ["--flip"], ["--second-crop", "0.8"], ["--flip", "--second-crop", "0.8"], ["--no-flip"]):
        assert reid(crops, "--model", net, "--json", *options) == 0
        hashes.add(printed(capsys)["models"][0]["hash"])
    assert len(hashes) == 4


def test_reid_looks_at_part_of_a_set_by_other_columns(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--model", "colour-histogram", "--json"]
    assert reid(crops, *common, "--class", "truck") == 0
    assert printed(capsys)["query_pictures"] == 1
    assert reid(crops, *common, "--only", "red*", "--only", "blue*") == 0
    assert printed(capsys)["gallery_pictures"] == 2
    assert reid(crops, *common, "--vehicle-columns", "class,vehicle_id", "--all-queries") == 0
    report = printed(capsys)
    assert (report["query_pictures"], report["gallery_pictures"], report["queries"]) == (9, 9, 8)


def test_reid_writes_rankings_to_look_at(crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--model", "colour-histogram", "--sheets", "2", "--shown", "3", "--report"]
    assert reid(crops, *common, str(tmp_path / "new" / "report.md")) == 0
    text = (tmp_path / "new" / "report.md").read_text()
    pictures = sorted(path.name for path in (tmp_path / "new" / "report-pictures").iterdir())
    assert pictures == ["match-curve.svg", "rankings-01.jpg", "rankings-02.jpg", "worst-01.jpg", "worst-02.jpg"]
    assert all(f"(report-pictures/{name})" in text for name in pictures)
    assert "_c1.png: first right one at rank 1, average precision 1.000" in text
    assert reid(crops, *common, str(tmp_path / "report.html")) == 0
    assert (tmp_path / "report.html").read_text().count("data:image/jpeg;base64,") == 4
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "none.onnx"], "none.onnx: no such model file"),
        (["--model", "yolox-nano"], "works as detector, not as embedder"),
        (["--model", "colour-histogram", "--model", "colour-histogram"], "two members are called colour-histogram"),
        (["--class", "bus"], "--only and --class leave 0 queries among 0"),
        (["--only", "black*"], "--only and --class leave 1 queries among 0"),
        (["--only", "black_c1*", "--only", "red_c2*"], "no picture looked for shows a vehicle that another camera saw"),
        (["--camera-column", "place"], "expected columns file, vehicle_id, place; missing: place"),
    ],
)
def test_reid_refuses_what_it_cannot_score(
    crops: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert reid(crops, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.splitlines()[-1].startswith("throughline: ")


def test_reid_refuses_files_that_are_no_pictures(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (crops / "red_c1.png").write_bytes(b"no picture")
    assert reid(crops, "--model", "colour-histogram") == 2
    assert "red_c1.png: cannot be read as a picture" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--model", "x=0"], ["--second-crop", "1"], ["--top", "0"], ["--shown", "many"], ["--report", "a.pdf"]]
)
def test_reid_refuses_options_that_are_none(crops: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        reid(crops, *options)
    assert caught.value.code == 2
    assert "expected" in capsys.readouterr().err


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Pictures whose labels are what the network `net.onnx` finds in them, all taken for cars and trucks."""
    model = write_yolox(tmp_path / "net.onnx", classes=4)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    workers = InferenceWorkers(1, Metrics())
    detector, _ = load_detector(str(model), workers, min_confidence=0.3)
    rng = np.random.default_rng(6)
    for name in ("day_1", "day_2", "night_1"):
        image = cv2.resize(rng.integers(0, 256, (8, 12, 3), np.uint8), (96, 64))
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), image)
        found = asyncio.run(detector.detect(Frame("", 0, 0, ClockSource.FILE, 0.0, np.asarray(image, np.uint8))))
        assert len(found) > 0
        rows = []
        for (x1, y1, x2, y2), kind in zip(found.boxes.tolist(), found.classes.tolist(), strict=True):
            rows.append(f"{kind} {(x1 + x2) / 192:.6f} {(y1 + y2) / 128:.6f} {(x2 - x1) / 96:.6f} {(y2 - y1) / 64:.6f}\n")
        (tmp_path / "labels" / f"{name}.txt").write_text("".join(rows))
    detector.close()
    workers.close()
    return tmp_path


def detect(folder: Path, *options: str) -> int:
    return main(["evaluate", "detect", str(folder), "--model", str(folder / "net.onnx"), *options])


def test_detect_finds_what_it_found_before(scenes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect(scenes, "--min-confidence", "0.3", "--json") == 0
    report = printed(capsys)
    assert (report["pictures"], report["pictures_without_labels"], report["model"]["name"]) == (3, 0, "net")
    assert (report["ap50"], report["ap50_95"], report["recall"], report["best_f1"]) == (1.0, 1.0, 1.0, 1.0)
    assert report["true_boxes"] == sum(len(file.read_text().splitlines()) for file in (scenes / "labels").iterdir())
    assert all(one["ap50"] == 1.0 for one in report["types"].values())
    assert list(report["heights"]) == ["below 16 px", "16 to 32 px", "32 px and more"]


def test_detect_counts_what_is_missed_and_wrong(scenes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scenes / "labels" / "day_1.txt").write_text("4 0.5 0.5 0.02 0.02\n")
    (scenes / "labels" / "day_2.txt").unlink()
    assert detect(scenes, "--min-confidence", "0.3") == 0
    table = capsys.readouterr().out
    assert "1 pictures have no file of labels and count as empty" in table
    assert detect(scenes, "--min-confidence", "0.3", "--only", "night*", "--json") == 0
    alone = printed(capsys)
    assert detect(scenes, "--min-confidence", "0.3", "--json") == 0
    assert printed(capsys)["ap50"] < alone["ap50"] == 1.0
    (scenes / "ignore").mkdir()
    for name in ("day_1", "day_2"):
        (scenes / "ignore" / f"{name}.txt").write_text("0 0.5 0.5 1 1\n")
    assert detect(scenes, "--min-confidence", "0.3", "--json") == 0
    report = printed(capsys)
    assert report["best_f1"] > 0.9, "what is found where nobody has labelled counts neither way"


def test_detect_writes_pictures_with_errors(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scenes / "labels" / "night_1.txt").write_text("0 0.5 0.5 0.02 0.02\n")
    assert detect(scenes, "--min-confidence", "0.3", "--sheets", "1", "--report", str(tmp_path / "report.md")) == 0
    text = (tmp_path / "report.md").read_text()
    assert "night_1.png: 0 found, 1 missed" in text
    assert {path.name for path in (tmp_path / "report-pictures").iterdir()} == {"errors-01.jpg", "precision-recall.svg"}
    capsys.readouterr()


def test_detect_scores_a_coco_data_set_as_the_same_folder(scenes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect(scenes, "--json") == 0
    expected = printed(capsys)
    images, annotations = [], []
    for number, path in enumerate(sorted((scenes / "images").iterdir())):
        images.append({"id": number, "file_name": path.name, "width": 96, "height": 64})
        for line in (scenes / "labels" / f"{path.stem}.txt").read_text().splitlines():
            kind, x, y, width, height = map(float, line.split())
            box = [96 * (x - width / 2), 64 * (y - height / 2), 96 * width, 64 * height]
            annotations.append({"image_id": number, "category_id": int(kind), "bbox": box})
    names = [{"id": kind, "name": name} for kind, name in enumerate(("car", "motorcycle", "bus", "truck"))]
    data = {"images": images, "annotations": annotations, "categories": names}
    (scenes / "set.json").write_text(json.dumps(data))
    model = ["--model", str(scenes / "net.onnx"), "--json"]
    assert main(["evaluate", "detect", str(scenes / "set.json"), *model]) == 0
    found = printed(capsys)
    assert {**found, "folder": ""} == {**expected, "folder": ""}
    assert main(["evaluate", "detect", str(scenes), "--images", str(scenes), *model]) == 2
    assert "--images goes with a COCO data set" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--min-confidence", "nan"], ["--nms-iou", "1.5"], ["--sheets", "-1"]])
def test_detect_refuses_options_that_are_none(scenes: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit):
        detect(scenes, *options)
    assert "expected a" in capsys.readouterr().err


def test_detect_refuses_what_it_cannot_score(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "detect", str(scenes), "--model", "motion"]) == 2
    assert "motion needs moving pictures" in capsys.readouterr().err
    assert detect(scenes, "--only", "dawn*") == 2
    assert "no picture is called dawn*" in capsys.readouterr().err
    assert main(["evaluate", "detect", str(tmp_path / "none"), "--model", "motion"]) == 2
    assert "images: no such folder" in capsys.readouterr().err


def test_recrop_cuts_a_set_anew(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "anew"
    options = ["--model", str(scenes / "net.onnx"), "--least-share", "0.05", "--json"]
    assert main(["train", "recrop", str(scenes / "images"), "--out", str(out), *options]) == 0
    report = printed(capsys)
    assert report["cut"] + sum(report["kept"].values()) == 3
    assert report["cut"] > 0
    assert len(list(out.iterdir())) == 3
    assert main(["train", "recrop", str(scenes / "images"), "--out", str(out), *options]) == 2
    assert "there is something there already" in capsys.readouterr().err
