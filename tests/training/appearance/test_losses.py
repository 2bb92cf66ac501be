"""The terms of a recipe, from what each kind of network gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from inference.networks.network import Outputs
from training.appearance.losses import appearance_losses
from training.appearance.recipe import AppearanceRecipe
from training.data.batches import CropBatch
from training.errors import RecipeError
from training.losses import attention_loss, attribute_loss, batch_hard_triplet, contrastive_loss, identity_loss
from training.settings import FittingSettings

VEHICLES = torch.arange(3).repeat_interleave(4)


def recipe(losses: dict[str, Any], attributes: dict[str, Any] | None = None) -> AppearanceRecipe:
    return AppearanceRecipe.model_validate(
        {
            "description": "",
            "task": "reid",
            "network": {"name": "resnet101"},
            "data": {"training": [{"layout": "crops", "path": "x"}]},
            "sampling": {"kind": "identities", "identities": 3},
            "losses": losses,
            "attributes": attributes or {},
            "fitting": FittingSettings.model_validate({"steps": 1, "optimiser": {"rate": 1}}),
        }
    )


def batch(**labels: Tensor) -> CropBatch:
    return CropBatch(
        images=torch.zeros(12, 3, 2, 2, dtype=torch.uint8),
        vehicles=VEHICLES,
        sequences=torch.tensor([0, 0, 1, 1] * 3),
        frames=torch.arange(12) * 10,
        classes=labels,
        certainty={name: torch.ones(12) for name in labels},
    )


def terms(
    outputs: Outputs, losses: dict[str, Any], attributes: dict[str, Any] | None = None, **labels: Tensor
) -> dict[str, float]:
    found = appearance_losses(outputs, batch(**labels), recipe(losses, attributes), {})
    return {name: float(value) for name, value in found.items()}


def test_a_plain_embedder() -> None:
    torch.manual_seed(0)
    outputs: Outputs = {"identity": torch.randn(12, 3), "feature": torch.randn(12, 8)}
    found = terms(outputs, {"identity": {"smoothing": 0.1}, "triplet": {"weight": 0.02, "margin": 0.5}})
    assert found == pytest.approx(
        {
            "identity": float(identity_loss(outputs["identity"], VEHICLES, smoothing=0.1)),  # type: ignore[arg-type]
            "triplet": 0.02 * float(batch_hard_triplet(outputs["feature"], VEHICLES, margin=0.5)),  # type: ignore[arg-type]
        }
    )


def test_eleven_classifiers_are_summed_and_four_triplets_only_where_they_weigh() -> None:
    torch.manual_seed(0)
    logits = tuple(torch.randn(12, 3) for _ in range(11))
    features = tuple(torch.randn(12, 8) for _ in range(4))
    outputs: Outputs = {"identity": logits, "feature": features}
    expected = sum(float(identity_loss(part, VEHICLES)) for part in logits)
    assert terms(outputs, {}) == pytest.approx({"identity": expected})
    triplets = sum(float(batch_hard_triplet(part, VEHICLES, margin=1.2)) for part in features)
    found = terms(outputs, {"triplet": {"weight": 1.0, "margin": 1.2}})
    assert found == pytest.approx({"identity": expected, "triplet": triplets})


@pytest.mark.parametrize("by_visibility", [True, False])
def test_points_count_by_how_well_they_are_seen(by_visibility: bool) -> None:
    torch.manual_seed(0)
    logits = tuple(torch.randn(12, 3) for _ in range(5))
    features = tuple(torch.randn(12, 8) for _ in range(5))
    visibility = torch.rand(12, 5)
    outputs: Outputs = {"identity": logits, "feature": features, "visibility": visibility}
    found = terms(outputs, {"triplet": {"weight": 0.02}, "by_visibility": by_visibility})
    seen = [column if by_visibility else None for column in visibility.unbind(1)]
    pairs = list(zip(logits, features, seen, strict=True))
    assert found == pytest.approx(
        {
            "identity": sum(float(identity_loss(one, VEHICLES, weights=weights)) for one, _, weights in pairs),
            "triplet": 0.02
            * sum(float(batch_hard_triplet(one, VEHICLES, margin=0.5, weights=weights)) for _, one, weights in pairs),
        }
    )


def test_the_attention_constraint() -> None:
    maps = tuple(torch.rand(12, 6) for _ in range(3))
    found = terms({"identity": torch.randn(12, 3), "attention": maps}, {"attention": {"weight": 0.2}})
    assert found["attention"] == pytest.approx(0.2 * float(attention_loss(maps)))


def test_attributes_have_terms_of_their_own() -> None:
    torch.manual_seed(0)
    types, roofs = torch.randint(-1, 2, (12,)), torch.randint(-1, 2, (12,))
    outputs: Outputs = {"identity": torch.randn(12, 3), "type": torch.randn(12, 2), "roof": torch.randn(12, 2)}
    settings = {
        "type": {"classes": ["car", "bus"], "weight": 0.5},
        "roof": {"classes": ["0", "1"], "weight": 2.0, "unknown": "even"},
    }
    found = terms(outputs, {}, settings, type=types, roof=roofs)
    assert list(found) == ["identity", "type", "roof"]
    ones = torch.ones(12)
    assert found["type"] == pytest.approx(0.5 * float(attribute_loss(outputs["type"], types, ones)))  # type: ignore[arg-type]
    assert found["roof"] == pytest.approx(
        2.0 * float(attribute_loss(outputs["roof"], roofs, ones, unknown="even"))  # type: ignore[arg-type]
    )


def test_pairs_near_in_time_are_no_negatives() -> None:
    torch.manual_seed(0)
    features = torch.randn(12, 8)
    outputs: Outputs = {"identity": torch.randn(12, 3), "feature": features}
    given = batch()
    excluded = torch.zeros(12, 12, dtype=torch.bool)
    for one in range(12):
        for other in range(12):
            near = abs(int(given.frames[one] - given.frames[other])) <= 40
            excluded[one, other] = given.sequences[one] == given.sequences[other] and near
    found = terms(outputs, {"triplet": {"weight": 1.0}, "contrastive": {"weight": 1.0}, "gap": 40})
    assert found["triplet"] == pytest.approx(float(batch_hard_triplet(features, VEHICLES, margin=0.5, excluded=excluded)))
    contrast = contrastive_loss(features, VEHICLES, temperature=0.1, excluded=excluded)
    assert found["contrastive"] == pytest.approx(float(contrast))
    free = terms(outputs, {"triplet": {"weight": 1.0}, "contrastive": {"weight": 1.0}})
    assert free["triplet"] > found["triplet"]
    assert free["contrastive"] > found["contrastive"]


def test_vehicles_outside_of_the_classifier_teach_the_triplets_only() -> None:
    torch.manual_seed(0)
    logits = torch.randn(12, 2, requires_grad=True)
    found = appearance_losses(
        {"identity": logits, "feature": torch.randn(12, 8)}, batch(), recipe({"triplet": {"weight": 1.0}}), {}
    )
    assert found["identity"].item() == pytest.approx(identity_loss(logits[:8], VEHICLES[:8]).item())
    torch.autograd.backward(found["identity"])
    assert logits.grad is not None
    assert logits.grad[8:].abs().max() == 0


def test_an_output_that_the_network_does_not_give_is_named() -> None:
    with pytest.raises(RecipeError, match="a loss of `attention`, which the network does not give; it gives identity, feature"):
        terms({"identity": torch.randn(12, 3), "feature": torch.randn(12, 8)}, {"attention": {"weight": 1.0}})
