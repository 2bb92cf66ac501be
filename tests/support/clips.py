"""Small H.264 clips whose pictures say which frame they are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from throughline.types import Image

BITS = 8
WIDTH, HEIGHT = 160, 96


def coded_picture(number: int) -> Image:
    """A picture with ``number`` in binary: one column for each bit, white or black."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 200 + 25, WIDTH // BITS)
    return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def read_code(image: npt.NDArray[Any]) -> int:
    """The number in a (possibly damaged) picture of `coded_picture`, of any size."""
    columns = np.array_split(image.mean((0, 2)), BITS)
    return sum(1 << bit for bit, column in enumerate(columns) if column[len(column) // 4 : -len(column) // 4].mean() > 125)


def write_clip(
    path: Path, pictures: list[Image], *, fps: int = 20, b_frames: int = 0, gop: int = 10, codec: str = "libx264", qp: int = 20
) -> Path:
    """Encodes pictures as they are told."""
    options = (
        {"preset": "veryfast", "bf": str(b_frames), "qp": str(qp), "b_adapt": "0", "sc_threshold": "0"}
        if codec == "libx264"
        else {}
    )
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def noise_pictures(count: int, width: int, height: int) -> list[Image]:
    """Pictures that cannot be compressed, so that each takes many packets."""
    generator = np.random.default_rng(5)
    return [generator.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]
