"""Which NVIDIA GPUs the driver knows, asked without loading any framework."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

__all__ = ["Gpu", "NoGpuError", "find_gpu", "find_gpus"]

_LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR


class NoGpuError(Exception):
    """There is no GPU, or not this one; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        number: As ``models.engine.gpu`` counts: in the order of the driver, with ``CUDA_VISIBLE_DEVICES`` obeyed.
        name: Of the product.
        compute_capability: (major, minor).
        memory: Bytes.
        driver: Latest version of CUDA that the driver can serve, such as ``13.2``.
    """

    number: int
    name: str
    compute_capability: tuple[int, int]
    memory: int
    driver: str

    @property
    def architecture(self) -> str:
        """``sm90`` for compute capability 9.0."""
        return "sm{}{}".format(*self.compute_capability)


def find_gpus(library: str = _LIBRARY) -> tuple[Gpu, ...]:
    """Every GPU, in the driver's order.

    Args:
        library: The driver's library.

    Raises:
        NoGpuError: there is no driver, it does not work, or it has no GPU.
    """
    try:
        cuda = ctypes.CDLL(library)
    except OSError as error:
        raise NoGpuError(f"no NVIDIA driver: {library} cannot be loaded") from error
    status = cuda.cuInit(0)
    if status != 0:
        raise NoGpuError(f"the NVIDIA driver finds no GPU it can use (CUDA error {status})")
    version, count = ctypes.c_int(), ctypes.c_int()
    _check(cuda.cuDriverGetVersion(ctypes.byref(version)), "cuDriverGetVersion")
    _check(cuda.cuDeviceGetCount(ctypes.byref(count)), "cuDeviceGetCount")
    if count.value == 0:
        raise NoGpuError("the NVIDIA driver has no GPU; is CUDA_VISIBLE_DEVICES empty?")
    driver = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return tuple(_describe(cuda, number, driver) for number in range(count.value))


def find_gpu(number: int, library: str = _LIBRARY) -> Gpu:
    """One GPU by its number.

    Raises:
        NoGpuError: there is none of this number.
    """
    gpus = find_gpus(library)
    if number >= len(gpus):
        known = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in gpus)
        raise NoGpuError(f"there is no GPU {number}; there is {known}")
    return gpus[number]


def _describe(cuda: ctypes.CDLL, number: int, driver: str) -> Gpu:
    device, major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    _check(cuda.cuDeviceGet(ctypes.byref(device), number), "cuDeviceGet")
    _check(cuda.cuDeviceGetName(name, len(name), device), "cuDeviceGetName")
    _check(cuda.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device), "cuDeviceGetAttribute")
    _check(cuda.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device), "cuDeviceGetAttribute")
    _check(cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device), "cuDeviceTotalMem")
    return Gpu(number, name.value.decode(errors="replace"), (major.value, minor.value), memory.value, driver)


def _check(status: int, call: str) -> None:
    if status != 0:
        raise NoGpuError(f"the NVIDIA driver does not work: {call} gave CUDA error {status}")
