"""Labels of pictures as VeRi and the AI City Challenge's re-identification sets have them, ``train_label.xml`` and the like.

``<Item imageName="0001_c001_00016450_0.jpg" vehicleID="0001" cameraID="c001" colorID="1" typeID="4"/>``; colour and type may be
missing. ``list_color.txt`` and ``list_type.txt`` beside it, where they are, give the numbers their names: ``4 hatchback``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from throughline.formats._rows import FormatError, read_text

__all__ = ["VeriLabel", "label_file", "read_veri_labels"]

_FILES = {
    "image_train": ("train_label.xml",),
    "image_query": ("query_label.xml", "test_label.xml"),
    "image_test": ("test_label.xml",),
}


@dataclass(frozen=True, slots=True)
class VeriLabel:
    """What a picture shows.

    Attributes:
        vehicle: Which vehicle.
        camera: Which camera took it.
        kind: Type of the vehicle; empty: not said.
        colour: Its colour; empty: not said.
    """

    vehicle: str
    camera: str
    kind: str = ""
    colour: str = ""


def label_file(pictures: Path) -> Path | None:
    """The file that labels a folder of pictures such as ``image_test``; None where there is none."""
    return next((path for name in _FILES.get(pictures.name, ()) if (path := pictures.parent / name).is_file()), None)


def read_veri_labels(path: Path) -> dict[str, VeriLabel]:
    """Labels by the name of the picture.

    Raises:
        FormatError: the file cannot be read, is no such XML, or an item lacks what it should have or stands there twice.
    """
    text = read_text(path)
    try:
        # The files say that they are in gb2312, which the parser does not know; all that is read of them is ASCII.
        root = ET.fromstring(text.encode(), ET.XMLParser(encoding="utf-8"))  # noqa: S314 - expat bounds what entities grow to
    except ET.ParseError as error:
        raise FormatError(f"{path}:{error.position[0]}: not valid XML: {error}") from None
    types, colours = (_names(path.parent / f"list_{name}.txt") for name in ("type", "color"))
    labels: dict[str, VeriLabel] = {}
    for number, item in enumerate(root.iter("Item"), 1):
        missing = [name for name in ("imageName", "vehicleID", "cameraID") if not item.get(name)]
        name = item.get("imageName", f"number {number}")
        if missing:
            raise FormatError(f"{path}: the item {name} has no {', '.join(missing)}")
        if name in labels:
            raise FormatError(f"{path}: {name} is labelled twice")
        kind, colour = item.get("typeID", ""), item.get("colorID", "")
        labels[name] = VeriLabel(
            item.get("vehicleID", ""),
            item.get("cameraID", ""),
            types.get(kind, kind and f"type {kind}"),
            colours.get(colour, colour and f"colour {colour}"),
        )
    if not labels:
        raise FormatError(f"{path}: expected items such as <Item imageName='...' vehicleID='...' cameraID='...'/>")
    return labels


def _names(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    parts = (line.split(maxsplit=1) for line in read_text(path).splitlines())
    return {part[0]: part[1].strip() for part in parts if len(part) == 2}
