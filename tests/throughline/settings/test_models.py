"""What embedders are called, and what is known of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from throughline.settings.models import EmbedderSettings


@pytest.mark.parametrize(
    ("model", "name"),
    [("colour-histogram", "colour-histogram"), ("default", "default"), ("/models/own.net.onnx", "own.net"), ("own.onnx", "own")],
)
def test_vectors_carry_the_name_of_the_model(model: str, name: str) -> None:
    assert EmbedderSettings(model=model).name == name


def test_how_alike_a_model_finds_vehicles_must_make_sense() -> None:
    known = {"same": 0.7, "different": 0.1, "deviation": 0.12}
    member = EmbedderSettings.model_validate({"model": "own.onnx", "similarity": known})
    assert member.similarity is not None
    assert member.similarity.same == 0.7
    with pytest.raises(ValidationError, match="`same` must be above `different`"):
        EmbedderSettings.model_validate({"model": "own.onnx", "similarity": {**known, "same": 0.1}})
    with pytest.raises(ValidationError, match="give the model's name or path"):
        EmbedderSettings.model_validate({"similarity": known})
