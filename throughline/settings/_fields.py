"""Building blocks shared by all sections of the site file."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from throughline.times import parse_duration

__all__ = ["Identifier", "Polygon", "Seconds", "Section"]


class Section(BaseModel):
    """A part of the site file: unknown fields are errors, so that a typo is found, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=False)


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Seconds: TypeAlias = Annotated[
    float,
    BeforeValidator(_duration),
    Field(allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*-?\d+(\.\d+)?\s*(ms|s|m|h|d)?\s*$"}]}),
]
"""A number of seconds, or a text such as ``30s``, ``500ms``, ``2m``, ``1h``."""

Identifier: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""Letters, digits, ``_``, ``.`` and ``-``: it stands in topic keys, metrics and paths."""

Polygon: TypeAlias = Annotated[tuple[tuple[float, float], ...], Field(min_length=3, title="polygon")]
"""Corners (x, y) in pixels of the full picture."""
