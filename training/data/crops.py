"""Pictures of vehicles with what is known of each, from one source or several."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from training.errors import DataError

__all__ = ["UNKNOWN", "AttributeLabels", "CropSet", "LabelledCrop", "combine"]

Integers: TypeAlias = npt.NDArray[np.int64]
UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class LabelledCrop:
    """A picture of one vehicle, as its source tells of it.

    Attributes:
        path: The file.
        vehicle: Which vehicle, within its source.
        camera: Which camera took it, within its source.
        labels: Texts by attribute, such as ``{"colour": "red"}``.
        sequence: Which recording it is from, within its source; empty: not said.
        frame: Its number in the recording; `UNKNOWN`: not said.
    """

    path: Path
    vehicle: str
    camera: str
    labels: Mapping[str, str] = field(default_factory=dict)
    sequence: str = ""
    frame: int = UNKNOWN


@dataclass(frozen=True, slots=True)
class AttributeLabels:
    """An attribute of N pictures.

    Attributes:
        classes: (N,) int64 number of the class, `UNKNOWN` where it is not known.
        certainty: (N,) float32, how much the label counts: 1, or less where it is marked as unsure.
    """

    classes: Integers
    certainty: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CropSet:
    """N pictures of V vehicles.

    Attributes:
        files: Of the N pictures.
        vehicles: (N,) int64 in 0..V-1; the vehicles of a second source are numbered after those of the first, and so on, and
            those that are not classified after all others.
        sources: (N,) int64, which source each is from.
        cameras: (N,) int64; no two sources share a camera.
        sequences: (N,) int64, `UNKNOWN` where not said.
        frames: (N,) int64, `UNKNOWN` where not said.
        names: Of the V vehicles: path of the source and the vehicle's name in it.
        classified: How many of the vehicles a classifier tells apart: the first ones.
        labels: Texts by attribute of each picture.
    """

    files: tuple[Path, ...]
    vehicles: Integers
    sources: Integers
    cameras: Integers
    sequences: Integers
    frames: Integers
    names: tuple[str, ...]
    classified: int
    labels: tuple[Mapping[str, str], ...]

    def __len__(self) -> int:
        return len(self.files)

    def attribute(
        self,
        name: str,
        classes: Sequence[str],
        *,
        aliases: Mapping[str, str | None] | None = None,
        unsure_mark: str = "?",
        unsure_weight: float = 0.5,
    ) -> AttributeLabels:
        """One attribute as numbers.

        A label that is empty or missing is unknown. A label that ends in the mark is unsure.

        Args:
            name: Of the attribute.
            classes: Its classes, in order.
            aliases: Other names of classes; None: that label means unknown.
            unsure_mark: Ends a label that its author doubts.
            unsure_weight: How much such a label counts.

        Raises:
            DataError: a label is neither a class nor an alias, or no picture has this attribute.
        """
        numbers: dict[str | None, int] = {text: number for number, text in enumerate(classes)}
        numbers.update({alias: UNKNOWN if text is None else numbers[text] for alias, text in (aliases or {}).items()})
        numbers.setdefault("", UNKNOWN)
        found = np.full(len(self), UNKNOWN, np.int64)
        certainty = np.ones(len(self), np.float32)
        for index, labels in enumerate(self.labels):
            text = labels.get(name, "")
            if text not in numbers and unsure_mark and text.endswith(unsure_mark):
                text = text.removesuffix(unsure_mark)
                certainty[index] = unsure_weight
            if text not in numbers:
                raise DataError(
                    f"{self.files[index]}: its {name} is {text!r}; the recipe knows {', '.join(classes)}. Add it to the classes "
                    f"or to the aliases of attributes.{name} (null: unknown)"
                )
            found[index] = numbers[text]
        if len(self) and (found == UNKNOWN).all():
            raise DataError(f"no picture tells its {name}")
        return AttributeLabels(found, certainty)


def combine(sources: Sequence[tuple[str, Sequence[LabelledCrop]]], *, unclassified: Collection[int] = ()) -> CropSet:
    """Several sources as one set, numbers of the later ones after those of the earlier ones.

    Args:
        sources: A key and the pictures of each. Vehicles, cameras and sequences of two entries are the same only where both
            key and name are, as with the query and the gallery of one set.
        unclassified: Numbers of the sources whose vehicles no classifier shall tell apart; they are numbered last.

    Raises:
        DataError: there are no pictures.
    """
    vehicles: dict[tuple[str, str], int] = {}
    for wanted in (False, True):
        for number, (key, members) in enumerate(sources):
            if (number in unclassified) is wanted:
                for name in sorted({crop.vehicle for crop in members}):
                    vehicles.setdefault((key, name), len(vehicles))
        if not wanted:
            classified = len(vehicles)
    cameras: dict[tuple[str, str], int] = {}
    sequences: dict[tuple[str, str], int] = {}
    rows = []
    crops = []
    for number, (key, members) in enumerate(sources):
        for crop in members:
            sequence = sequences.setdefault((key, crop.sequence), len(sequences)) if crop.sequence else UNKNOWN
            camera = cameras.setdefault((key, crop.camera), len(cameras))
            rows.append((vehicles[key, crop.vehicle], number, camera, sequence, crop.frame))
            crops.append(crop)
    if not crops:
        raise DataError("the sources hold no pictures")
    numbers = np.ascontiguousarray(np.array(rows, np.int64).T)
    return CropSet(
        files=tuple(crop.path for crop in crops),
        vehicles=numbers[0],
        sources=numbers[1],
        cameras=numbers[2],
        sequences=numbers[3],
        frames=numbers[4],
        names=tuple(f"{key}:{name}" for key, name in vehicles),
        classified=classified,
        labels=tuple(crop.labels for crop in crops),
    )
