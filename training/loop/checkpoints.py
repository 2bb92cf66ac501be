"""Checkpoints that a kill at any moment leaves whole: written beside, flushed, then renamed over the old one."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from training.errors import FittingError

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes tensors, numbers, texts and containers of them; the old file stays until the new one is on the disk."""
    beside = path.with_name(f"{path.name}.partial")
    with beside.open("wb") as file:
        torch.save(dict(content), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `write_checkpoint` wrote, its tensors on the CPU. No code in the file is run.

    Raises:
        FittingError: it is not a checkpoint, or damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()
        raise FittingError(f"{path}: cannot be read as a checkpoint: {reason[0] if reason else error!r}") from error
    return content
