"""What every engine does, whatever runs the network: one test for all that this machine has.

The reference is ONNX Runtime's own session, asked for one picture at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.openvino_engine import OpenVinoEngine
from inference.engines.protocol import DeviceEngine, Engine
from inference.engines.torch_engine import TorchEngine
from inference.errors import InferenceError, ModelError
from inference.networks.parity import drawn_pictures
from inference.tensorrt.torch_memory import TorchMemory
from tests.support.fake_gpu import FakeGpu, FakeMemory
from tests.support.fake_tensorrt import fake_tensorrt, open_on_fake
from tests.support.fake_torch_cuda import FakeCuda
from tests.support.onnx_models import write_embedder, write_yolox
from throughline.types import FloatArray

WEIGHTS = Path(__file__).resolve().parents[3] / "inference" / "weights"

Open = Callable[[Path], Engine]
OpenOnDevice = Callable[[Path], DeviceEngine]


def torch_on_cpu(path: Path) -> Engine:
    return TorchEngine(path, device="cpu", precision="float32", max_batch=4)


def tensorrt(path: Path) -> Engine:
    gpu = FakeGpu()
    return open_on_fake(path, fake_tensorrt(gpu), FakeMemory(gpu), max_batch=4)


def tensorrt_with_torch(path: Path) -> Engine:
    gpu = FakeGpu(knows_memory=False)
    memory = TorchMemory(0, device=torch.device("cpu"), cuda=FakeCuda(gpu))
    return open_on_fake(path, fake_tensorrt(gpu), memory, max_batch=4)


ENGINES: dict[str, Open] = {
    "onnxruntime": lambda path: OnnxRuntimeEngine(path, max_batch=4),
    "openvino": lambda path: OpenVinoEngine(path, max_batch=4),
    "torch": torch_on_cpu,
    "tensorrt on a fake": tensorrt,
    "tensorrt with torch on a fake": tensorrt_with_torch,
}


ON_DEVICES = ("torch", "tensorrt with torch on a fake")
"""Those that can be fed with what lies on their device."""


@pytest.fixture(params=ENGINES)
def open_engine(request: pytest.FixtureRequest) -> Open:
    return ENGINES[request.param]


@pytest.fixture(params=["batch", 1, 3])
def batch_axis(request: pytest.FixtureRequest) -> int | str:
    value: int | str = request.param
    return value


def pictures(count: int, height: int = 24, width: int = 20) -> FloatArray:
    return np.random.default_rng(count).standard_normal((count, 3, height, width)).astype(np.float32)


def one_by_one(path: Path, batch: FloatArray) -> Sequence[FloatArray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    repeat = taken.shape[0] if isinstance(taken.shape[0], int) else 1
    rows = [session.run(None, {taken.name: np.repeat(row[None], repeat, axis=0)}) for row in batch]
    return [np.concatenate([row[number][:1] for row in rows]) for number in range(len(rows[0]))]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 19])
def test_any_number_of_pictures_gives_what_each_gives_alone(
    open_engine: Open, tmp_path: Path, batch_axis: int | str, count: int
) -> None:
    path = write_embedder(tmp_path / "net.onnx", batch=batch_axis)
    batch = pictures(count)
    before = batch.copy()
    (output,) = open_engine(path).infer(batch)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, one_by_one(path, batch)[0], atol=1e-5)
    np.testing.assert_array_equal(batch, before)


def test_it_tells_what_it_is(open_engine: Open, tmp_path: Path, batch_axis: int | str) -> None:
    path = write_embedder(tmp_path / "net.onnx", batch=batch_axis, metadata={"mean": "0,0,0"})
    engine = open_engine(path)
    assert (engine.name, engine.input_shape, engine.output_shapes) == ("net", (3, 24, 20), ((16,),))
    assert engine.output_names == ("vector",)
    assert engine.hash == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert engine.max_batch == (4 if batch_axis == "batch" else batch_axis)
    assert engine.joins == (type(engine).__module__.startswith("inference.tensorrt"))
    assert engine.metadata["mean"] == "0,0,0"


def test_no_pictures_give_empty_outputs_even_where_the_network_could_not(
    open_engine: Open, tmp_path: Path, batch_axis: int | str
) -> None:
    engine = open_engine(write_embedder(tmp_path / "net.onnx", batch=batch_axis))
    (output,) = engine.infer(pictures(0))
    assert output.shape == (0, 16)
    assert output.dtype == np.float32


@pytest.mark.parametrize("shape", [(3, 24, 20), (1, 3, 20, 24), (1, 1, 24, 20), (0, 3, 24, 21)])
def test_another_shape_is_refused(open_engine: Open, tmp_path: Path, shape: tuple[int, ...]) -> None:
    engine = open_engine(write_embedder(tmp_path / "net.onnx"))
    with pytest.raises(ValueError, match=r"net takes batches of \(N, 3, 24, 20\)"):
        engine.infer(np.zeros(shape, np.float32))


def test_arrays_need_not_be_contiguous(open_engine: Open, tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    batch = pictures(6)[::2, :, :, ::-1]
    np.testing.assert_allclose(open_engine(path).infer(batch)[0], one_by_one(path, batch)[0], atol=1e-5)


def test_results_are_the_callers_own(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine(write_embedder(tmp_path / "net.onnx"))
    (first,) = engine.infer(pictures(3))
    kept = first.copy()
    engine.infer(pictures(3) + 1)
    np.testing.assert_array_equal(first, kept)


def test_calls_from_several_threads_do_not_mix(open_engine: Open, tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    engine = open_engine(path)
    batches = [pictures(count) for count in (1, 2, 3, 4, 5, 6)] * 4
    expected = {len(batch): one_by_one(path, batch)[0] for batch in batches[:6]}
    with ThreadPoolExecutor(4) as pool:
        for batch, (output,) in zip(batches, pool.map(engine.infer, batches), strict=True):
            np.testing.assert_allclose(output, expected[len(batch)], atol=1e-5)


def test_a_closed_engine_fails_and_closes_twice(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine(write_embedder(tmp_path / "net.onnx"))
    engine.close()
    engine.close()
    with pytest.raises(InferenceError, match="net has been closed"):
        engine.infer(pictures(1))


def test_a_detector_of_the_published_kind(open_engine: Open, tmp_path: Path) -> None:
    path = write_yolox(tmp_path / "tiny.onnx")
    batch = pictures(3, 64, 64) * 80
    np.testing.assert_allclose(open_engine(path).infer(batch)[0], one_by_one(path, batch)[0], atol=1e-4)


@pytest.mark.parametrize("file", ["vehicle_detector.onnx", "vehicle_embedder.onnx"])
def test_networks_that_ship_give_what_they_shall(open_engine: Open, file: str) -> None:
    engine = open_engine(WEIGHTS / file)
    batch = drawn_pictures(2, engine.input_shape[1:])
    for found, expected in zip(engine.infer(batch), one_by_one(WEIGHTS / file, batch), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_missing_file_is_named(open_engine: Open, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: no such model file"):
        open_engine(tmp_path / "gone.onnx")


def test_a_file_that_is_no_network_is_named(open_engine: Open, tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(b"version https://git-lfs.example/spec")
    with pytest.raises(ModelError, match=r"text\.onnx: not an ONNX model"):
        open_engine(path)


def test_a_network_that_takes_no_pictures_is_refused(open_engine: Open, tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx", height=24, width=20)
    data = path.read_bytes()
    assert open_engine(path).input_shape == (3, 24, 20)
    model = onnx.load_from_string(data)
    model.graph.input[0].type.tensor_type.shape.dim[2].ClearField("dim_value")
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"net\.onnx: expected one float32 input .* of fixed height and width"):
        open_engine(path)


@pytest.fixture(params=ON_DEVICES)
def open_device_engine(request: pytest.FixtureRequest) -> OpenOnDevice:
    def opened(path: Path) -> DeviceEngine:
        engine = ENGINES[request.param](path)
        assert isinstance(engine, DeviceEngine)
        return engine

    return opened


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_an_engine_on_a_device_takes_what_lies_there(open_device_engine: OpenOnDevice, tmp_path: Path, count: int) -> None:
    engine = open_device_engine(write_embedder(tmp_path / "net.onnx"))
    batch = pictures(count)
    (output,) = engine.infer_tensors(torch.from_numpy(batch).to(engine.device))
    assert output.device == engine.device
    assert output.dtype == torch.float32
    np.testing.assert_allclose(output.cpu().numpy(), engine.infer(batch)[0], atol=1e-6)


def test_an_engine_on_a_device_gives_what_later_calls_do_not_overwrite(open_device_engine: OpenOnDevice, tmp_path: Path) -> None:
    engine = open_device_engine(write_embedder(tmp_path / "net.onnx"))
    batch = torch.from_numpy(pictures(3)).to(engine.device)
    (first,) = engine.infer_tensors(batch)
    kept = first.clone()
    engine.infer_tensors(batch + 1)
    assert torch.equal(first, kept)


def test_an_engine_on_a_device_refuses_what_lies_elsewhere_or_is_of_another_kind(
    open_device_engine: OpenOnDevice, tmp_path: Path
) -> None:
    engine = open_device_engine(write_embedder(tmp_path / "net.onnx"))
    for wrong in (torch.zeros((1, 3, 24, 20), device="meta"), torch.zeros((1, 3, 24, 20), device=engine.device).half()):
        with pytest.raises(ValueError, match="net takes float32 on"):
            engine.infer_tensors(wrong)
    with pytest.raises(ValueError, match=r"net takes batches of \(N, 3, 24, 20\)"):
        engine.infer_tensors(torch.zeros((1, 3, 24, 21), device=engine.device))
