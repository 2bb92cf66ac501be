"""A task for the training loop that takes milliseconds: which of three blobs a point belongs to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.loop import BEST, CHECKPOINT, LAST
from training.loop.checkpoints import read_checkpoint
from training.randomness import generator, seed_torch
from training.settings import FittingSettings, OptimiserSettings, Recipe

CENTRES = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])


class BlobTask:
    """Batches come in runs of `run` steps, so the loop must ask again; the network drops out, so the loop must seed."""

    def __init__(self, seed: int = 0, *, run: int = 7, pause: float = 0.0, spoil_at: int | None = None) -> None:
        seed_torch(seed, "initialisation")
        self._network = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
        self.seed, self.run, self.pause, self.spoil_at = seed, run, pause, spoil_at
        self.asked: list[int] = []
        self.validated: list[nn.Module] = []

    @property
    def network(self) -> nn.Module:
        return self._network

    def backbone_parameters(self) -> list[nn.Parameter]:
        return list(self._network[0].parameters())

    def training_batches(self, step: int) -> Iterator[Any]:
        self.asked.append(step)
        for at in range(step, (step // self.run + 1) * self.run):
            time.sleep(self.pause)
            random = generator(self.seed, "points", at)
            labels = torch.from_numpy(random.integers(0, 3, 12))
            points = CENTRES[labels] + torch.from_numpy(random.normal(0, 0.5, (12, 2)).astype("float32"))
            if at == self.spoil_at:
                points = points * float("nan")
            yield points, labels

    def loss(self, batch: Any) -> Mapping[str, Tensor]:
        points, labels = batch
        logits = self._network(points)
        return {"class": functional.cross_entropy(logits, labels), "size": 1e-3 * logits.square().mean()}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        self.validated.append(network)
        assert not network.training
        random = generator(self.seed, "held out")
        labels = torch.from_numpy(random.integers(0, 3, 60))
        points = CENTRES[labels] + torch.from_numpy(random.normal(0, 0.5, (60, 2)).astype("float32"))
        return {"accuracy": float((network(points).argmax(1) == labels).float().mean())}

    def description(self) -> Mapping[str, Any]:
        return {"classes": ["a", "b", "c"]}

    def state_dict(self) -> Mapping[str, Any]:
        return {"asked": list(self.asked)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.asked = list(state["asked"])


def blob_recipe(**fitting: Any) -> Recipe:
    """A recipe of 40 steps; `fitting` overrides its settings."""
    settings: dict[str, Any] = {
        "steps": 40,
        "log_every": 5,
        "validate_every": 10,
        "checkpoint_every": 10,
        "device": "cpu",
        "threads": 1,
        "optimiser": OptimiserSettings(rate=0.02, backbone_factor=0.5),
        "choose_by": "accuracy",
        "tensorboard": False,
        **fitting,
    }
    return Recipe(description="Three blobs.", fitting=FittingSettings(**settings))


def assert_equal(one: Any, other: Any) -> None:
    """Bit for bit, tensors included."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_equal(one[name], other[name])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    else:
        assert one == other


def assert_same_outcome(one: Path, other: Path, *, task_too: bool = False) -> None:
    """Two folders of trainings hold the same curves, weights and checkpoint; what the task remembers only if asked."""
    for name in ("training.csv", "validation.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for name in (LAST, BEST):
        assert_equal(read_checkpoint(one / name), read_checkpoint(other / name))
    left, right = read_checkpoint(one / CHECKPOINT), read_checkpoint(other / CHECKPOINT)
    if not task_too:
        del left["task"], right["task"]
    assert_equal(left, right)
