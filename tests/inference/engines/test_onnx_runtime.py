"""The ONNX Runtime engine, for files with every kind of batch axis, and files that cannot be used."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import Engine
from inference.errors import InferenceError, ModelError
from tests.support.onnx_models import write_embedder
from throughline.types import FloatArray


def _pictures(count: int) -> FloatArray:
    return np.random.default_rng(count).standard_normal((count, 3, 24, 20)).astype(np.float32)


def _one_by_one(path: Path, batch: FloatArray) -> FloatArray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[0]
    repeat = size if isinstance(size, int) else 1
    return np.concatenate([session.run(None, {"images": np.repeat(row[None], repeat, axis=0)})[0][:1] for row in batch])


@pytest.fixture(params=["batch", 1, 3])
def batch_axis(request: pytest.FixtureRequest) -> int | str:
    value: int | str = request.param
    return value


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40])
def test_any_number_of_pictures_gives_what_each_gives_alone(tmp_path: Path, batch_axis: int | str, count: int) -> None:
    path = write_embedder(tmp_path / "net.onnx", batch=batch_axis)
    engine: Engine = OnnxRuntimeEngine(path)
    batch = _pictures(count)
    (output,) = engine.infer(batch)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, _one_by_one(path, batch), atol=1e-5)


def test_it_tells_what_it_is(tmp_path: Path, batch_axis: int | str) -> None:
    path = write_embedder(tmp_path / "net.onnx", batch=batch_axis, metadata={"mean": "0,0,0"})
    engine = OnnxRuntimeEngine(path)
    assert (engine.name, engine.input_shape, engine.output_shapes) == ("net", (3, 24, 20), ((16,),))
    assert engine.hash == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert engine.max_batch == (16 if batch_axis == "batch" else batch_axis)
    assert engine.metadata["mean"] == "0,0,0"


def test_no_pictures_give_empty_outputs_even_where_the_network_could_not(tmp_path: Path, batch_axis: int | str) -> None:
    engine = OnnxRuntimeEngine(write_embedder(tmp_path / "net.onnx", batch=batch_axis))
    (output,) = engine.infer(_pictures(0))
    assert output.shape == (0, 16)


def test_threads_share_one_engine(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    engine = OnnxRuntimeEngine(path)
    batches = [_pictures(count) for count in range(1, 30)]
    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(engine.infer, batches))
    for batch, (output,) in zip(batches, outputs, strict=True):
        np.testing.assert_allclose(output, _one_by_one(path, batch), atol=1e-5)


def test_a_batch_of_another_shape_is_refused(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(write_embedder(tmp_path / "net.onnx"))
    with pytest.raises(ValueError, match=r"net takes batches of \(N, 3, 24, 20\)"):
        engine.infer(np.zeros((1, 3, 20, 24), np.float32))


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(write_embedder(tmp_path / "net.onnx"))
    engine.close()
    engine.close()
    with pytest.raises(InferenceError, match="net has been closed"):
        engine.infer(_pictures(1))


def test_a_missing_file_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxRuntimeEngine(tmp_path / "none.onnx")
    assert str(tmp_path / "none.onnx") in str(caught.value)
    assert "throughline models list" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x08\x09" + bytes(range(256))])
def test_a_broken_file_gets_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        OnnxRuntimeEngine(tmp_path / "broken.onnx")
    assert "broken.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = write_embedder(tmp_path / "net.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cut\.onnx"):
        OnnxRuntimeEngine(tmp_path / "cut.onnx")


def test_a_network_of_another_kind_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx", height="height")  # type: ignore[arg-type]  # an open height is the error
    with pytest.raises(ModelError, match=r"expected one float32 input \(batch, channels, height, width\) of fixed height"):
        OnnxRuntimeEngine(path)
