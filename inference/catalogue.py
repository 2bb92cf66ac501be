"""The models that have a name, and where their files are looked for.

A model in the site file is a path (it contains a ``/`` or ends in ``.onnx``) or a name from here. The file of a name is
looked for in the folders of the environment variable ``THROUGHLINE_MODELS``, then in the user's cache, then among the files
that come with the product; the first one found is used, if it has the catalogue's checksum. ``default`` is the best model at
hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from inference.engines.protocol import sha256_of
from inference.errors import ModelError
from throughline import cache

__all__ = [
    "CATALOGUE",
    "COLOUR_HISTOGRAM",
    "DEFAULT",
    "MOTION",
    "CatalogueEntry",
    "ModelKind",
    "Resolution",
    "cache_folder",
    "find",
    "locate",
    "model_folders",
    "resolve",
    "shipped_file",
]

ModelKind: TypeAlias = Literal["detector", "embedder"]

DEFAULT = "default"
MOTION = "motion"
COLOUR_HISTOGRAM = "colour-histogram"

_SHIPPED = Path(__file__).parent / "weights"
_YOLOX_RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_OPEN_MODEL_ZOO = "https://storage.openvinotoolkit.org/repositories/open_model_zoo/public/2022.1"
_ENVIRONMENT = "THROUGHLINE_MODELS"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A model with a name.

    Attributes:
        name: What the site file calls it.
        kind: What it does.
        description: What it is good for, in one line.
        licence: SPDX identifier of the weights' licence; of the product for models without weights.
        input_size: (height, width) of its input; None: it takes pictures as they are.
        file: Name of its file; None: built in, without weights.
        source: Where the file is published; None: it comes with the product.
        sha256: SHA-256 of the file; None: not known here, so that whoever pulls it must say it.
        size: Bytes of the file, where known.
        other_sha256: Of other files of this network that are about; used where they are found, never pulled.
    """

    name: str
    kind: ModelKind
    description: str
    licence: str = "Apache-2.0"
    input_size: tuple[int, int] | None = None
    file: str | None = None
    source: str | None = None
    sha256: str | None = None
    size: int | None = None
    other_sha256: tuple[str, ...] = ()

    def accepts(self, sha256: str) -> bool:
        """Whether a file with this checksum is the model."""
        return self.sha256 is None or sha256 == self.sha256 or sha256 in self.other_sha256


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(MOTION, "detector", "what moves in front of a fixed camera, by background subtraction; no weights"),
    CatalogueEntry(
        "vehicle-detector",
        "detector",
        "vehicles on roads seen by fixed cameras, small ones too, about 16 ms a frame on one CPU core; comes with the product",
        input_size=(384, 640),
        file="vehicle_detector.onnx",
        sha256="90fb231c772ce13af3e307a924267756d9978d08a4dd45013a6219f7364f2429",
        size=1_918_055,
    ),
    CatalogueEntry(
        "yolox-nano",
        "detector",
        "vehicles of 32 pixels and more, about 12 ms a frame on one CPU core; trained on COCO",
        input_size=(416, 416),
        file="yolox_nano.onnx",
        source=f"{_YOLOX_RELEASE}/yolox_nano.onnx",
        sha256="c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
        size=3_659_407,
        other_sha256=("695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",),  # exported with PyTorch 1.10
    ),
    CatalogueEntry(
        "yolox-tiny",
        "detector",
        "more and smaller vehicles, about 50 ms a frame on one CPU core; trained on COCO",
        input_size=(416, 416),
        file="yolox_tiny.onnx",
        source=f"{_YOLOX_RELEASE}/yolox_tiny.onnx",
        sha256="427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
        size=20_219_662,
    ),
    CatalogueEntry(
        "yolox-s",
        "detector",
        "small vehicles in large pictures, about 170 ms a frame on one CPU core; trained on COCO",
        input_size=(640, 640),
        file="yolox_s.onnx",
        source=f"{_YOLOX_RELEASE}/yolox_s.onnx",
        sha256="c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
        size=35_858_002,
    ),
    CatalogueEntry(
        "vehicle-embedder",
        "embedder",
        "which vehicles look alike, about 4 ms a crop on one CPU core; comes with the product",
        input_size=(128, 128),
        file="vehicle_embedder.onnx",
        sha256="5cb98f33b89a211d7480678c0cd29ae8c5a48c7e460d36eb5d8008204addcc04",
        size=6_448_158,
    ),
    CatalogueEntry(COLOUR_HISTOGRAM, "embedder", "where on a vehicle which colours are; no weights"),
    CatalogueEntry(
        "vehicle-reid-0001",
        "embedder",
        "OSNet-AIN x1.0 trained on vehicles, from the Open Model Zoo",
        licence="MIT",
        input_size=(208, 208),
        file="osnet_ain_x1_0_vehicle_reid.onnx",
        source=f"{_OPEN_MODEL_ZOO}/vehicle-reid-0001/osnet_ain_x1_0_vehicle_reid.onnx",
        sha256="4aaad3e5db648618b0df3d2ff21c61323985ff9e50194c3d2edd4fb87c92d91f",
        size=8_836_743,
    ),
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a model in the site file stands for on this machine.

    Attributes:
        name: Name of the model: the catalogue's, or the file's without its ending.
        path: Its file; None: built in, without weights.
        note: What the user should know about the choice; empty: nothing.
    """

    name: str
    path: Path | None
    note: str = ""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where pulled files are kept: ``throughline/models`` in the user's cache."""
    return cache.cache_folder("models", environment)


def model_folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Folders in which files of catalogue models are looked for, first one first."""
    given = [Path(folder) for folder in environment.get(_ENVIRONMENT, "").split(os.pathsep) if folder]
    return (*given, cache_folder(environment), _SHIPPED)


def find(name: str) -> CatalogueEntry:
    """The entry of this name.

    Raises:
        ModelError: there is none.
    """
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in CATALOGUE)
    raise ModelError(f"no model is called {name!r}; the catalogue has {names}; a file of your own is given by its path")


def shipped_file(entry: CatalogueEntry) -> Path:
    """The file of an entry that comes with the product.

    Raises:
        ModelError: the entry does not.
    """
    if entry.file is None or entry.source is not None:
        raise ModelError(f"the model {entry.name} does not come with the product")
    return _SHIPPED / entry.file


def resolve(model: str, kind: ModelKind, folders: Sequence[Path] | None = None) -> Resolution:
    """What a value of the site file stands for.

    Args:
        model: Path, name or ``default``.
        kind: What it must be.
        folders: Where files of names are looked for; default: `model_folders`.

    Raises:
        ModelError: no such name or file, another kind of model, or a file with a wrong checksum.
    """
    if "/" in model or model.endswith(".onnx"):
        path = Path(model).expanduser()
        if not path.is_file():
            raise ModelError(
                f"{path}: no such model file ({kind}); check the path, or use a name: `throughline models list` shows them"
            )
        return Resolution(path.stem, path)
    folders = model_folders() if folders is None else folders
    if model == DEFAULT:
        return _default(kind, folders)
    entry = find(model)
    if entry.kind != kind:
        names = ", ".join(other.name for other in CATALOGUE if other.kind == kind)
        raise ModelError(f"the model {model} works as {entry.kind}, not as {kind}; use {names} or the path of an ONNX file")
    if entry.file is None:
        return Resolution(entry.name, None)
    found = locate(entry, folders)
    if found is None:
        raise ModelError(
            f"the file of the model {entry.name}, {entry.file}, is not on this machine; get it with `throughline models pull "
            f"{entry.name}`, or name a folder that has it in {_ENVIRONMENT}; looked in {', '.join(map(str, folders))}"
        )
    return Resolution(entry.name, found)


def locate(entry: CatalogueEntry, folders: Sequence[Path]) -> Path | None:
    """The file of an entry in the first folder that has it; None: none has.

    Raises:
        ModelError: that file has not the catalogue's checksum.
    """
    if entry.file is None:
        return None
    for folder in folders:
        path = folder / entry.file
        if path.is_file():
            if not entry.accepts(sha256_of(path)):
                raise ModelError(
                    f"{path} is not the {entry.name} of the catalogue: its SHA-256 differs; delete it and run "
                    f"`throughline models pull {entry.name}`, or use it by its path"
                )
            return path
    return None


def _default(kind: ModelKind, folders: Sequence[Path]) -> Resolution:
    if kind == "embedder":
        entry = find("vehicle-embedder")
        path = locate(entry, folders)
        if path is not None:
            return Resolution(entry.name, path, f"default embedder: {entry.name} ({path})")
        return Resolution(
            COLOUR_HISTOGRAM, None, f"default embedder: {COLOUR_HISTOGRAM} (no re-identification weights are installed)"
        )
    for entry in (find("vehicle-detector"), find("yolox-nano")):
        path = locate(entry, folders)
        if path is not None:
            return Resolution(entry.name, path, f"default detector: {entry.name} ({path})")
    return Resolution(
        MOTION,
        None,
        f"default detector: {MOTION}, which needs cameras that stand still and cannot tell vehicle types, because "
        f"{entry.file} is not on this machine; better: `throughline models pull {entry.name}`",
    )
