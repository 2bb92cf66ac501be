"""Pictures as a decoder leaves them on a GPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from inference.pictures.device_image import TensorImage, bgr_from_nv12

__all__ = ["Plane", "image_of_planes"]

_own = threading.local()


class Plane(Protocol):
    """Memory that can be shared, as the DLPack standard has it."""

    def __dlpack__(self, *, stream: int | None = None) -> Any:
        """A capsule with the memory's address and shape."""
        ...


def image_of_planes(planes: Sequence[Plane], *, matrix: str, full_range: bool) -> TensorImage:
    """Makes a picture of NV12, P010 or P016 planes where they lie; when it returns, the planes are needed no more.

    Args:
        planes: (h, w) luma and (h / 2, w / 2, 2) chroma, written by FFmpeg, which works on the GPU's default stream.
        matrix: See `bgr_from_nv12`.
        full_range: See `bgr_from_nv12`.
    """
    # The capsule itself: asked by torch, a plane would be told a stream to wait for, which PyAV refuses.
    luma, chroma = (torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in planes)
    if luma.device.type != "cuda":
        return TensorImage(bgr_from_nv12(luma, chroma, matrix=matrix, full_range=full_range))
    streams: dict[torch.device, torch.cuda.Stream] = _own.__dict__.setdefault("streams", {})
    stream = streams.get(luma.device)
    if stream is None:
        stream = streams[luma.device] = torch.cuda.Stream(luma.device)  # type: ignore[no-untyped-call]  # torch left it out
    with torch.inference_mode(), torch.cuda.stream(stream):
        stream.wait_stream(torch.cuda.default_stream(luma.device))
        picture = bgr_from_nv12(luma, chroma, matrix=matrix, full_range=full_range)
        stream.synchronize()  # then any stream may read it, and the decoder have its memory back
    return TensorImage(picture)
