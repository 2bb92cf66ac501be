"""Opens a network with the engine that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference.engines.automatic import open_on_gpu
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import Engine
from inference.engines.torch_opening import open_torch
from throughline.settings.models import EngineSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["open_engine"]


def open_engine(
    path: Path,
    settings: EngineSettings,
    *,
    name: str | None = None,
    metrics: Metrics | None = None,
    tell: Callable[[str], None] | None = None,
) -> Engine:
    """Loads an ONNX file.

    Args:
        path: The file.
        settings: Section ``models.engine`` of the site file.
        name: Name of the model; default: the file's name without its ending.
        metrics: Where engines count.
        tell: Takes what the user should know about the choice of an engine.

    Raises:
        ModelError: the file is missing, broken or of another kind, or this machine lacks what the settings ask for.
    """
    if settings.kind == "auto":
        engine, note = open_on_gpu(path, settings, name=name, metrics=metrics)
        if tell is not None:
            tell(note)
        return OnnxRuntimeEngine(path, name=name) if engine is None else engine
    if settings.kind == "onnxruntime":
        return OnnxRuntimeEngine(path, name=name)
    if settings.kind == "tensorrt":
        from inference.tensorrt.opening import open_tensorrt  # brings torch or pycuda

        return open_tensorrt(path, settings, name=name, metrics=metrics)
    if settings.kind == "openvino":
        from inference.engines.openvino_engine import OpenVinoEngine  # optional

        return OpenVinoEngine(path, name=name, precision=settings.precision)
    return open_torch(path, settings, name=name)
