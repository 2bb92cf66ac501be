"""The detector that comes with the product is there, is what the catalogue says, and finds vehicles."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.detection import LabelledBoxes, score_detections
from inference.batcher import InferenceWorkers
from inference.catalogue import find, model_folders, resolve
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import sha256_of
from inference.models import load_detector
from inference.yolox import YoloxDetector
from throughline.types import ClockSource, Detections, Frame, Image

LARGEST = 8_000_000
HELD_OUT = "siang_15112021_1_"
"""The toll road on a day that the detector has not learned from."""


def test_it_comes_with_the_product_and_is_the_default() -> None:
    entry = find("vehicle-detector")
    shipped = model_folders({})[-1]
    found = resolve("default", "detector", [shipped])
    assert (found.name, found.path) == ("vehicle-detector", shipped / "vehicle_detector.onnx")
    assert found.path is not None
    assert sha256_of(found.path) == entry.sha256
    assert found.path.stat().st_size == entry.size
    assert found.path.stat().st_size < LARGEST


def test_the_file_tells_its_classes_and_its_origin() -> None:
    path = resolve("vehicle-detector", "detector").path
    assert path is not None
    engine = OnnxRuntimeEngine(path)
    assert engine.input_shape[1:] == find("vehicle-detector").input_size
    assert engine.metadata["classes"] == "car,motorcycle,bus,truck"
    assert engine.metadata["recipe"] == "default-detector"
    assert engine.metadata["licence"] == "Apache-2.0"


def pictures(archive: Path) -> Iterator[tuple[Image, LabelledBoxes]]:
    """Every tenth held-out picture with its labels."""
    with tarfile.open(archive) as tar:
        content = {member.name: member for member in tar.getmembers() if member.isfile()}
        names = sorted(Path(name).stem for name in content if Path(name).name.startswith(HELD_OUT) and "images/" in name)
        folder = next(name for name in content if "images/" in name).split("images/")[0]

        def read(name: str) -> bytes:
            file = tar.extractfile(content[name])
            assert isinstance(file, io.BufferedReader)
            return file.read()

        for name in names[::10]:
            image = cv2.imdecode(np.frombuffer(read(f"{folder}images/{name}.jpg"), np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            height, width = image.shape[:2]
            rows = np.array([line.split() for line in read(f"{folder}labels/{name}.txt").decode().splitlines()], float)
            middle, half = rows[:, 1:3] * [width, height], rows[:, 3:] * [width, height] / 2
            boxes = np.concatenate([middle - half, middle + half], axis=1)
            yield np.asarray(image, np.uint8), LabelledBoxes(boxes, rows[:, 0].astype(np.int64), np.zeros((0, 4)))


@pytest.mark.shared_data
def test_it_finds_more_than_the_weights_it_was_fitted_from(shared_data: Path, workers: InferenceWorkers) -> None:
    looked_at = list(pictures(shared_data / "detection" / "rf100-toll.tar"))
    assert len(looked_at) > 10

    async def see(detector: YoloxDetector) -> list[Detections]:
        return [await detector.detect(Frame("c1", 0, 0, ClockSource.FILE, 0.0, image)) for image, _ in looked_at]

    scores = {}
    for model in ("default", str(shared_data / "models" / "yolox_nano.onnx")):
        detector, _ = load_detector(model, workers, min_confidence=0.01)
        assert isinstance(detector, YoloxDetector)
        scores[model] = score_detections([truth for _, truth in looked_at], asyncio.run(see(detector))).ap50
    assert scores["default"] > 0.75
    assert scores["default"] > scores[str(shared_data / "models" / "yolox_nano.onnx")]
