"""pycuda's provider on a stand-in for ``pycuda.driver``, which needs a GPU to be imported at all."""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import DeviceEngine
from inference.errors import InferenceError, ModelError
from inference.tensorrt.pycuda_memory import PycudaMemory
from tests.inference.tensorrt.conftest import some
from tests.support.fake_gpu import FakeGpu
from tests.support.fake_tensorrt import fake_tensorrt, open_on_fake


class Allocation:
    def __init__(self, driver: Driver, array: npt.NDArray[Any]) -> None:
        self._driver = driver
        self._address = array.ctypes.data

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._driver.needs_context()
        del self._driver.gpu.allocated[self._address]


class Stream:
    def __init__(self, driver: Driver) -> None:
        driver.needs_context()
        self._driver = driver
        self.own = driver.gpu.new_stream()
        self.handle = self.own.handle

    def synchronize(self) -> None:
        self._driver.needs_context()
        self.own.synchronise()


class HostMemory(np.ndarray[Any, Any]):
    """What page-locked arrays are views of."""

    driver: Driver

    def free(self) -> None:
        self.driver.needs_context()
        self.driver.host_arrays_freed += 1


class Device:
    def __init__(self, driver: Driver, number: int) -> None:
        if number > 0:
            raise driver.Error("cuDeviceGet failed: invalid device ordinal")
        self._driver = driver

    def retain_primary_context(self) -> Context:
        return Context(self._driver)


class Context:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def push(self) -> None:
        self._driver.thread.depth = self._driver.depth + 1

    def pop(self) -> None:
        self._driver.thread.depth = self._driver.depth - 1


class Driver:
    """``pycuda.driver`` on a `FakeGpu`: everything needs the primary context to be the thread's."""

    class Error(Exception):
        pass

    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu = gpu
        self.thread = threading.local()
        self.host_arrays_freed = 0
        self.Stream = partial(Stream, self)
        self.Device = partial(Device, self)
        self.Context = Context(self)  # its `pop` is static there

    @property
    def depth(self) -> int:
        return int(getattr(self.thread, "depth", 0))

    def needs_context(self) -> None:
        if not self.depth:
            self.gpu.problems.append("no context is current")

    def init(self) -> None:
        pass

    def mem_alloc(self, size: int) -> Allocation:
        self.needs_context()
        if self.gpu.capacity is not None and size > self.gpu.capacity:
            raise self.Error("cuMemAlloc failed: out of memory")
        array = np.full(size, 255, np.uint8)
        self.gpu.allocated[array.ctypes.data] = array
        return Allocation(self, array)

    def memset_d8(self, address: int, value: int, size: int) -> None:
        self.gpu.memory_at(address, (size,), np.uint8)[:] = value

    def pagelocked_zeros(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        self.needs_context()
        base = np.zeros(shape, dtype).view(HostMemory)
        base.driver = self
        view = base[:]
        assert view.base is base
        return view

    def memcpy_htod_async(self, target: int, source: npt.NDArray[Any], stream: Any) -> None:
        assert source.flags.c_contiguous
        stream.own.enqueue(lambda: np.copyto(self.gpu.memory_at(target, source.shape, source.dtype), source))

    def memcpy_dtoh_async(self, target: npt.NDArray[Any], source: int, stream: Any) -> None:
        stream.own.enqueue(lambda: np.copyto(target, self.gpu.memory_at(source, target.shape, target.dtype)))


def test_an_engine_without_torch(network: Path, gpu: FakeGpu) -> None:
    driver = Driver(gpu)
    tensorrt = fake_tensorrt(gpu)
    engine = open_on_fake(network, tensorrt, PycudaMemory(0, driver=driver), max_batch=4)
    assert not isinstance(engine, DeviceEngine)
    expected = OnnxRuntimeEngine(network)
    for count in (1, 3, 9):
        np.testing.assert_allclose(engine.infer(some(count))[0], expected.infer(some(count))[0], atol=1e-5)
    assert len(tensorrt.api.contexts) == 2  # one that could not be recorded, and one for all sizes from then on
    engine.close()
    assert not gpu.allocated
    assert driver.host_arrays_freed == 2
    assert gpu.problems == []
    assert driver.depth == 0


def test_failures_of_the_driver_are_errors_of_the_model(network: Path, gpu: FakeGpu) -> None:
    engine = open_on_fake(network, fake_tensorrt(gpu), PycudaMemory(0, driver=Driver(gpu)), max_batch=4)
    engine._workers._idle.clear()
    gpu.capacity = 1
    with pytest.raises(InferenceError, match="net failed on a batch of 1: cuMemAlloc failed: out of memory"):
        engine.infer(some(1))


def test_a_gpu_that_is_not_there(gpu: FakeGpu) -> None:
    with pytest.raises(ModelError, match=r"models\.engine\.gpu: pycuda cannot use GPU 3: cuDeviceGet failed"):
        PycudaMemory(3, driver=Driver(gpu))


def test_without_pycuda_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    with pytest.raises(ModelError, match=r"models\.engine\.memory: pycuda cannot be used here .*; install it, or set this to"):
        PycudaMemory(0)
