"""The driver is asked by its C functions; here a stand-in answers."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from inference.engines.gpu import NoGpuError, find_gpu, find_gpus


class FakeDriver:
    """Answers like the driver's library, through the pointers it is given."""

    def __init__(self, capabilities: list[tuple[int, int]], *, start: int = 0, broken: str = "") -> None:
        self._capabilities = capabilities
        self._start = start
        self._broken = broken

    def __getattr__(self, call: str) -> Any:
        return lambda *arguments: 999 if call == self._broken else self._answer(call, *arguments)

    def _answer(self, call: str, *arguments: Any) -> int:
        if call == "cuInit":
            return self._start
        target = arguments[0]
        if call == "cuDriverGetVersion":
            target._obj.value = 13020
        elif call == "cuDeviceGetCount":
            target._obj.value = len(self._capabilities)
        elif call == "cuDeviceGet":
            target._obj.value = arguments[1]
        elif call == "cuDeviceGetName":
            target.value = b"GPU of number %d" % arguments[2].value
        elif call == "cuDeviceGetAttribute":
            target._obj.value = self._capabilities[arguments[2].value][{75: 0, 76: 1}[arguments[1]]]
        elif call == "cuDeviceTotalMem_v2":
            target._obj.value = 80 << 30
        else:
            raise AssertionError(call)
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeDriver(*arguments, **options))

    return install


def test_every_gpu_is_described(driver: Any) -> None:
    driver([(9, 0), (12, 1)])
    first, second = find_gpus()
    assert (first.number, first.name, first.compute_capability, first.architecture) == (0, "GPU of number 0", (9, 0), "sm90")
    assert (second.architecture, second.driver, second.memory) == ("sm121", "13.2", 80 << 30)
    assert find_gpu(1) == second


def test_a_number_too_high_names_those_there_are(driver: Any) -> None:
    driver([(9, 0)])
    with pytest.raises(NoGpuError, match=r"no GPU 1; there is 0 \(GPU of number 0\)"):
        find_gpu(1)


def test_a_driver_without_a_gpu_is_none(driver: Any) -> None:
    driver([], start=100)
    with pytest.raises(NoGpuError, match=r"finds no GPU it can use \(CUDA error 100\)"):
        find_gpus()
    driver([])
    with pytest.raises(NoGpuError, match="CUDA_VISIBLE_DEVICES"):
        find_gpus()


def test_a_driver_that_breaks_says_where(driver: Any) -> None:
    driver([(9, 0)], broken="cuDeviceTotalMem_v2")
    with pytest.raises(NoGpuError, match="cuDeviceTotalMem gave CUDA error 999"):
        find_gpus()


def test_without_a_driver_its_library_is_named() -> None:
    with pytest.raises(NoGpuError, match=r"libnothere\.so\.9 cannot be loaded"):
        find_gpus("libnothere.so.9")
