"""Networks named in the site file."""

from __future__ import annotations

from pydantic import Field

from throughline.settings._fields import Section

__all__ = ["EmbedderSettings", "ModelsSettings"]


class EmbedderSettings(Section):
    """One member of the appearance ensemble."""

    model: str = Field("default", description="Name in the catalogue (`throughline models list`), or path of an ONNX file.")
    weight: float = Field(1.0, gt=0, description="Weight of its cosine in the ensemble.")


class ModelsSettings(Section):
    """Which networks look at the pictures."""

    detector: str = Field(
        "default",
        description="Name in the catalogue, path of a YOLOX-type ONNX file, or `motion`: background subtraction, no weights.",
    )
    embedders: tuple[EmbedderSettings, ...] = Field(
        (EmbedderSettings(),),
        description="Appearance ensemble: catalogue names (`colour-histogram` needs no weights) or ONNX files.",
    )
    attributes: tuple[str, ...] = Field((), description="Attribute networks, such as type and colour.")
    threads: int = Field(0, ge=0, description="Inference workers of one thread each; 0: one for each core, at most four.")
