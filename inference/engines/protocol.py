"""The seam to whatever runs a network: arrays in, arrays out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from throughline.types import FloatArray

if TYPE_CHECKING:
    import torch

__all__ = ["DeviceEngine", "Engine", "ResizableEngine", "sha256_of", "weights_hash"]


class Engine(Protocol):
    """A loaded network with one picture input; any thread may call `infer`, also several at once."""

    @property
    def name(self) -> str:
        """Name of the model, as metrics and messages give it."""
        ...

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the weights file."""
        ...

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one picture."""
        ...

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output for one picture, without the batch axis."""
        ...

    @property
    def output_names(self) -> tuple[str, ...]:
        """Name of each output, as the weights file calls it."""
        ...

    @property
    def joins(self) -> bool:
        """Whether several pictures in one pass take less time than one by one, as on a GPU: requests are joined then."""
        ...

    @property
    def max_batch(self) -> int | None:
        """Most pictures that the network takes in one pass, None: any number. `infer` splits what is more."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the weights file says about itself, such as ``classes`` or ``mean``."""
        ...

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """Runs the network.

        Args:
            batch: (N, C, H, W) float32, any N, zero included.

        Returns:
            One (N, ...) float32 array for each output.

        Raises:
            InferenceError: the network failed, or the engine has been closed.
            ValueError: the batch has another shape.
        """
        ...

    def close(self) -> None:
        """Frees the network; safe to call twice."""
        ...


@runtime_checkable
class ResizableEngine(Engine, Protocol):
    """An engine that may be had for pictures of another size as well."""

    def resized(self, height: int, width: int) -> Engine | None:
        """The same network for pictures of this size: to be closed by itself; None: the file allows no other size.

        Sizes must be those that the network's strides divide. What it sees of a picture hardly depends on how much of the input
        lies beyond the picture's edge, but is not the same to the last bit.
        """
        ...


@runtime_checkable
class DeviceEngine(Engine, Protocol):
    """An engine whose network lies on a GPU, and which can be fed from there.

    `Engine.infer` works as with any other engine: it takes the batch up and the outputs down again.
    """

    @property
    def device(self) -> torch.device:
        """Where inputs are expected, and where outputs lie."""
        ...

    def infer_tensors(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Runs the network on what lies on its device already; nothing is copied to the host.

        Args:
            batch: (N, C, H, W) float32 on `device`, any N, zero included, written on the caller's current stream.

        Returns:
            One (N, ...) float32 tensor for each output, ready for work that the caller queues on its current stream. They
            belong to the caller: later calls do not overwrite them.

        Raises:
            InferenceError: the network failed, or the engine has been closed.
            ValueError: the batch has another shape, or lies elsewhere.
        """
        ...


def weights_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file: what stands in messages beside a model's name."""
    return sha256_of(path)[:16]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
