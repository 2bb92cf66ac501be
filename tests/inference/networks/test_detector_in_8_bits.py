"""8 bits for the detector that ships: its activations have no upper end, so not every convolution takes them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import onnx
import pytest

from benchmarks._engine_parity import compare_detections
from inference.batcher import InferenceWorkers
from inference.catalogue import find, locate, model_folders
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.letterbox import letterbox
from inference.networks.precision import quantise
from inference.yolox import YoloxDetector
from throughline.types import ClockSource, Frame


@pytest.mark.slow
@pytest.mark.shared_data
async def test_it_still_finds_the_vehicles(shared_data: Path, tmp_path: Path, workers: InferenceWorkers) -> None:
    path = locate(find("vehicle-detector"), model_folders())
    assert path is not None
    with av.open(str(shared_data / "clips" / "highway.mp4")) as footage:
        images = [
            picture.to_ndarray(format="bgr24").astype(np.uint8)
            for number, picture in enumerate(footage.decode(video=0))
            if number % 30 == 0 and number < 240
        ]
    quantise(path, tmp_path / "int8.onnx", np.stack([letterbox(image, 384, 640)[0] for image in images[::2]]))
    found = []
    for file in (path, tmp_path / "int8.onnx"):
        detector = YoloxDetector(OnnxRuntimeEngine(file), workers)
        found.append([await detector.detect(Frame("c1", 0, 0, ClockSource.FILE, 0.0, image)) for image in images[1::2]])
    parity = compare_detections(*found)
    assert parity.vehicles > 20
    assert parity.found > 0.9


def test_what_8_bits_would_ruin_stays_in_32(tmp_path: Path) -> None:
    path = locate(find("vehicle-detector"), model_folders())
    assert path is not None
    quantise(path, tmp_path / "int8.onnx", np.random.default_rng(0).uniform(0, 255, (1, 3, 384, 640)).astype(np.float32))
    graph = onnx.load(tmp_path / "int8.onnx").graph
    scaled = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    exact = [node for node in convolutions if not set(node.input[:2]) <= scaled]
    depthwise = [node for node in convolutions if any(one.name == "group" and one.i > 1 for one in node.attribute)]
    assert len(depthwise) == 30
    assert all(node in exact for node in depthwise)
    assert len(exact) == 1 + 30 + 3 * 3, "the first one, all depthwise ones, and three outputs of three heads"
    assert len(convolutions) - len(exact) > 70
