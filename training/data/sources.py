"""Which pictures a recipe takes from where."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator

from throughline.formats import FormatError
from throughline.formats.crop_index import natural_order, read_crop_index
from training.data.crops import UNKNOWN, LabelledCrop
from training.data.public_sets import read_aicity, read_veri, read_veri_keypoints
from training.errors import DataError
from training.settings import Section

__all__ = ["AiCitySource", "CropsSource", "FoldSettings", "SourceSettings", "VeriKeypointSource", "VeriSource", "read_source"]


class FoldSettings(Section):
    """A share of the vehicles that stays the same when others are added: by a checksum of their names."""

    of: int = Field(ge=2, description="Into how many folds the vehicles are dealt.")
    take: tuple[int, ...] = Field(min_length=1, description="Which of them are taken, counted from 0.")

    @field_validator("take")
    @classmethod
    def _distinct(cls, take: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(take)) < len(take) or min(take) < 0:
            raise ValueError("expected different numbers from 0 on")
        return take

    def takes(self, vehicle: str) -> bool:
        """Whether a vehicle is among them."""
        return zlib.crc32(vehicle.encode()) % self.of in self.take


class _Source(Section):
    path: Path = Field(description="Folder of the set.")
    fold: FoldSettings | None = Field(None, description="A share of its vehicles; default: all.")
    identities: tuple[int, int] | None = Field(
        None, description="From which vehicle on, up to before which, in the order of their names counted from 0; default: all."
    )
    without: tuple[str, ...] = Field((), description="Vehicles that are left out, such as wrong pairs.")
    classified: bool = Field(
        True,
        description="Whether the classifier tells its vehicles apart; not where they are many and seen once, and only their "
        "variants are compared.",
    )
    least_pictures: int = Field(1, ge=1, description="Vehicles with fewer pictures are left out.")


class VeriSource(_Source):
    """A set laid out like VeRi-776: ``image_train/0001_c001_....jpg``, and ``train_label.xml`` with colours and types."""

    layout: Literal["veri"] = Field(description="Kind of set.")
    part: Literal["train", "query", "test"] = Field("train", description="Which of its folders; test: the gallery.")


class AiCitySource(_Source):
    """A set laid out like the AI City Challenge's: ``image_train``, ``train_label.xml``, ``train_track.txt``."""

    layout: Literal["aicity"] = Field(description="Kind of set.")
    part: Literal["train", "query", "test"] = Field("train", description="Which of its folders; only labelled ones are of use.")


class VeriKeypointSource(_Source):
    """The orientations in the key-point annotation of VeRi-776: path, 20 points and a number from 0 to 7 a line."""

    layout: Literal["veri-keypoints"] = Field(description="Kind of set.")
    annotation: str = Field(description="The file, within the folder; the paths in it are relative to the folder.")


class CropsSource(_Source):
    """Our own: pictures and an ``index.csv`` with the columns ``file``, ``vehicle_id``, ``cam`` and any attributes."""

    layout: Literal["crops"] = Field(description="Kind of set.")
    vehicle: tuple[str, ...] = Field(("vehicle_id",), min_length=1, description="Columns that together tell vehicles apart.")
    camera: str = Field("cam", description="Column that tells cameras apart.")
    sequence: str | None = Field(None, description="Column that tells recordings apart, for `losses.gap`.")
    without_sequences: tuple[str, ...] = Field((), description="Recordings that are left out, such as to judge by them.")
    frame: str | None = Field(None, description="Column of the number in the recording.")


SourceSettings: TypeAlias = Annotated[VeriSource | AiCitySource | VeriKeypointSource | CropsSource, Field(discriminator="layout")]


def read_source(source: SourceSettings) -> list[LabelledCrop]:
    """The pictures that a source offers and its settings keep.

    Raises:
        DataError: the folder is not what the layout says, or nothing is left of it.
    """
    if not source.path.is_dir():
        raise DataError(f"{source.path}: no such folder; set `path` to where the set is")
    crops = _read(source)
    names = sorted({crop.vehicle for crop in crops}, key=natural_order)
    unknown = [name for name in source.without if name not in names]
    if unknown:
        raise DataError(f"{source.path}: `without` names {', '.join(unknown)}, which it does not have")
    counts = Counter(crop.vehicle for crop in crops)
    start, end = source.identities or (0, len(names))
    kept = {
        name
        for name in names[start:end]
        if name not in source.without
        and counts[name] >= source.least_pictures
        and (source.fold is None or source.fold.takes(name))
    }
    left = [crop for crop in crops if crop.vehicle in kept]
    if not left:
        raise DataError(f"{source.path}: none of its {len(names)} vehicles is left by what the recipe asks for")
    return left


def _read(source: SourceSettings) -> Sequence[LabelledCrop]:
    if isinstance(source, VeriSource):
        return read_veri(source.path, source.part)
    if isinstance(source, AiCitySource):
        return read_aicity(source.path, source.part)
    if isinstance(source, VeriKeypointSource):
        return read_veri_keypoints(source.path, source.annotation)
    return _read_crops(source)


def _read_crops(source: CropsSource) -> list[LabelledCrop]:
    try:
        crops = read_crop_index(source.path, vehicle=source.vehicle, camera=source.camera)
    except FormatError as error:
        raise DataError(str(error)) from error
    missing = [name for name in (source.sequence, source.frame) if name is not None and name not in crops[0].columns]
    if missing:
        raise DataError(f"{source.path}: its index has no column {', '.join(missing)}")
    recordings = {crop.columns[source.sequence] for crop in crops} if source.sequence else set()
    unknown = [name for name in source.without_sequences if name not in recordings]
    if unknown:
        raise DataError(f"{source.path}: `without_sequences` names {', '.join(unknown)}, which it does not have")
    crops = [crop for crop in crops if not source.sequence or crop.columns[source.sequence] not in source.without_sequences]
    return [
        LabelledCrop(
            crop.path,
            crop.vehicle,
            crop.camera,
            {"type": crop.kind, **crop.columns} if crop.kind else crop.columns,
            crop.columns[source.sequence] if source.sequence else "",
            _frame(crop.columns[source.frame], crop.path) if source.frame else UNKNOWN,
        )
        for crop in crops
    ]


def _frame(text: str, path: Path) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{path}: the number of its frame is {text!r}") from None
