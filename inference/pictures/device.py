"""Pictures and batches on a GPU: torch. Every operation works on any device of torch, so that tests run on a CPU.

Operations are queued on the caller's stream and wait for uploads at most; finders and what comes down to numpy wait for results.
So pictures and batches must be kept until then, which `Batcher.submit` does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inference.crop_preparation import CropPreparation
from inference.engines.protocol import DeviceEngine, Engine
from inference.errors import InferenceError
from inference.letterbox import PADDING, Placement
from inference.pictures.device_finder import DeviceFinder
from inference.pictures.device_image import TensorImage, area_weights
from inference.pictures.host import SMALLEST_NORM
from inference.pictures.protocol import VehicleFinder
from inference.yolox_head import YoloxHead
from throughline.types import FloatArray, Pixels, host_image

__all__ = ["DeviceOperations"]


class DeviceOperations:
    """`PictureOperations` for engines on a device of torch.

    Args:
        device: As torch names it, such as ``cuda:0``.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._own = threading.local()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Queues on a stream of the calling thread's own."""
        with torch.inference_mode():
            if self._device.type != "cuda":
                yield
                return
            stream = getattr(self._own, "stream", None)
            if stream is None:
                stream = self._own.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch left it out
            with torch.cuda.stream(stream):
                yield

    def letterbox(self, pictures: Sequence[Pixels], height: int, width: int) -> tuple[Tensor, tuple[Placement, ...]]:
        """See `PictureOperations.letterbox`."""
        batch = torch.full((len(pictures), 3, height, width), float(PADDING), device=self._device)
        placements = tuple(Placement.of(picture.shape, height, width) for picture in pictures)
        for row, picture, placement in zip(batch, pictures, placements, strict=True):
            scaled_width, scaled_height = placement.scaled
            planes = self._planes(picture)[None].float()
            scaled = functional.interpolate(planes, (scaled_height, scaled_width), mode="bilinear", align_corners=False)
            row[:, :scaled_height, :scaled_width] = scaled[0].round_()
        return batch, placements

    def crops(self, pictures: Sequence[Pixels], preparation: CropPreparation) -> Tensor:
        """See `PictureOperations.crops`."""
        for picture in pictures:
            if picture.size == 0:
                raise ValueError(f"a crop of shape {picture.shape} has no pixels")
        size = (preparation.height, preparation.width)
        batch = torch.empty((len(pictures), 3, *size), device=self._device)
        shrinking = [number for number, picture in enumerate(pictures) if preparation.shrinks(picture.shape)]
        if shrinking:
            lengths = torch.tensor([pictures[number].shape[:2] for number in shrinking], device=self._device)
            highest, widest = (max(pictures[number].shape[axis] for number in shrinking) for axis in (0, 1))
            down = area_weights(lengths[:, 0], preparation.height, highest)
            across = area_weights(lengths[:, 1], preparation.width, widest)
            for number, rows, columns in zip(shrinking, down, across, strict=True):
                height, width, _ = pictures[number].shape
                batch[number] = rows[:, :height] @ self._planes(pictures[number]).float() @ columns[:, :width].T
        for number in sorted(set(range(len(pictures))) - set(shrinking)):
            planes = self._planes(pictures[number])[None].float()
            batch[number] = functional.interpolate(planes, size, mode="bilinear", align_corners=False)[0]
        batch.round_()
        factor, offset = (
            torch.from_numpy(values).to(self._device)[:, None, None] for values in (preparation.factor, preparation.offset)
        )
        return (batch.flip(1) if preparation.reverse else batch) * factor + offset

    def with_mirrored(self, batch: Tensor) -> Tensor:
        """See `PictureOperations.with_mirrored`."""
        return torch.cat([batch, batch.flip(3)])

    def infer(self, engine: Engine, batch: Tensor) -> tuple[Tensor, ...]:
        """See `PictureOperations.infer`."""
        return cast("DeviceEngine", engine).infer_tensors(batch)

    def concatenate(self, batches: Sequence[Tensor]) -> Tensor:
        """See `PictureOperations.concatenate`."""
        return batches[0] if len(batches) == 1 else torch.cat(list(batches))

    def split(self, outputs: tuple[Tensor, ...], counts: Sequence[int]) -> list[tuple[Tensor, ...]]:
        """See `PictureOperations.split`."""
        parts = [output.split_with_sizes(list(counts)) for output in outputs]
        return [tuple(part[number] for part in parts) for number in range(len(counts))]

    def finder(self, head: YoloxHead, *, nms_iou: float, across_classes_iou: float | None) -> VehicleFinder[Tensor]:
        """See `PictureOperations.finder`."""
        return DeviceFinder(head, self._device, nms_iou, across_classes_iou)

    def unit(self, vectors: Tensor, *, mirrored: bool = False) -> FloatArray:
        """See `PictureOperations.unit`."""
        rows = vectors.float()
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        checked = [lengths]
        if mirrored:
            rows = rows / lengths
            count = len(rows) // 2
            rows = rows[:count] + rows[count:]
            sums = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            checked = [lengths[:count], lengths[count:], sums]
        # All comes down at once: each transfer waits for the GPU.
        down = self.download(torch.cat([rows / checked[-1], *checked], dim=1))
        unit, norms = down[:, : -len(checked)], down[:, -len(checked) :]
        if not (np.isfinite(norms) & (norms > SMALLEST_NORM)).all():
            raise InferenceError("the network gave a vector that is zero or not finite")
        return np.ascontiguousarray(unit)

    def download(self, values: Tensor) -> FloatArray:
        """See `PictureOperations.download`."""
        return np.asarray(values.float().cpu().numpy(), np.float32)

    def _planes(self, picture: Pixels) -> Tensor:
        """(3, h, w) uint8 on the device."""
        if isinstance(picture, TensorImage):
            return picture.planes.to(self._device)
        rows = np.ascontiguousarray(host_image(picture))
        if not rows.flags.writeable:  # which torch would warn of, though nobody writes
            rows = rows.copy()
        return torch.from_numpy(rows).to(self._device).permute(2, 0, 1)
