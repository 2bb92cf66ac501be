"""Another input size for an ONNX file, against the package `onnx`, which the product does without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from inference.catalogue import find, locate, model_folders
from inference.engines.onnx_input_size import with_input_size
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from tests.support.onnx_models import write_embedder, write_yolox


def _sizes(model: onnx.ModelProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]


@pytest.mark.parametrize("batch", [1, "batch"])
@pytest.mark.parametrize(("height", "width"), [(32, 96), (320, 1), (12_800, 200)])
def test_nothing_but_the_size_changes(tmp_path: Path, batch: int | str, height: int, width: int) -> None:
    path = write_yolox(tmp_path / "net.onnx", batch=batch, metadata={"classes": "car"})
    before, after = onnx.load(path), onnx.load_from_string(with_input_size(path.read_bytes(), height, width))
    assert _sizes(after) == [batch, 3, height, width]
    for axis in (2, 3):
        before.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = (height, width)[axis - 2]
    assert after == before


def test_sizes_that_were_noted_for_inner_values_are_forgotten() -> None:
    path = locate(find("vehicle-detector"), model_folders())
    assert path is not None
    assert len(onnx.load(path).graph.value_info)
    after = onnx.load_from_string(with_input_size(path.read_bytes(), 64, 64))
    assert not after.graph.value_info
    assert after.metadata_props == onnx.load(path).metadata_props


def test_the_network_computes_what_it_computed_on_that_part(tmp_path: Path) -> None:
    path = write_yolox(tmp_path / "net.onnx", side=64)
    session = onnxruntime.InferenceSession(with_input_size(path.read_bytes(), 32, 64), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 64)).astype(np.float32)
    (whole,) = OnnxRuntimeEngine(path).infer(picture)
    (part,) = session.run(None, {"images": np.ascontiguousarray(picture[:, :, :32])})
    fine = (64 // 8) * (32 // 8)  # cells of the finest grid in the upper half
    np.testing.assert_allclose(part[:, :fine], whole[:, :fine], atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"not a model at all", b"\x3a\x05ab"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"ONNX|protocol buffer|ends too early|no input"):
        with_input_size(content, 32, 32)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = write_embedder(tmp_path / "net.onnx").read_bytes()
    for length in range(1, len(whole), 37):
        try:
            cut = with_input_size(whole[:length], 32, 32)
        except ValueError:
            continue
        pytest.fail(f"{length} of {len(whole)} bytes were taken, as {len(cut)}")
