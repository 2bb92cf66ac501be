"""Opens a network with the engine that the settings ask for."""

from __future__ import annotations

from pathlib import Path

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import Engine
from inference.errors import ModelError
from throughline.settings.models import EngineSettings

__all__ = ["open_engine"]


def open_engine(path: Path, settings: EngineSettings, *, name: str | None = None) -> Engine:
    """Loads an ONNX file.

    Args:
        path: The file.
        settings: Section ``models.engine`` of the site file.
        name: Name of the model; default: the file's name without its ending.

    Raises:
        ModelError: the file is missing, broken or of another kind, or this machine lacks what the settings ask for.
    """
    if settings.kind in ("auto", "onnxruntime"):
        return OnnxRuntimeEngine(path, name=name)
    raise ModelError(f"models.engine.kind: {settings.kind} cannot be had on this machine")
