"""A picture in a tensor, on a GPU as a rule."""

from __future__ import annotations

import torch
from torch import Tensor

from throughline.types import Image

__all__ = ["TensorImage", "area_weights", "bgr_from_nv12"]

_MATRICES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Shares of red and blue in the luma: ITU-R BT.601, BT.709 and BT.2020."""


class TensorImage:
    """A `DeviceImage` held by torch.

    Whoever makes one has waited for the work that writes it, so that any stream may read it.

    Args:
        planes: (3, h, w) uint8: blue, green, red.
    """

    __slots__ = ("planes",)

    def __init__(self, planes: Tensor) -> None:
        self.planes = planes

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, 3)."""
        return self.planes.shape[1], self.planes.shape[2], 3

    @property
    def size(self) -> int:
        """Number of values."""
        return self.planes.numel()

    def __getitem__(self, part: tuple[slice, slice]) -> TensorImage:
        """The part inside these rows and columns; a view."""
        rows, columns = part
        return TensorImage(self.planes[:, rows, columns])

    def download(self) -> Image:
        """The picture in this machine's memory."""
        rows: Image = self.planes.permute(1, 2, 0).clone(memory_format=torch.contiguous_format).cpu().numpy()
        return rows

    def thumbnail(self, height: int, width: int) -> Image:
        """See `DeviceImage.thumbnail`."""
        if self.size == 0:
            raise ValueError(f"a picture of shape {self.shape} has no pixels")
        device = self.planes.device
        _, rows, columns = self.planes.shape
        down = area_weights(torch.tensor([rows], device=device), height, rows)[0]
        across = area_weights(torch.tensor([columns], device=device), width, columns)[0]
        small = down @ self.planes.float() @ across.T
        return TensorImage(small.round().clamp(0, 255).to(torch.uint8)).download()


def area_weights(lengths: Tensor, target: int, longest: int) -> Tensor:
    """How much each source pixel counts in each pixel of a line that is scaled by averaging areas.

    Args:
        lengths: (N,) pixels of each source line.
        target: Pixels that all of them shall have.
        longest: The largest of ``lengths``.

    Returns:
        (N, target, longest) float32; rows add up to one, and are zero beyond their line's end.
    """
    step = lengths.to(torch.float32)[:, None, None] / target
    begin = torch.arange(target, device=lengths.device)[None, :, None] * step
    source = torch.arange(longest, device=lengths.device)[None, None, :]
    shared = torch.minimum(source + 1, begin + step) - torch.maximum(source, begin)
    return shared.clamp(min=0) / step


def bgr_from_nv12(luma: Tensor, chroma: Tensor, *, matrix: str = "bt601", full_range: bool = False) -> Tensor:
    """Pictures as hardware decoders give them, as BGR; each chroma value colours its four pixels, as swscale has it.

    Args:
        luma: (h, w) uint8; uint16 with 10 bits or more at the upper end (P010, P016).
        chroma: (h / 2, w / 2, 2) of the same type: Cb, Cr.
        matrix: ``bt601``, ``bt709`` or ``bt2020``.
        full_range: Whether values use all of 0..255, not 16..235 and 16..240.

    Returns:
        (3, h, w) uint8: blue, green, red.
    """
    red, blue = _MATRICES[matrix]
    green = 1 - red - blue
    unit = 1.0 if luma.dtype == torch.uint8 else 1 / 256
    offset, gain, chroma_gain = (0.0, 1.0, 1.0) if full_range else (16.0, 255 / 219, 255 / 224)
    brightness = luma.float() * (gain * unit) - gain * offset
    cb, cr = (chroma.float() * (chroma_gain * unit) - 128 * chroma_gain).unbind(2)
    to_blue, to_red = 2 * (1 - blue), 2 * (1 - red)
    colour = torch.stack([to_blue * cb, -(to_blue * blue * cb + to_red * red * cr) / green, to_red * cr])
    rows, columns = (
        (torch.arange(size, device=luma.device) // 2).clamp(max=half - 1)
        for size, half in zip(luma.shape, chroma.shape[:2], strict=True)
    )
    picture = brightness + colour.index_select(1, rows).index_select(2, columns)
    return picture.round_().clamp_(0, 255).to(torch.uint8)
