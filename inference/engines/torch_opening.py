"""Opens a network through torch on a GPU, if this machine has both; torch is imported only then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference.engines.gpu import NoGpuError, find_gpu
from inference.errors import ModelError
from throughline.settings.models import EngineSettings

if TYPE_CHECKING:
    from inference.engines.torch_engine import TorchEngine

__all__ = ["open_torch"]


def open_torch(path: Path, settings: EngineSettings, *, name: str | None = None) -> TorchEngine:
    """Loads an ONNX file on a GPU.

    Args:
        path: The file.
        settings: Section ``models.engine`` of the site file.
        name: Name of the model; default: the file's name without its ending.

    Raises:
        ModelError: there is no GPU, torch is missing or cannot use it, or the file is missing, broken or of another kind.
    """
    try:
        gpu = find_gpu(settings.gpu)
    except NoGpuError as error:
        raise ModelError(f"models.engine.kind: torch needs an NVIDIA GPU: {error}; use `auto` or `onnxruntime`") from error
    if settings.precision not in ("auto", "float32", "float16"):
        raise ModelError(f"models.engine.precision: torch computes in float32 or float16, not {settings.precision}")
    try:
        import torch

        from inference.engines.torch_engine import TorchEngine
    except ImportError as error:
        raise ModelError(
            f"models.engine.kind: torch cannot be used here ({error}); pip install torch onnx, or use `auto` or `onnxruntime`"
        ) from error
    if not torch.cuda.is_available():
        raise ModelError(f"models.engine.kind: this build of torch ({torch.__version__}) cannot use the {gpu.name}")
    return TorchEngine(
        path,
        name=name,
        device=f"cuda:{settings.gpu}",
        precision="float32" if settings.precision == "float32" else "float16",
        max_batch=settings.max_batch,
        cuda_graphs=settings.cuda_graphs,
    )
