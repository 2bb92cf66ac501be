"""Several cameras from one real clip: crops that are changed and re-encoded, with an exact way back to the clip."""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from simulation._writer import H264Writer
from throughline.types import FloatArray, Image

__all__ = ["EMPTY", "HIGHWAY_PAIR", "ClipTime", "View", "VirtualCamera", "cut_cameras"]

_VERSION = 2
"""Raised when the same view would give other pixels, so that what was made before is not used."""
_NOISE_FIELDS = 4
_MEDIAN_OF = 45
EMPTY = -1
"""Number of the clip's frame, where none is shown but the empty road."""


@dataclass(frozen=True, slots=True)
class View:
    """What one virtual camera sees of a clip, and how.

    Attributes:
        id: Camera id.
        crop: Left, top, width and height in the clip, pixels; none: the whole picture.
        size: Width and height of the camera's picture; even numbers.
        brightness: Added to every value (0..255).
        contrast: Factor about mid-grey (128).
        gamma: Exponent; above 1 darkens the mid-tones.
        blur: Standard deviation of a Gaussian blur, pixels of the camera.
        noise: Standard deviation of the sensor's noise (0..255).
        bitrate: Bits a second.
        fps: Frames a second; for each frame the clip's nearest picture is taken.
        delay: Seconds after time zero at which the camera's footage is to start when it is served.
        least_seconds: The clip is repeated until it lasts this long.
        pause: Seconds of empty road (the clip's median picture) after the clip, so that when the footage is looped no vehicle
            seems to jump: those cut off by the end are gone before others appear.
    """

    id: str
    crop: tuple[int, int, int, int] | None
    size: tuple[int, int]
    brightness: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    bitrate: int = 1_500_000
    fps: float = 10.0
    delay: float = 0.0
    least_seconds: float = 0.0
    pause: float = 0.0


HIGHWAY_PAIR = (
    # Measured on highway.mp4 (1280x720, 15 s, traffic comes towards the camera on four lanes). Upstream, every vehicle is in view
    # for 3 s or more and ends 30 to 65 pixels wide in a 416-pixel detector's input; further up they hide each other.
    View("c01", (432, 196, 320, 132), (640, 264), bitrate=1_500_000, pause=7.0),
    # Downstream, all four lanes fit, each vehicle is in view for 1.5 to 2 s and 28 to 95 pixels wide at 416. The 32 rows between
    # are seen by nobody: half a second of driving, so with the delay vehicles take 4 to 5 s from one view to the other.
    View(
        "c02",
        (128, 360, 880, 360),
        (704, 288),
        brightness=-12.0,
        contrast=0.9,
        gamma=1.15,
        blur=0.6,
        noise=3.0,
        bitrate=700_000,
        delay=4.0,
        pause=7.0,
    ),
)
"""An upstream and a downstream camera on the road of highway.mp4; the second is darker, softer and noisier, and 4 s late."""


@dataclass(frozen=True, slots=True)
class ClipTime:
    """An instant of the clip.

    Attributes:
        repetition: How often the clip had been shown in full before.
        seconds: Presentation time in the clip.
    """

    repetition: int
    seconds: float


@dataclass(frozen=True, slots=True)
class VirtualCamera:
    """A virtual camera that has been made.

    Attributes:
        view: What it sees.
        path: Its footage.
        crop: Left, top, width and height in the clip, pixels.
        sources: For each of its frames the repetition, the number and the presentation time of the clip's frame it shows;
            in the pause the number is `EMPTY`.
    """

    view: View
    path: Path
    crop: tuple[int, int, int, int]
    sources: tuple[tuple[int, int, float], ...]

    @property
    def seconds(self) -> float:
        """Duration of the footage."""
        return len(self.sources) / self.view.fps

    @property
    def repetitions(self) -> int:
        """How often the clip is shown in one loop of the footage."""
        return self.sources[-1][0] + 1

    def to_clip(self, points: FloatArray) -> FloatArray:
        """Points (..., 2) or boxes (..., 4) in pixels of the camera, as pixels of the clip.

        Coordinates are continuous: pixel (i, j) covers i..i+1, j..j+1, as boxes have it.
        """
        scale, shift = self._affine(points.shape[-1])
        return (points * scale + shift).astype(np.float32)

    def from_clip(self, points: FloatArray) -> FloatArray:
        """Points (..., 2) or boxes (..., 4) in pixels of the clip, as pixels of the camera; they may lie outside the picture."""
        scale, shift = self._affine(points.shape[-1])
        return ((points - shift) / scale).astype(np.float32)

    def _affine(self, columns: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        left, top, width, height = self.crop
        scale = np.array((width / self.view.size[0], height / self.view.size[1]))
        return np.tile(scale, columns // 2), np.tile(np.array((left, top), np.float64), columns // 2)

    def clip_time(self, seconds: float) -> ClipTime:
        """What the camera shows ``seconds`` after the start of its footage, which loops for ever (before it, too).

        The picture is the one whose frame time is nearest to ``seconds``.
        """
        loop, frame = divmod(round(seconds * self.view.fps), len(self.sources))
        repetition, _, presented = self.sources[frame]
        return ClipTime(loop * self.repetitions + repetition, presented)


def cut_cameras(clip: Path, views: Sequence[View], out: Path) -> list[VirtualCamera]:
    """Makes the footage of ``views`` in the folder ``out``, unless it is there already.

    The same function makes a clip larger for a benchmark: a view without crop, of 1920x1080, long enough.

    Raises:
        ValueError: a crop does not lie within the clip, or a size cannot be encoded.
        OSError: the clip cannot be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    content = hashlib.sha256(clip.read_bytes()).hexdigest()
    paths = [out / f"{view.id}-{_key(content, view)}.mp4" for view in views]
    ticks, times, width, height = _frame_times(clip)
    duration = times[-1] * len(times) / (len(times) - 1) if len(times) > 1 else 1.0
    cameras = []
    for view, path in zip(views, paths, strict=True):
        crop = view.crop or (0, 0, width, height)
        if crop[0] < 0 or crop[1] < 0 or min(crop[2:]) < 1 or crop[0] + crop[2] > width or crop[1] + crop[3] > height:
            raise ValueError(f"view {view.id}: the crop {crop} does not lie within {clip.name}, which is {width}x{height}")
        cameras.append(VirtualCamera(view, path, crop, tuple(_sources(times, duration, view))))
    missing = [camera for camera in cameras if not camera.path.exists()]
    if missing:
        _render(clip, ticks, missing)
    return cameras


def _key(content: str, view: View) -> str:
    pixels = replace(view, delay=0.0)  # it changes nothing in the footage
    text = json.dumps([_VERSION, content, asdict(pixels)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _frame_times(clip: Path) -> tuple[list[int], list[float], int, int]:
    """Presentation times of all frames, in the file's ticks and in seconds from the first one on, and the clip's size."""
    with av.open(clip) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        ticks = sorted(packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None)
        assert stream.time_base is not None  # noqa: S101 - every demuxed track has one
        return ticks, [float((tick - ticks[0]) * stream.time_base) for tick in ticks], stream.width, stream.height


def _sources(times: list[float], duration: float, view: View) -> Iterator[tuple[int, int, float]]:
    """For each frame of the camera: repetition, frame of the clip and its time; the frame nearest in time is shown."""
    repetitions = max(1, int(np.ceil(view.least_seconds / duration - 1e-9)))
    middles = [(earlier + later) / 2 for earlier, later in itertools.pairwise(times)]
    for frame in range(int(np.floor(repetitions * duration * view.fps + 1e-6))):
        repetition, within = divmod(frame / view.fps, duration)
        index = bisect.bisect_right(middles, within)
        yield int(repetition), index, times[index]
    for _ in range(round(view.pause * view.fps)):
        yield repetitions - 1, EMPTY, times[-1]


def _render(clip: Path, ticks: Sequence[int], cameras: Sequence[VirtualCamera]) -> None:
    numbers = {tick: number for number, tick in enumerate(ticks)}
    with contextlib.ExitStack() as stack:
        looks = []
        for camera in cameras:
            view = camera.view
            writer = H264Writer(camera.path, *view.size, Fraction(view.fps).limit_denominator(100_000), view.bitrate)
            looks.append(_Look(camera, stack.enter_context(writer)))
        for repetition in range(max(camera.repetitions for camera in cameras)):
            for tick, image in _decoded(clip):
                for look in looks:
                    look.show(repetition, numbers[tick], image)
        if any(camera.view.pause for camera in cameras):
            empty = _empty_road(clip, len(ticks))
            for look, camera in zip(looks, cameras, strict=True):
                look.show(camera.repetitions - 1, EMPTY, empty)
        for look in looks:
            look.finish(clip)


def _decoded(clip: Path) -> Iterator[tuple[int, Image]]:
    with av.open(clip) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            if frame.pts is not None:
                yield frame.pts, frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def _empty_road(clip: Path, frames: int) -> Image:
    """The median picture of the clip: what stands still."""
    some = itertools.islice(_decoded(clip), 0, None, max(1, frames // _MEDIAN_OF))
    median: Image = np.median(np.stack([image for _, image in some]), axis=0).astype(np.uint8)
    return median


class _Look:
    """Turns frames of the clip into one camera's, and writes those it wants."""

    def __init__(self, camera: VirtualCamera, writer: H264Writer) -> None:
        self._camera = camera
        self._writer = writer
        self._next = 0
        view = camera.view
        levels = np.arange(256) / 255.0
        toned = 255.0 * levels**view.gamma
        self._tones = np.clip(np.round((toned - 128.0) * view.contrast + 128.0 + view.brightness), 0, 255).astype(np.uint8)
        width, height = view.size
        generator = np.random.default_rng(0)
        self._noise = [
            generator.normal(0.0, view.noise, (height, width, 3)).astype(np.float32)
            for _ in range(_NOISE_FIELDS if view.noise else 0)
        ]

    def show(self, repetition: int, number: int, image: Image) -> None:
        """Writes the camera's frames, if any, that show this frame of the clip."""
        sources = self._camera.sources
        while self._next < len(sources) and sources[self._next][:2] == (repetition, number):
            self._writer.write(self._changed(image))
            self._next += 1

    def finish(self, clip: Path) -> None:
        """Makes sure that nothing is missing.

        Raises:
            ValueError: the clip did not show all its frames.
        """
        if self._next < len(self._camera.sources):
            _, number, seconds = self._camera.sources[self._next]
            raise ValueError(f"{clip}: frame {number} at {seconds:.3f} s cannot be decoded; repair or re-encode the clip")

    def _changed(self, image: Image) -> Image:
        left, top, width, height = self._camera.crop
        view = self._camera.view
        shrinks = view.size[0] < width
        crop = image[top : top + height, left : left + width]
        picture: npt.NDArray[np.integer[Any] | np.floating[Any]] = cv2.resize(
            crop, view.size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        )
        if view.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), view.blur)
        picture = cv2.LUT(picture, self._tones)
        if self._noise:
            noisy = picture + self._noise[self._next % len(self._noise)]
            picture = np.clip(noisy, 0, 255).astype(np.uint8)
        return picture.astype(np.uint8, copy=False)
