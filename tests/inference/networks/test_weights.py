from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.networks.embedding import EmbeddingNetwork
from inference.networks.registry import build
from inference.networks.weights import load_network, load_state, save_network


def test_a_network_comes_back_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(
        "efficientnet-lite0", {"identity": 5, "type": 4}, input_size=(64, 64), embedding_size=32, pretrained=True
    ).eval()
    save_network(tmp_path / "network.pt", network, {"seed": 3, "recipe": "tiny"})
    found, facts = load_network(tmp_path / "network.pt")
    assert facts == {"seed": 3, "recipe": "tiny"}
    assert not found.training
    assert found.specification is not None
    assert network.specification is not None
    assert found.specification.classes == network.specification.classes
    assert found.specification.options == {"input_size": (64, 64), "embedding_size": 32}  # no weights are fetched again
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found(images)["embedding"], network(images)["embedding"])
    assert list(tmp_path.iterdir()) == [tmp_path / "network.pt"]


def test_a_network_built_by_hand_cannot_be_saved(tmp_path: Path) -> None:
    network = EmbeddingNetwork({}, backbone="resnet18")
    with pytest.raises(ValueError, match="only networks that the registry built"):
        save_network(tmp_path / "network.pt", network)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    torch.save({"state": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="no such file"):
        load_state(tmp_path / "none.pt")
    with pytest.raises(ValueError, match="not a file of torch"):
        load_state(tmp_path / "text.pt")
    with pytest.raises(ValueError, match="not a trained network of this project"):
        load_network(tmp_path / "checkpoint.pt")
