"""Where a step is computed."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch

from tests.support.fitting import blob_recipe
from training.errors import FittingError
from training.loop.devices import choose_device, computing, move


class Pair(NamedTuple):
    images: torch.Tensor
    labels: dict[str, torch.Tensor]


def test_moves_what_is_nested_and_keeps_its_form() -> None:
    batch = Pair(torch.ones(2), {"type": torch.zeros(2, dtype=torch.int64)})
    moved = move([batch, (batch.images, "name", 3)], torch.device("meta"))
    assert isinstance(moved[0], Pair)
    assert moved[0].images.device.type == "meta"
    assert moved[0].labels["type"].device.type == "meta"
    assert moved[1][0].device.type == "meta"
    assert moved[1][1:] == ("name", 3)


def test_a_gpu_that_is_not_there_is_named() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(FittingError, match="cuda:77: this machine has"):
        choose_device("cuda:77")


def test_threads_and_determinism_are_put_back() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with computing(blob_recipe(threads=2, deterministic=True).fitting):
        assert torch.get_num_threads() == 2
        assert torch.are_deterministic_algorithms_enabled()
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
