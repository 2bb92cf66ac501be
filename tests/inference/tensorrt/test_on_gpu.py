"""The networks that ship, on a GPU with a genuine TensorRT: only where there are both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.engines.gpu import NoGpuError, find_gpu
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import DeviceEngine
from inference.errors import ModelError
from inference.networks.parity import compare, drawn_pictures
from inference.tensorrt.engine import TensorRTEngine
from inference.tensorrt.flavours import FLAVOURS, Flavour, load_tensorrt
from inference.tensorrt.opening import open_tensorrt, provide_memory
from inference.tensorrt.plans import PlanCache
from tests.inference.tensorrt.conftest import WEIGHTS
from throughline.settings.models import EngineSettings

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

FILES = ("vehicle_detector.onnx", "vehicle_embedder.onnx")
LEAST_COSINE = {"float32": 0.999999, "float16": 0.9999}


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> Flavour:
    found: Flavour = request.param
    try:
        find_gpu(0)
        load_tensorrt(found)
    except (NoGpuError, ModelError) as error:
        pytest.skip(str(error))
    return found


@pytest.fixture(params=["torch", "pycuda"])
def memory(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    try:
        provide_memory(EngineSettings.model_validate({"memory": kind}))
    except ModelError as error:
        pytest.skip(str(error))
    return kind


def opened(file: str, flavour: Flavour, folder: Path, **settings: object) -> TensorRTEngine:
    chosen = EngineSettings.model_validate({"max_batch": 8, **settings})
    return open_tensorrt(WEIGHTS / file, chosen, flavour=flavour, cache=PlanCache(folder))


@pytest.mark.parametrize("cuda_graphs", [True, False])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("file", FILES)
def test_it_computes_what_the_cpu_does(
    tmp_path: Path, flavour: Flavour, memory: str, file: str, precision: str, cuda_graphs: bool
) -> None:
    reference = OnnxRuntimeEngine(WEIGHTS / file)
    engine = opened(file, flavour, tmp_path, precision=precision, memory=memory, cuda_graphs=cuda_graphs)
    for count in (1, 3, 8, 11, 3):
        pictures = drawn_pictures(count, engine.input_shape[1:], seed=count)
        expected = dict(zip(reference.output_names, reference.infer(pictures), strict=True))
        found = dict(zip(engine.output_names, engine.infer(pictures), strict=True))
        for loss in compare(expected, found).values():
            assert loss.cosine > LEAST_COSINE[precision]
    engine.close()


def test_a_second_start_uses_the_plan(tmp_path: Path, flavour: Flavour) -> None:
    opened(FILES[1], flavour, tmp_path).close()
    (plan,) = tmp_path.glob("*.plan")
    before = plan.stat().st_mtime_ns
    opened(FILES[1], flavour, tmp_path).close()
    assert plan.stat().st_mtime_ns == before
    plan.write_bytes(plan.read_bytes()[:-100])
    opened(FILES[1], flavour, tmp_path).close()
    assert plan.stat().st_mtime_ns > before


def test_tensors_of_several_streams_and_threads_do_not_mix(tmp_path: Path, flavour: Flavour) -> None:
    engine = opened(FILES[1], flavour, tmp_path, precision="float32")
    assert isinstance(engine, DeviceEngine)
    device = engine
    reference = OnnxRuntimeEngine(WEIGHTS / FILES[1])
    batches = [drawn_pictures(count, engine.input_shape[1:], seed=count) for count in (1, 2, 5, 8, 9)]
    expected = [reference.infer(batch)[0] for batch in batches]

    def run(number: int) -> bool:
        with torch.cuda.stream(torch.cuda.Stream(device.device)):  # type: ignore[no-untyped-call]  # torch left it out
            batch = torch.from_numpy(batches[number % 5]).to(device.device, non_blocking=True)
            (found, *_) = device.infer_tensors(batch)
            batch.zero_()  # queued behind the passes
            return bool(np.abs(found.cpu().numpy() - expected[number % 5]).max() < 1e-3)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(100)))
    engine.close()
