"""What all readers of COCO JSON do alike: entries with errors that name them, and categories as types of vehicles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from throughline.formats._rows import FormatError
from throughline.types import VEHICLE_TYPES

__all__ = ["TYPE_OF_ID", "converted", "read_json", "types_of"]

TYPE_OF_ID: Final[Mapping[int, int]] = {3: 0, 4: 1, 6: 2, 8: 3}
"""Index into `VEHICLE_TYPES` by the ids of COCO's 80 classes: 3 car, 4 motorcycle, 6 bus, 8 truck."""

_TYPE_OF_NAME: Final = {
    **{name: index for index, name in enumerate(VEHICLE_TYPES)},
    "motorbike": VEHICLE_TYPES.index("motorcycle"),
    "van": VEHICLE_TYPES.index("vehicle"),  # car to one detector and truck to the next
}

_Entry = TypeVar("_Entry")


class _Category(msgspec.Struct):
    id: int
    name: str


def read_json(path: Path) -> Any:
    """What a file holds.

    Raises:
        FormatError: it cannot be read, or is no JSON.
    """
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error
    except msgspec.DecodeError as error:
        raise FormatError(f"{path}: not valid JSON: {error}") from error


def converted(path: Path, name: str, entries: Any, kind: type[_Entry]) -> list[_Entry]:
    """A list of entries as objects.

    Raises:
        FormatError: it is no list, or an entry is none of them; names which.
    """
    if not isinstance(entries, list):
        raise FormatError(f"{path}: {name}: expected a list")
    found = []
    for index, entry in enumerate(entries):
        try:
            found.append(msgspec.convert(entry, kind))
        except msgspec.ValidationError as error:
            raise FormatError(f"{path}: {name}[{index}]: {error}") from None
    return found


def types_of(path: Path, data: Mapping[str, Any]) -> Mapping[int, int]:
    """Index into `VEHICLE_TYPES` by the id of each category of a data set that is a vehicle; by name, where there are names.

    Raises:
        FormatError: the categories are none.
    """
    if not data.get("categories"):
        return TYPE_OF_ID
    names = {one.id: one.name.strip().lower() for one in converted(path, "categories", data["categories"], _Category)}
    return {category: _TYPE_OF_NAME[name] for category, name in names.items() if name in _TYPE_OF_NAME}
