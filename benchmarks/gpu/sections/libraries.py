"""Libraries that use the GPU: each is asked to do a little that is checked. TensorRT is checked by building networks."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._here import why_not_here, why_not_torch
from throughline.types import FloatArray

__all__ = ["TABLE", "nvdec_works", "pycuda_works", "torch_works"]

TABLE = "machine"
_SIZE = 256
_CODECS = ("h264", "hevc")


def torch_works(job: Job) -> Iterator[Line]:
    """A product of matrices against the CPU's, and the same as a CUDA graph."""
    import torch

    name = f"torch {torch.__version__}"
    reason = why_not_torch(job)
    if reason:
        yield Line(TABLE, {"what": name}, "not run", note=reason)
        return
    device = torch.device(job.device)
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    one, other = (torch.from_numpy(_drawn(seed)) for seed in (0, 1))
    expected = (one @ other).numpy()
    placed = one.to(device), other.to(device)
    yield _compared(name, (placed[0] @ placed[1]).cpu().numpy(), expected, f"CUDA {torch.version.cuda or 'none'}")
    if device.type != "cuda":
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch left it out
    with torch.cuda.stream(stream):
        torch.matmul(*placed)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        product = torch.matmul(*placed)
    placed[0].mul_(2)
    graph.replay()
    torch.cuda.synchronize(device)
    yield _compared("torch, CUDA graphs", product.cpu().numpy(), 2 * expected, "")


def pycuda_works(job: Job) -> Iterator[Line]:
    """Memory of the product's provider: up and down again, beside torch in the same context."""
    pycuda: Any = importlib.import_module("pycuda")  # it has no types

    name = f"pycuda {pycuda.VERSION_TEXT}"
    reason = "it has no CPU to try this on" if job.gpu is None else why_not_here(job)
    if job.gpu is None or reason:
        yield Line(TABLE, {"what": name}, "not run", note=reason)
        return
    from inference.tensorrt.pycuda_memory import PycudaMemory

    memory = PycudaMemory(job.gpu)
    expected = _drawn(0)
    with memory.current():
        stream = memory.stream()
        source, target = (memory.on_host(expected.shape, expected.dtype) for _ in range(2))
        there = memory.on_gpu(expected.shape, expected.dtype)
        source.array[:] = expected
        memory.upload(source, there, len(expected), stream)
        memory.download(there, target, len(expected), stream)
        stream.synchronise()
        found = np.array(target.array)
        memory.free(source, target, there)
        yield _compared(name, found, expected, "memory and a stream in the GPU's primary context")
        if importlib.util.find_spec("torch") is not None:
            yield _compared("pycuda beside torch", _read_of_torch(expected, job.gpu), expected, "reads what torch has written")


def _read_of_torch(values: FloatArray, gpu: int) -> FloatArray:
    """The values as pycuda finds them in memory of torch: it can if both use one context."""
    import torch

    driver: Any = importlib.import_module("pycuda.driver")  # it has no types
    tensor = torch.from_numpy(values).to(f"cuda:{gpu}")
    torch.cuda.synchronize(gpu)
    found = np.empty_like(values)
    driver.memcpy_dtoh(found, tensor.data_ptr())
    return found


def nvdec_works(job: Job) -> Iterator[Line]:
    """Whether FFmpeg in PyAV's wheel opens the GPU's decoders."""
    import av
    from av.codec import Codec
    from av.codec.hwaccel import HWAccel, hwdevices_available

    name = f"PyAV {av.__version__}"
    devices = ", ".join(hwdevices_available())
    yield Line(TABLE, {"what": name}, note=f"decoders for: {devices}")
    reason = "the CPU was asked for" if job.gpu is None else why_not_here(job)
    if reason:
        yield Line(TABLE, {"what": "NVDEC"}, "not run", note=reason)
        return
    for codec in _CODECS:
        what = {"what": f"NVDEC, {codec}"}
        try:
            HWAccel("cuda", device=str(job.gpu), allow_software_fallback=False, is_hw_owned=True).create(Codec(codec, "r"))
            yield Line(TABLE, what, note="opens; whether it decodes stands below")
        except (av.error.FFmpegError, OSError, NotImplementedError) as error:
            yield Line(TABLE, what, "failed", note=str(error))


def _drawn(seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((_SIZE, _SIZE), np.float32)


def _compared(
    what: str,
    found: FloatArray,
    expected: FloatArray,
    note: str,
) -> Line:
    difference = float(np.abs(found - expected).max())
    if difference <= 1e-3 * float(np.abs(expected).max()):
        return Line(TABLE, {"what": what}, note=note)
    return Line(TABLE, {"what": what}, "wrong", note=f"its result is off by {difference:.2g}")
