"""The user's own videos as the demo's cameras."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import yaml

from evaluation.labelling import CameraTruth
from simulation._writer import H264Writer
from simulation.rtsp.footage import Footage, FootageError
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.settings import Site, load_site
from throughline.times import Instant
from throughline.types import Image

__all__ = ["VideoFolder"]

_ENDINGS: Final = (".mp4", ".mov", ".m4v", ".mkv", ".avi", ".webm", ".ts", ".mpg", ".mpeg", ".wmv", ".flv")
_FASTEST: Final = 15.0
"""Frames a second that a re-encoded video keeps at most: a few more than are analysed."""
_WIDEST: Final = 1280
_LONGEST_GAP: Final = 2.0
"""Seconds between keyframes beyond which a viewer waits too long for its first picture."""
_SAY_EVERY: Final = 250
_VERSION: Final = 1


class VideoFolder:
    """Every video of a folder is a camera, named after its file; nobody knows the truth.

    Videos that cannot be served as they are (other codecs, rare keyframes) are re-encoded once.

    Args:
        folder: With the videos.
        cache: Where re-encoded ones are kept.
        say: Called with news for the person at the screen.
        site: A site file with cameras of these names, links and whatever else; None: which roads there are is learned.

    Raises:
        CommandError: there is no video, one cannot be read, or the site file does not fit.
    """

    def __init__(self, folder: Path, cache: Path, say: Callable[[str], None], site: Path | None = None) -> None:
        if not folder.is_dir():
            raise CommandError(f"--video-dir: {folder} is not a folder", BAD_INPUT)
        videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and not path.name.startswith("."))
        if not videos:
            raise CommandError(f"--video-dir: no video in {folder}: expected files ending in {' '.join(_ENDINGS)}", BAD_INPUT)
        named: dict[str, Path] = {}
        for video in videos:
            name = _camera_id(video.stem)
            if name in named:
                raise CommandError(f"--video-dir: {named[name].name} and {video.name} would both be camera {name}", BAD_INPUT)
            named[name] = video
        told = None if site is None else load_site(site)
        if told is not None:
            named = _named_in(told, named, site)
        self.footage: Final[Mapping[str, Path]] = {name: _servable(video, cache, say) for name, video in named.items()}
        self.title: Final = (
            f"{len(named)} videos of {folder}, each as a camera: {', '.join(named)}.\n"
            "Nobody knows the truth about them: the report tells what was matched, and how sure the matcher was."
        )
        self.delays: Final = dict.fromkeys(named, 0.0)
        self.seconds: Final = max(Footage.load(path).seconds for path in self.footage.values())
        self.site: Final[Mapping[str, Any]] = _learning(named) if told is None else _told(told, named)

    def truth(self, epochs: Mapping[str, Instant]) -> dict[str, CameraTruth] | None:  # noqa: ARG002 - as every scene has it
        """Nobody knows."""
        return None


def _camera_id(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or "camera"


def _named_in(site: Site, named: Mapping[str, Path], path: Path | None) -> dict[str, Path]:
    cameras = [camera.id for camera in site.cameras]
    missing = [name for name in cameras if name not in named]
    if missing:
        raise CommandError(
            f"{path}: the camera {missing[0]} has no video: expected a file of that name; there are {', '.join(named)}", BAD_INPUT
        )
    return {name: named[name] for name in cameras}


def _told(site: Site, named: Mapping[str, Path]) -> dict[str, Any]:
    sections = yaml.safe_load(yaml.safe_dump(site.model_dump(mode="json", by_alias=True, exclude_unset=True)))
    for section in ("site", "kafka", "telemetry"):  # the demo's own
        sections.pop(section, None)
    sections["cameras"] = [camera for camera in sections["cameras"] if camera["id"] in named]
    return dict(sections)


def _learning(named: Mapping[str, Path]) -> dict[str, Any]:
    return {
        "models": {"detector": "default", "embedders": [{"model": "default"}]},
        "cameras": [{"id": name, "fps": 10, "number": number} for number, name in enumerate(named, 1)],
        "unlisted_links": "learn",
    }


def _servable(video: Path, cache: Path, say: Callable[[str], None]) -> Path:
    try:
        footage = Footage.load(video)
        keys = [unit.presented for unit in footage.units if unit.keyframe]
        gaps = [*keys[1:], footage.duration]
        if max(float((later - key) * footage.tick) for key, later in zip(keys, gaps, strict=True)) <= _LONGEST_GAP:
            return video
        why = "its keyframes are rare"
    except FootageError as error:
        why = str(error).removeprefix(f"{video}: ")
    about = video.stat()
    key = hashlib.sha256(f"{video.resolve()} {about.st_size} {about.st_mtime_ns} {_VERSION}".encode()).hexdigest()[:16]
    kept = cache / f"video-{key}.mp4"
    if not kept.is_file():
        say(f"Re-encoding {video.name}, once ({why}) ...")
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            _reencode(video, kept, say)
        except (OSError, ValueError, av.FFmpegError) as error:
            raise CommandError(f"{video}: cannot be read as a video: {error}", BAD_INPUT) from error
    return kept


def _reencode(video: Path, path: Path, say: Callable[[str], None]) -> None:
    with av.open(video) as container:
        if not container.streams.video:
            raise ValueError("it has no video track")
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        step = max(1, math.ceil(rate / Fraction(_FASTEST)))
        writer: H264Writer | None = None
        count = 0
        try:
            for number, frame in enumerate(container.decode(stream)):
                if number % step:
                    continue
                image = _fitted(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
                if writer is None:
                    size = image.shape[1], image.shape[0]
                    writer = H264Writer(path, *size, rate / step, bitrate=max(500_000, round(2.5 * size[0] * size[1])))
                    writer.__enter__()
                if (image.shape[1], image.shape[0]) != size:
                    image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
                writer.write(image)
                count += 1
                if count % _SAY_EVERY == 0:
                    say(f"  {video.name}: {count * step / float(rate):.0f} s done")
        except BaseException as error:
            if writer is not None:
                writer.__exit__(type(error), error, error.__traceback__)
            raise
        if writer is None or count < 2:
            raise ValueError(f"{count} pictures; expected at least two")
        writer.__exit__(None, None, None)


def _fitted(image: Image) -> Image:
    """The picture no wider than ``_WIDEST``, with even sides."""
    height, width = image.shape[:2]
    scale = min(1.0, _WIDEST / width)
    size = max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
    if size == (width, height):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
