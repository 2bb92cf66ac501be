"""The layouts of public re-identification sets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from training.data.crops import LabelledCrop
from training.errors import DataError

__all__ = ["VERI_ORIENTATIONS", "read_aicity", "read_veri", "read_veri_keypoints"]

VERI_ORIENTATIONS = ("front", "rear", "left", "left-front", "left-rear", "right", "right-front", "right-rear")
"""Sides that are seen, in the numbering of VeRi's key-point annotation."""

Part = Literal["train", "query", "test"]
_VERI_NAME = re.compile(r"^(\d+)_c(\d+)_")
_ITEM = re.compile(r"<Item\b([^>]*)>")
_FIELD = re.compile(r"""(\w+)\s*=\s*["']([^"']*)["']""")
_PICTURES = {".jpg", ".jpeg", ".png"}


def read_veri(folder: Path, part: Part) -> list[LabelledCrop]:
    """A part of VeRi-776 (Liu et al., ICME 2016) or of a set laid out like it, in the order of the files' names.

    Vehicle and camera stand in the file's name. ``train_label.xml`` and ``test_label.xml`` give colour and type, as numbers
    that ``list_color.txt`` and ``list_type.txt`` name; each of them may be missing.

    Raises:
        DataError: the folder of the part is missing or empty, or a name is not of this kind.
    """
    labels = _xml_items(folder / f"{'train' if part == 'train' else 'test'}_label.xml")
    names = {attribute: _names(folder / f"list_{english}.txt") for attribute, english in _VERI_LABELS}
    crops = []
    for path in _pictures(folder / f"image_{part}"):
        match = _VERI_NAME.match(path.name)
        if match is None:
            raise DataError(f"{path}: expected a name like 0001_c001_00016450_0.jpg: vehicle, camera, and more")
        item = labels.get(path.name, {})
        texts = {attribute: item.get(f"{english}ID", "") for attribute, english in _VERI_LABELS}
        texts = {attribute: names[attribute].get(text, text) for attribute, text in texts.items() if text}
        crops.append(LabelledCrop(path, match[1], match[2], texts))
    return crops


_VERI_LABELS = (("colour", "color"), ("type", "type"))


def read_aicity(folder: Path, part: Part) -> list[LabelledCrop]:
    """A labelled part of a re-identification set of the AI City Challenge.

    ``<part>_label.xml`` gives vehicle and camera; in ``<part>_track.txt``, where it is, each line lists the pictures of one
    track, which becomes the picture's sequence, and their order its frame.

    Raises:
        DataError: the folder or its labels are missing, or a picture is not in both.
    """
    labels = _xml_items(folder / f"{part}_label.xml")
    if not labels:
        raise DataError(f"{folder / f'{part}_label.xml'}: missing or empty; without it nothing is known of the pictures")
    tracks: dict[str, tuple[str, int]] = {}
    listing = folder / f"{part}_track.txt"
    if listing.exists():
        for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines()):
            tracks.update({name: (str(number), place) for place, name in enumerate(line.split())})
    crops = []
    for path in _pictures(folder / f"image_{part}"):
        item = labels.get(path.name)
        if item is None or "vehicleID" not in item or "cameraID" not in item:
            raise DataError(f"{path}: {part}_label.xml tells no vehicleID and cameraID of it")
        sequence, frame = tracks.get(path.name, ("", -1))
        crops.append(LabelledCrop(path, item["vehicleID"], item["cameraID"], {}, sequence, frame))
    return crops


def read_veri_keypoints(folder: Path, annotation: str) -> list[LabelledCrop]:
    """Orientations from VeRi's key-point annotation (Wang et al., ICCV 2017), by the names of `VERI_ORIENTATIONS`.

    A line holds a path, 20 pairs x y, and the orientation.

    Raises:
        DataError: there is no such file, or a line is not of this kind.
    """
    path = folder / annotation
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    crops = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        picture = folder / fields[0]
        match = _VERI_NAME.match(picture.name)
        if len(fields) != 42 or not fields[-1].isdecimal() or int(fields[-1]) >= len(VERI_ORIENTATIONS) or match is None:
            raise DataError(
                f"{path}:{number}: expected a path such as 0001_c001_00016450_0.jpg, 20 pairs x y and an orientation from 0 to 7"
            )
        if not picture.is_file():
            raise DataError(f"{path}:{number}: {picture}: no such file")
        crops.append(LabelledCrop(picture, match[1], match[2], {"orientation": VERI_ORIENTATIONS[int(fields[-1])]}))
    return crops


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    if not found:
        raise DataError(f"{folder}: holds no pictures")
    return found


def _xml_items(path: Path) -> dict[str, dict[str, str]]:
    """Attributes of the items by the name of their picture.

    The files say that they are in GB2312, which Python's parser does not read, and hold nothing but ASCII.
    """
    if not path.exists():
        return {}
    items = (dict(_FIELD.findall(match[1])) for match in _ITEM.finditer(path.read_text(encoding="latin-1")))
    return {item["imageName"]: item for item in items if "imageName" in item}


def _names(path: Path) -> dict[str, str]:
    """Names by number, from lines such as ``1 yellow``."""
    if not path.exists():
        return {}
    lines = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {fields[0]: fields[1].strip() for fields in lines if len(fields) == 2}
