"""What embedders are called, and the weights of their cosines."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from throughline.settings.models import EmbedderSettings, EmbedderWeights


@pytest.mark.parametrize(
    ("model", "name"),
    [("colour-histogram", "colour-histogram"), ("default", "default"), ("/models/own.net.onnx", "own.net"), ("own.onnx", "own")],
)
def test_vectors_carry_the_name_of_the_model(model: str, name: str) -> None:
    assert EmbedderSettings(model=model).name == name


def test_weights_are_found_by_the_name_that_vectors_carry() -> None:
    weights = EmbedderWeights(
        (EmbedderSettings(model="/models/own.onnx", weight=2.0), EmbedderSettings(model="colour-histogram", weight=0.5))
    )
    assert weights["own"] == 2.0
    assert weights.get("colour-histogram", 1.0) == 0.5
    assert weights.get("another", 1.0) == 1.0
    assert dict(weights) == {"own": 2.0, "colour-histogram": 0.5}


def test_the_weight_of_the_default_is_that_of_whatever_it_stands_for() -> None:
    weights = EmbedderWeights(
        (EmbedderSettings(model="default", weight=3.0), EmbedderSettings(model="colour-histogram", weight=0.5))
    )
    assert weights.get("vehicle-embedder", 1.0) == 3.0
    assert weights["colour-histogram"] == 0.5


def test_how_alike_a_model_finds_vehicles_must_make_sense() -> None:
    known = {"same": 0.7, "different": 0.1, "deviation": 0.12}
    member = EmbedderSettings.model_validate({"model": "own.onnx", "similarity": known})
    assert member.similarity is not None
    assert member.similarity.same == 0.7
    with pytest.raises(ValidationError, match="`same` must be above `different`"):
        EmbedderSettings.model_validate({"model": "own.onnx", "similarity": {**known, "same": 0.1}})
    with pytest.raises(ValidationError, match="give the model's name or path"):
        EmbedderSettings.model_validate({"similarity": known})
