"""A small clip whose pictures tell their own number, and cameras that serve it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from throughline.settings import CameraSettings, StreamSettings
from throughline.types import Image

CLIP_FPS = 10
CLIP_FRAMES = 30
CLIP_SIZE = (320, 180)
_STEP = 8


def drawn(number: int) -> Image:
    """Frame ``number`` of the clip: a red car of 60 x 30 that drives right, 8 pixels a frame."""
    image = np.full((CLIP_SIZE[1], CLIP_SIZE[0], 3), 110, np.uint8)
    image += np.random.default_rng(number).integers(0, 12, image.shape, dtype=np.uint8)
    image[80:110, number * _STEP : number * _STEP + 60] = (40, 40, 220)
    return image


def number_in(image: Image) -> int:
    """Which frame of the clip a decoded picture shows, told from where the car is."""
    row = image[95].astype(int)
    red = np.flatnonzero(row[:, 2] - row[:, 0] > 90)
    return round(int(red.min()) / _STEP)


def write_clip(path: Path, frames: int = CLIP_FRAMES, codec: str = "libx264", fps: int = CLIP_FPS) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = CLIP_SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "g": "5", "bf": "0"}
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn(number), format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, 320 x 180, 10 a second."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def settings() -> StreamSettings:
    """Timeouts short enough for tests."""
    return StreamSettings(
        open_timeout=1.0, read_timeout=0.5, reconnect_initial=0.05, reconnect_max=0.2, progress_interval=0.2, best_shots_kept=5
    )


@pytest.fixture
def make_camera() -> Callable[..., CameraSettings]:
    """A camera ``c01`` at a URL or path."""

    def make(url: str | Path, **fields: object) -> CameraSettings:
        return CameraSettings.model_validate({"id": "c01", "url": str(url), **fields})

    return make
