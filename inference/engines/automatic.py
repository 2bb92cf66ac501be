"""``models.engine.kind: auto``: the fastest engine that this machine has for a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference.engines.gpu import NoGpuError, find_gpu
from inference.engines.protocol import Engine
from inference.engines.torch_opening import open_torch
from inference.errors import ModelError
from throughline.settings.models import EngineSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["open_on_gpu"]


def open_on_gpu(
    path: Path, settings: EngineSettings, *, name: str | None = None, metrics: Metrics | None = None
) -> tuple[Engine | None, str]:
    """Opens a network on the GPU, if there is one and something that runs it there.

    Args:
        path: ONNX file.
        settings: Section ``models.engine`` of the site file.
        name: Name of the model; default: the file's name without its ending.
        metrics: Where TensorRT counts.

    Returns:
        The engine, None if it must be one on the CPU; and what the user should know about that, the same for each network
        unless it is this network's own trouble.
    """
    try:
        gpu = find_gpu(settings.gpu)
    except NoGpuError as error:
        return None, f"models.engine: networks run on the CPU: {error}"
    troubles = []
    for kind, open_engine in _ON_GPU.items():
        try:
            return open_engine(path, settings, name, metrics), f"models.engine: {kind} on {gpu.name}"
        except ModelError as error:
            troubles.append(f"{kind}: {error}")
    return None, f"models.engine: {path.name} runs on the CPU although there is a {gpu.name}: {'; '.join(troubles)}"


def _tensorrt(path: Path, settings: EngineSettings, name: str | None, metrics: Metrics | None) -> Engine:
    from inference.tensorrt.opening import open_tensorrt  # brings torch or pycuda

    return open_tensorrt(path, settings, name=name, metrics=metrics)


def _torch(path: Path, settings: EngineSettings, name: str | None, _: Metrics | None) -> Engine:
    return open_torch(path, settings, name=name)


_ON_GPU: dict[str, Callable[[Path, EngineSettings, str | None, Metrics | None], Engine]] = {
    "TensorRT": _tensorrt,
    "torch": _torch,
}
"""In the order in which they are tried."""
