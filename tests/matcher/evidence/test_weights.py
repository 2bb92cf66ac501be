"""The weight of each network's cosine."""

from __future__ import annotations

from matcher.evidence.weights import weight_of, weights_by_name
from throughline.settings import EmbedderSettings


def test_weights_are_found_by_the_name_that_vectors_carry() -> None:
    own = EmbedderSettings(model="/models/own.onnx", weight=2.0)
    weights = weights_by_name((own, EmbedderSettings(model="colour-histogram", weight=0.5)))
    assert [weight_of(weights, name) for name in ("own", "colour-histogram", "another")] == [2.0, 0.5, 1.0]


def test_the_weight_of_the_default_is_that_of_whatever_it_stands_for() -> None:
    default = EmbedderSettings(model="default", weight=3.0)
    weights = weights_by_name((default, EmbedderSettings(model="colour-histogram", weight=0.5)))
    assert [weight_of(weights, name) for name in ("vehicle-embedder", "colour-histogram")] == [3.0, 0.5]
