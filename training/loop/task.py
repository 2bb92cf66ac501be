"""The seam between the training loop and what is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

__all__ = ["Task"]


class Task(Protocol):
    """What is fitted: a network, its batches, its loss and its validation.

    The loop owns everything else: rates, precision, averages, curves, checkpoints. It seeds torch before each step, so a loss
    may draw (as dropout does); batches must depend on nothing but the recipe and the step (see `training.randomness`), which
    makes a run that was killed continue bit for bit.
    """

    @property
    def network(self) -> nn.Module:
        """The network that learns; always the same object. The loop moves it to its device."""

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Those that learn at `optimiser.backbone_factor` of the rate."""

    def training_batches(self, step: int) -> Iterator[Any]:
        """The batches from this step (counted from 0) on, in any nesting of tensors, mappings and tuples.

        It may end before the training does: it is then asked again, for the step it ended at, and may look at the network
        as it is by then.
        """

    def loss(self, batch: Any) -> Mapping[str, Tensor]:
        """Terms of one batch, by name, already weighted: their sum is minimised. Each is a scalar.

        Args:
            batch: As `training_batches` gave it, its tensors on the loop's device.
        """

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Figures of a network, such as ``{"mAP": 0.71}``; empty where there is nothing to validate on.

        Args:
            network: `network`, or its average over the steps, in evaluation mode, on the loop's device.
        """

    def description(self) -> Mapping[str, Any]:
        """What a file of weights must carry besides them to be of use, such as name, options and classes; JSON values."""

    def state_dict(self) -> Mapping[str, Any]:
        """What the task must remember over a kill, besides its network: tensors, numbers, texts; mostly empty."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state_dict` gave."""
