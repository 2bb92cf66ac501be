"""Which operations on pictures fit an engine."""

from __future__ import annotations

from functools import cache
from typing import Any

from inference.engines.protocol import DeviceEngine, Engine
from inference.pictures.host import HostOperations
from inference.pictures.protocol import AnyBatch, PictureOperations

__all__ = ["operations_for"]

_HOST = HostOperations()


def operations_for(engine: Engine) -> PictureOperations[AnyBatch]:
    """Operations whose batches the engine takes as they are: on its GPU, if it has one."""
    return _on_device(str(engine.device)) if isinstance(engine, DeviceEngine) else _HOST


@cache
def _on_device(device: str) -> PictureOperations[Any]:
    from inference.pictures.device import DeviceOperations  # brings torch, which a machine without a GPU need not have

    return DeviceOperations(device)
