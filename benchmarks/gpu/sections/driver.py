"""The driver, its GPUs, and the libraries beside it that decode and encode video."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from inference.engines.gpu import NoGpuError, find_gpus
from inference.threads import available_cores

__all__ = ["TABLE", "run"]

TABLE = "machine"
_BESIDE = {"libnvcuvid.so.1": "NVDEC needs it", "libnvidia-encode.so.1": "NVENC needs it; the product does not"}


def run(_: Job) -> Iterator[Line]:
    """A line for the machine, one for each GPU, and one for each library."""
    yield Line(TABLE, {"what": "Python"}, note=f"{platform.python_version()}, {available_cores()} cores")
    try:
        for gpu in find_gpus():
            note = f"{gpu.name}, {gpu.architecture}, {gpu.memory / 2**30:.0f} GiB, the driver serves CUDA {gpu.driver}"
            yield Line(TABLE, {"what": f"GPU {gpu.number}"}, note=note)
    except NoGpuError as error:
        yield Line(TABLE, {"what": "GPU"}, "missing", note=str(error))
    for library, purpose in _BESIDE.items():
        try:
            ctypes.CDLL(library)
            yield Line(TABLE, {"what": library}, note=purpose)
        except OSError as error:
            yield Line(TABLE, {"what": library}, "missing", note=f"{purpose}: {error}")
