"""A scene of the AI City Challenge's data on multi-camera tracking (CityFlow): a folder with one folder for each camera.

``<scene>/c001/`` holds ``gt/gt.txt`` (MOT rows whose ids are the same in all cameras), ``det/det_<detector>.txt`` (MOT rows),
``mtsc/mtsc_<tracker>_<detector>.txt`` (MOT rows, ids local to the camera), ``calibration.txt``, ``roi.jpg`` and ``vdo.avi``; each
of them may be missing. Beside the folders of the scenes, or above them, ``cam_timestamp/<scene>.txt`` says when each camera's
recording begins: ``c001 0.000``, in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from throughline.formats._rows import FormatError, read_text
from throughline.formats.aicity import AiCityRow, read_aicity
from throughline.formats.mot import read_mot_tracks

__all__ = ["AiCityScene", "SceneCamera", "read_aicity_scene", "read_aicity_truth"]

_NAME = re.compile(r"c0*(\d+)", re.IGNORECASE)
_TIMES = "cam_timestamp"


@dataclass(frozen=True, slots=True)
class SceneCamera:
    """One camera's folder.

    Attributes:
        id: Name of the folder.
        number: The digits in it.
        folder: Where it is.
        begins: Seconds by which its recording begins later than the scene.
        truth: MOT rows with global ids, where they are known.
        detections: MOT rows by detector.
        tracks: MOT rows with local ids by the name of what made them, ``<tracker>_<detector>``.
        calibration: File of `throughline.formats.cityflow_calibration`.
        region: Picture that is white where vehicles count.
        video: Recording.
    """

    id: str
    number: int
    folder: Path
    begins: float = 0.0
    truth: Path | None = None
    detections: Mapping[str, Path] = field(default_factory=dict)
    tracks: Mapping[str, Path] = field(default_factory=dict)
    calibration: Path | None = None
    region: Path | None = None
    video: Path | None = None


@dataclass(frozen=True, slots=True)
class AiCityScene:
    """A scene.

    Attributes:
        name: Of its folder.
        cameras: By number.
        timestamps: The file that says when recordings begin; None: all at once.
    """

    name: str
    cameras: tuple[SceneCamera, ...]
    timestamps: Path | None

    def truth(self) -> list[AiCityRow]:
        """What all cameras truly showed, by camera, frame and vehicle.

        Raises:
            FormatError: no camera has a truth, or one cannot be read.
        """
        known = [camera for camera in self.cameras if camera.truth is not None]
        if not known:
            first = self.cameras[0].folder
            raise FormatError(
                f"{first / 'gt' / 'gt.txt'}: no such file, nor in any other camera's folder: {self.name} has no truth"
            )
        rows = [
            AiCityRow(camera.number, row.id, row.frame, row.x, row.y, row.width, row.height)
            for camera in known
            if camera.truth is not None
            for row in read_mot_tracks(camera.truth)
        ]
        return sorted(rows, key=lambda row: (row.camera, row.frame, row.id))


def read_aicity_scene(folder: Path, timestamps: Path | None = None) -> AiCityScene:
    """What a scene's folder holds; of the files only the timestamps are read.

    Args:
        folder: Such as ``train/S01``.
        timestamps: When recordings begin; default: ``cam_timestamp/<scene>.txt`` beside the folder or up to two above it.

    Raises:
        FormatError: there is no such folder, it has no cameras, or the timestamps cannot be read or lack a camera.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    folder = folder.resolve()
    found = {path: match for path in sorted(folder.iterdir()) if path.is_dir() and (match := _NAME.fullmatch(path.name))}
    if not found:
        raise FormatError(f"{folder}: expected a folder for each camera, such as {folder / 'c001'}")
    numbers: dict[int, Path] = {}
    for path, match in found.items():
        if (number := int(match[1])) in numbers:
            raise FormatError(f"{path}: {numbers[number].name} has the same number, {number}")
        numbers[number] = path
    file = timestamps or _timestamps_of(folder)
    begins = {} if file is None else _read_timestamps(file)
    cameras = []
    for number, path in sorted(numbers.items()):
        if file is not None and path.name not in begins:
            raise FormatError(f"{file}: expected a line for {path.name}, such as '{path.name} 0.000'")
        cameras.append(_camera(path, number, begins.get(path.name, 0.0)))
    return AiCityScene(folder.name, tuple(cameras), file)


def read_aicity_truth(path: Path) -> list[AiCityRow]:
    """AI City rows of a file, or of a scene's folder.

    Raises:
        FormatError: it is neither, or a line is wrong; names file and line.
    """
    return read_aicity_scene(path).truth() if path.is_dir() else read_aicity(path)


def _timestamps_of(folder: Path) -> Path | None:
    candidates = (above / _TIMES / f"{folder.name}.txt" for above in list(folder.parents)[:3])
    return next((path for path in candidates if path.is_file()), None)


def _read_timestamps(path: Path) -> dict[str, float]:
    begins: dict[str, float] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            camera, seconds = parts[0], float(parts[1])
        except (IndexError, ValueError):
            raise FormatError(f"{path}:{number}: expected a camera and seconds, such as 'c001 1.640'") from None
        if len(parts) > 2 or not abs(seconds) < 1e11:
            raise FormatError(f"{path}:{number}: expected a camera and seconds, such as 'c001 1.640'")
        if camera in begins:
            raise FormatError(f"{path}:{number}: {camera} stands there twice")
        begins[camera] = seconds
    return begins


def _camera(folder: Path, number: int, begins: float) -> SceneCamera:
    def there(*names: str) -> Path | None:
        return next((folder / name for name in names if (folder / name).is_file()), None)

    def named(part: str) -> dict[str, Path]:
        return {path.stem.removeprefix(f"{part}_"): path for path in sorted((folder / part).glob(f"{part}*.txt"))}

    return SceneCamera(
        folder.name,
        number,
        folder,
        begins,
        there("gt/gt.txt"),
        named("det"),
        named("mtsc"),
        there("calibration.txt"),
        there("roi.jpg", "roi.png"),
        there("vdo.avi", "vdo.mp4"),
    )
