"""Where and in what precision a step is computed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from training.errors import FittingError
from training.settings import FittingSettings

__all__ = ["choose_device", "computing", "move"]


def choose_device(name: str) -> torch.device:
    """The device of a recipe's ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        FittingError: there is no such GPU.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise FittingError(f"fitting.device: {name}: this machine has {torch.cuda.device_count()} GPUs that torch can use")
    return device


def move(value: Any, device: torch.device) -> Any:
    """The tensors in a nesting of mappings, lists, tuples and named tuples, on a device; the rest as it is."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {name: move(inner, device) for name, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(move(inner, device) for inner in value))
    if isinstance(value, (list, tuple)):
        return type(value)(move(inner, device) for inner in value)
    return value


@contextmanager
def computing(settings: FittingSettings) -> Iterator[None]:
    """Sets torch's threads and whether it must repeat exactly, and puts both back."""
    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(settings.threads or len(os.sched_getaffinity(0)))
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats exactly only with a workspace of its own
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)
