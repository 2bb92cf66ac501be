"""Networks named in the site file."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal, Self, TypeAlias, get_args

from pydantic import Field, model_validator

from throughline.settings._fields import Seconds, Section

__all__ = ["AttributeName", "EmbedderSettings", "EngineSettings", "ModelsSettings", "SimilaritySettings"]

AttributeName: TypeAlias = Literal["type", "colour", "orientation"]

_DEFAULT = "default"


class SimilaritySettings(Section):
    """How alike a model finds vehicles: the cosines from which the matcher begins to learn what they mean on this site."""

    same: float = Field(ge=-1, le=1, description="Mean cosine of two views of one vehicle.")
    different: float = Field(ge=-1, le=1, description="Mean cosine of views of two vehicles.")
    deviation: float = Field(gt=0, le=1, description="Standard deviation of the cosine of different vehicles.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.same <= self.different:
            raise ValueError("`same` must be above `different`: views of one vehicle are more alike")
        return self


class EmbedderSettings(Section):
    """One member of the appearance ensemble."""

    model: str = Field("default", description="Name in the catalogue (`throughline models list`), or path of an ONNX file.")
    weight: float = Field(1.0, gt=0, description="Weight of its cosine in the ensemble.")
    flip: bool | None = Field(
        None,
        description="Average each vector with that of the mirrored crop: steadier, at twice the cost. Left out: as the model's "
        "file says.",
    )
    second_crop: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Average each vector with that of the middle of the crop, this share of its width and height, such as 0.85: "
        "steadier where boxes are loose, at twice the cost.",
    )

    similarity: SimilaritySettings | None = Field(
        None,
        description="For a model of your own: `throughline evaluate reid` measures it. Left out: as shipped, or a careful guess.",
    )

    @model_validator(mode="after")
    def _shipped_is_known(self) -> Self:
        if self.model == _DEFAULT and self.similarity is not None:
            raise ValueError("`similarity` of the default model is known: give the model's name or path to set another")
        return self

    @property
    def name(self) -> str:
        """What its vectors are called: the catalogue's name, a file's without its ending, or ``default``."""
        is_file = "/" in self.model or self.model.endswith(".onnx")
        return PurePath(self.model).stem if is_file else self.model


class EngineSettings(Section):
    """What runs the networks."""

    kind: Literal["auto", "onnxruntime", "openvino", "torch", "tensorrt"] = Field(
        "auto",
        description="`onnxruntime` and `openvino` run on the CPU, `torch` and `tensorrt` (TensorRT, else TensorRT-RTX) on a GPU. "
        "`auto`: TensorRT where it and a GPU are, else torch where it and a GPU are, else ONNX Runtime.",
    )
    precision: Literal["auto", "float32", "float16", "bfloat16", "int8"] = Field(
        "auto",
        description="Arithmetic of the networks. `auto`: as the file says on a CPU, 16 bits on a GPU. `bfloat16` is for "
        "`openvino`, on processors that have it. `int8` takes a file that `throughline models export` or `compile` has made "
        "for it.",
    )
    gpu: int = Field(0, ge=0, description="Number of the GPU, for `torch` and `tensorrt`.")
    max_batch: int = Field(16, ge=1, le=256, description="Most pictures in one pass of a network on a GPU.")
    max_wait: Seconds = Field(
        0.004, ge=0, le=1, description="Longest time that a picture waits for others to share its pass on a GPU."
    )
    memory: Literal["torch", "pycuda"] = Field("torch", description="Who provides memory and streams to TensorRT.")
    cuda_graphs: bool = Field(True, description="Replay the work of a pass as one graph, where TensorRT or torch can.")


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
    attributes: tuple[AttributeName, ...] = Field(
        get_args(AttributeName),
        description="What is told of vehicles beside how they look, by heads of the embedders or by `attribute_networks`. Left "
        "out: whatever they tell.",
    )
    attribute_networks: tuple[str, ...] = Field(
        (), description="ONNX files of networks that only tell attributes; they come before heads of embedders."
    )
    crops_per_second: float | None = Field(
        None,
        gt=0,
        description="Most pictures of vehicles that live cameras may have described in a second, all together; each has an equal "
        "share, and what one leaves others may use. Left out: as many as there are.",
    )
    engine: EngineSettings = Field(default_factory=EngineSettings, description="What runs them.")
    threads: int = Field(0, ge=0, description="Inference workers of one thread each; 0: one for each core, at most four.")
