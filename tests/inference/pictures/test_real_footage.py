"""What torch finds on its device is what ONNX Runtime finds in memory: real frames, the networks that ship."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from inference.batcher import InferenceWorkers
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.torch_engine import TorchEngine
from inference.nms import overlaps
from inference.onnx_embedder import OnnxEmbedder
from inference.pictures.device_image import TensorImage
from inference.yolox import YoloxDetector
from throughline.types import ClockSource, Frame, Image, Pixels

WEIGHTS = Path(__file__).resolve().parents[3] / "inference" / "weights"
DETECTOR, EMBEDDER = WEIGHTS / "vehicle_detector.onnx", WEIGHTS / "vehicle_embedder.onnx"


def frame_of(path: Path) -> Image:
    with av.open(str(path)) as footage:
        return np.asarray(next(footage.decode(video=0)).to_ndarray(format="bgr24"), np.uint8)


@pytest.mark.shared_data
@pytest.mark.parametrize("clip", ["highway", "junction-1"])
@pytest.mark.parametrize("precision", ["float32", "float16"])
async def test_vehicles_and_their_looks_are_the_same(
    shared_data: Path, workers: InferenceWorkers, clip: str, precision: str
) -> None:
    image = frame_of(shared_data / "clips" / f"{clip}.mp4")
    held = TensorImage(torch.from_numpy(image.copy()).permute(2, 0, 1))
    on_device = [
        TorchEngine(path, device="cpu", precision="float16" if precision == "float16" else "float32")
        for path in (DETECTOR, EMBEDDER)
    ]
    expected = await YoloxDetector(OnnxRuntimeEngine(DETECTOR), workers).detect(_frame(image))
    found = await YoloxDetector(on_device[0], workers).detect(_frame(held))
    sure = expected.boxes[expected.scores > 0.3]
    assert len(sure) >= 3
    assert all(overlaps(box, found.boxes).max() > 0.5 for box in sure)
    assert abs(len(found) - len(expected)) <= 1 + 0.1 * len(expected)
    boxes = [box.round().astype(int).tolist() for box in sure]
    crops = [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in boxes if right - left >= 16]
    looks = await OnnxEmbedder(OnnxRuntimeEngine(EMBEDDER), workers).embed([image[crop] for crop in crops])
    same = await OnnxEmbedder(on_device[1], workers).embed([held[crop] for crop in crops])
    assert float((looks * same).sum(axis=1).min()) > 0.99


def _frame(image: Pixels) -> Frame:
    return Frame("c1", 0, 0, ClockSource.FILE, 0.0, image)
