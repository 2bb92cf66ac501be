"""YOLOX-nano in torch computes what its ONNX file computes, there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.batcher import InferenceWorkers
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import ModelError
from inference.networks.precision import keep_weights_in_half
from inference.networks.yolox import YoloxNano, from_onnx, probabilities
from inference.networks.yolox_export import export_detector
from inference.yolox import YoloxDetector
from tests.support.onnx_models import write_yolox
from throughline.types import ClockSource, FloatArray, Frame

CLASSES = ("car", "motorcycle", "bus", "truck")


@pytest.fixture(scope="module")
def network() -> YoloxNano:
    torch.manual_seed(3)
    return YoloxNano(CLASSES).eval()


@pytest.fixture(scope="module")
def exported(network: YoloxNano, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("yolox") / "own.onnx"
    export_detector(network, path, (64, 96), half=False, metadata={"seed": 3})
    return path


def pictures(count: int, height: int, width: int) -> FloatArray:
    return np.random.default_rng(1).uniform(0, 255, (count, 3, height, width)).astype(np.float32)


def in_torch(network: YoloxNano, images: FloatArray) -> FloatArray:
    with torch.no_grad():
        return probabilities(network(torch.from_numpy(images))).numpy()


@pytest.mark.shared_data
def test_the_published_weights_give_what_onnx_runtime_gives(shared_data: Path) -> None:
    path = shared_data / "models" / "yolox_nano.onnx"
    images = pictures(1, 416, 416)
    expected = OnnxRuntimeEngine(path).infer(images)[0]
    whole = from_onnx(path, [str(number) for number in range(80)], range(80)).eval()
    np.testing.assert_allclose(in_torch(whole, images), expected, atol=1e-4)
    ours = from_onnx(path, CLASSES, (2, 3, 5, 7)).eval()
    np.testing.assert_allclose(in_torch(ours, images), expected[:, :, [0, 1, 2, 3, 4, 7, 8, 10, 12]], atol=1e-4)


def test_the_exported_file_computes_the_same_for_any_batch(network: YoloxNano, exported: Path) -> None:
    engine = OnnxRuntimeEngine(exported)
    assert engine.metadata == {"classes": "car,motorcycle,bus,truck", "network": "yolox-nano", "seed": "3"}
    for count in (1, 3):
        images = pictures(count, 64, 96)
        np.testing.assert_allclose(engine.infer(images)[0], in_torch(network, images), atol=1e-4)


def test_the_exported_file_can_be_had_for_another_size(network: YoloxNano, exported: Path) -> None:
    engine = OnnxRuntimeEngine(exported).resized(96, 64)
    assert engine is not None
    images = pictures(2, 96, 64)
    np.testing.assert_allclose(engine.infer(images)[0], in_torch(network, images), atol=1e-4)


async def test_the_live_path_reads_the_exported_file(network: YoloxNano, exported: Path, workers: InferenceWorkers) -> None:
    detector = YoloxDetector(OnnxRuntimeEngine(exported), workers, min_confidence=0.0, nms_iou=1.0, across_classes_iou=None)
    image = np.random.default_rng(2).integers(0, 256, (64, 96, 3), np.uint8)
    found = await detector.detect(Frame("c1", 0, 0, ClockSource.FILE, 0.0, image))
    rows = in_torch(network, image.transpose(2, 0, 1)[None].astype(np.float32))[0]
    assert len(found) == len(rows)
    np.testing.assert_allclose(found.scores, np.sort(rows[:, 4] * rows[:, 5:].max(axis=1))[::-1], atol=1e-4)


def test_weights_in_16_bits_halve_the_file_and_can_be_read_back(network: YoloxNano, exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    keep_weights_in_half(exported, path)
    assert path.stat().st_size < 0.6 * exported.stat().st_size
    images = pictures(1, 64, 96)
    np.testing.assert_allclose(OnnxRuntimeEngine(path).infer(images)[0], in_torch(network, images), atol=2e-2)
    again = from_onnx(path, CLASSES, range(4)).eval()
    np.testing.assert_allclose(in_torch(again, images), in_torch(network, images), atol=2e-2)


def test_classes_can_be_taken_out_of_a_file_in_another_order(network: YoloxNano, exported: Path) -> None:
    images = pictures(1, 64, 96)
    two = from_onnx(exported, ("bus", "car"), (2, 0)).eval()
    np.testing.assert_allclose(in_torch(two, images), in_torch(network, images)[:, :, [0, 1, 2, 3, 4, 7, 5]], atol=1e-4)


def test_other_files_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny\.onnx: has 3 convolutions, YOLOX-nano has \d+"):
        from_onnx(write_yolox(tmp_path / "tiny.onnx"), CLASSES, range(4))
    with pytest.raises(ModelError, match="has 4 classes, and class 7 was asked for"):
        from_onnx(exported, CLASSES, (2, 3, 5, 7))
