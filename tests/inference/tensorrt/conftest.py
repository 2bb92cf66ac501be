"""Networks in the precisions that TensorRT builds, and the genuine TensorRT-RTX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.errors import ModelError
from inference.networks.half import compute_in_half
from inference.networks.precision import quantise
from inference.tensorrt.flavours import TensorRT, load_tensorrt
from tests.support.fake_gpu import FakeGpu, FakeMemory
from tests.support.fake_tensorrt import FakeApi, fake_tensorrt
from tests.support.onnx_models import write_embedder
from throughline.types import FloatArray

WEIGHTS = Path(__file__).resolve().parents[3] / "inference" / "weights"


@pytest.fixture(scope="session")
def rtx() -> TensorRT:
    """The genuine TensorRT-RTX, which builds without a GPU."""
    try:
        return load_tensorrt("tensorrt-rtx")
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def in_precision(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], Path]:
    """Gives a file of the same network in another precision; each is made once."""
    folder = tmp_path_factory.mktemp("precisions")

    def make(source: Path, precision: str) -> Path:
        target = folder / f"{source.stem}-{precision}.onnx"
        if precision == "float32":
            return source
        if not target.exists() and precision == "float16":
            compute_in_half(source, target)
        elif not target.exists():
            quantise(source, target, pictures_for(source), symmetric=True)
        return target

    return make


def pictures_for(source: Path) -> FloatArray:
    """(4, 3, H, W) drawn pictures as the network in a file takes them."""
    from inference.engines.onnx_runtime import OnnxRuntimeEngine
    from inference.networks.parity import drawn_pictures

    engine = OnnxRuntimeEngine(source)
    return drawn_pictures(4, engine.input_shape[1:])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A small embedder for pictures of (3, 24, 20), with any batch."""
    return write_embedder(tmp_path / "net.onnx", metadata={"mean": "0,0,0"})


@pytest.fixture
def gpu() -> FakeGpu:
    return FakeGpu()


@pytest.fixture
def memory(gpu: FakeGpu) -> FakeMemory:
    return FakeMemory(gpu)


@pytest.fixture
def tensorrt(gpu: FakeGpu) -> TensorRT:
    return fake_tensorrt(gpu)


@pytest.fixture
def api(tensorrt: TensorRT) -> FakeApi:
    assert isinstance(tensorrt.api, FakeApi)
    return tensorrt.api


def some(count: int) -> FloatArray:
    """(count, 3, 24, 20) float32."""
    return np.random.default_rng(count).standard_normal((count, 3, 24, 20)).astype(np.float32)
