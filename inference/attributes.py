"""What networks tell of a vehicle beside how it looks: type, colour, and the side that is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from inference.engines.protocol import Engine
from inference.errors import ModelError
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, VEHICLE_TYPES, FloatArray

__all__ = ["ATTRIBUTE_CLASSES", "AttributeHeads"]

ATTRIBUTE_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "type": VEHICLE_TYPES[:-1],
    "colour": VEHICLE_COLOURS,
    "orientation": ORIENTATIONS,
}
"""Order of the probabilities of each attribute; of types those that say something."""

_SYNONYMS: Final[Mapping[str, str]] = {
    "motorbike": "motorcycle",
    "lorry": "truck",
    "pickup": "truck",  # as COCO counts it
    "van": "car",
    "sedan": "car",
    "hatchback": "car",
    "suv": "car",
    "mpv": "car",
    "taxi": "car",
    "gray": "grey",
    "golden": "beige",
}
_TOLERANCE = 0.01
"""Of the sum of probabilities: networks of 16 bits round."""


class AttributeHeads:
    """Outputs of a network that tell attributes, and how their classes become those of `ATTRIBUTE_CLASSES`.

    An output called ``type``, ``colour`` or ``orientation`` with one row of probabilities for each picture is one. The file's
    metadata ``<name> classes`` names its classes, separated by commas; without it they are those of `ATTRIBUTE_CLASSES`. What a
    network tells of classes that are not among those becomes unknown.

    Args:
        engine: The network.

    Raises:
        ModelError: such an output has other classes than are named, or none of ours.
    """

    def __init__(self, engine: Engine) -> None:
        self._places: dict[str, tuple[int, FloatArray]] = {}
        for place, (name, shape) in enumerate(zip(engine.output_names, engine.output_shapes, strict=True)):
            if name in ATTRIBUTE_CLASSES and len(shape) == 1:
                self._places[name] = (place, _mapping(engine, name, shape[0]))

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that the network tells."""
        return tuple(self._places)

    @property
    def outputs(self) -> tuple[int, ...]:
        """Which outputs tell them, in the order of `names`."""
        return tuple(place for place, _ in self._places.values())

    def read(self, rows: Sequence[FloatArray]) -> dict[str, FloatArray]:
        """Probabilities in our order.

        Args:
            rows: (N, classes of the network) of each of `outputs`, as the network gave them.

        Returns:
            (N, C) float32 by attribute, in the order of `ATTRIBUTE_CLASSES`; what is missing to 1 is not known. Rows that
            are no probabilities are NaN.
        """
        return {
            name: _probabilities(values) @ mapping
            for (name, (_, mapping)), values in zip(self._places.items(), rows, strict=True)
        }

    def nothing(self) -> dict[str, FloatArray]:
        """What there is to say of no pictures: (0, C) by attribute."""
        return {name: np.zeros((0, mapping.shape[1]), np.float32) for name, (_, mapping) in self._places.items()}


def _probabilities(rows: FloatArray) -> FloatArray:
    """The rows, NaN where they are no probabilities."""
    with np.errstate(invalid="ignore"):
        total = rows.sum(axis=1)
        fine = (rows >= -_TOLERANCE).all(axis=1) & (np.abs(total - 1) <= _TOLERANCE)
    probabilities: FloatArray = np.where(fine[:, None], np.clip(rows, 0, 1), np.float32(np.nan)).astype(np.float32)
    return probabilities


def _mapping(engine: Engine, attribute: str, count: int) -> FloatArray:
    """(classes of the network, classes of ours): 1 where they are the same."""
    ours = ATTRIBUTE_CLASSES[attribute]
    text = engine.metadata.get(f"{attribute} classes")
    theirs = ours if text is None else tuple(name.strip().lower() for name in text.split(","))
    if len(theirs) != count:
        said = "its metadata names" if text is not None else "without metadata that name them, we expect"
        raise ModelError(
            f"{engine.name}: its output {attribute} has {count} classes, but {said} {len(theirs)}: {', '.join(theirs)}"
        )
    mapping = np.array([[_SYNONYMS.get(name, name) == known for known in ours] for name in theirs], np.float32)
    if not mapping.any():
        raise ModelError(
            f"{engine.name}: none of the classes of its output {attribute} ({', '.join(theirs)}) is known: {', '.join(ours)}"
        )
    return mapping
