"""Writes H.264 that suits a camera: constant frame rate, no reordering, a keyframe a second."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from throughline.types import Image

__all__ = ["H264Writer"]


class H264Writer:
    """An MP4 file that appears at ``path`` when it is complete, and not at all after an error.

    The same pictures give the same file: the encoder runs in one thread.

    Args:
        path: Where the file shall be.
        width: Width of the pictures, even.
        height: Height of the pictures, even.
        fps: Frames a second.
        bitrate: Bits a second, on average.
        preset: Of the encoder: slower ones need fewer bits for the same look.
    """

    def __init__(self, path: Path, width: int, height: int, fps: Fraction, bitrate: int, *, preset: str = "veryfast") -> None:
        if width % 2 or height % 2 or width < 2 or height < 2:
            raise ValueError(f"{path.name}: {width}x{height} cannot be encoded; expected an even width and height")
        self._path = path
        self._partial = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._step = 1 / fps
        self._count = 0
        self._container = av.open(self._partial, "w")
        stream = self._container.add_stream("libx264", rate=fps)
        stream.width = width
        stream.height = height
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bitrate
        stream.codec_context.thread_count = 1
        gop = max(1, round(fps))
        stream.codec_context.gop_size = gop
        stream.options = {"preset": preset, "bf": "0", "keyint_min": str(gop), "sc_threshold": "0"}
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def write(self, image: Image) -> None:
        """Appends a picture (height, width, 3), BGR."""
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts = self._count
        frame.time_base = self._step
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if kind is None:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)
