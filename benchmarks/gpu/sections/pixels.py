"""What is done to pictures before and after a network: on the GPU, held to what the CPU does, and both timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._here import why_not_torch
from benchmarks.gpu.sections._networks import ACROSS_CLASSES_IOU, NMS_IOU, Reference, head_of, network_file, shown_crops
from benchmarks.gpu.sections._scenes import HEIGHT, WIDTH, scenes
from benchmarks.gpu.sections._speed import seconds_of
from benchmarks.gpu.sections._verdicts import found_share
from benchmarks.gpu.sections.reference import placements_of
from inference.crop_preparation import CropPreparation
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.pictures.device import DeviceOperations
from inference.pictures.device_image import TensorImage, bgr_from_nv12
from inference.pictures.host import HostOperations
from throughline.types import FloatArray, Image

__all__ = ["TABLE", "nv12_of", "run"]

TABLE = "pixels"
_FRAMES, _CROPS = 8, 32
_GREYS = 2.0
"""Grey levels by which pixels may differ on average: libraries round in other places."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation.

    Attributes:
        name: What it does.
        device: Does it on the device; queues only, or waits.
        host: Does the same on the CPU.
        off: How far the results are apart.
        most: How far they may be.
        unit: Of both.
    """

    name: str
    device: Callable[[], object]
    host: Callable[[], object]
    off: Callable[[], float]
    most: float
    unit: str


def run(job: Job) -> Iterator[Line]:
    """A line for each operation."""
    reason = why_not_torch(job)
    if reason:
        yield Line(TABLE, {"what": "all operations"}, "not run", note=reason)
        return
    device = torch.device(job.device)
    wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    operations = DeviceOperations(job.device)
    with operations.session():
        for step in _steps(job, operations, device):
            labels = {"operation": step.name}
            off = step.off()
            if not off <= step.most:
                yield Line(TABLE, labels, "wrong", note=f"off by {off:.3g} {step.unit}, {step.most:g} is allowed")
                continue
            times = [1000 * seconds_of(step.device, wait, seconds=0.2), 1000 * seconds_of(step.host, lambda: None, seconds=0.2)]
            figures: dict[str, float | str] = {
                "ms": times[0],
                "ms, CPU, one core": times[1],
                "times as fast": times[1] / times[0],
            }
            yield Line(TABLE, labels, figures=figures, note=f"off by {off:.2g} {step.unit}")


def nv12_of(picture: Image) -> tuple[Image, Image]:
    """A BGR picture as decoders give it: luma (h, w) and chroma (h / 2, w / 2, 2), BT.601, limited range."""
    height, width = picture.shape[:2]
    planar = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    luma = np.asarray(planar[:height], np.uint8)
    blue, red = planar[height:].reshape(2, height // 2, width // 2)
    return np.ascontiguousarray(luma), np.ascontiguousarray(np.stack([blue, red], axis=2), dtype=np.uint8)


def _steps(job: Job, operations: DeviceOperations, device: torch.device) -> Iterator[_Step]:
    host = HostOperations()
    frames = scenes(job, _FRAMES)
    placed = [TensorImage(torch.from_numpy(frame).to(device).permute(2, 0, 1).contiguous()) for frame in frames]
    yield _nv12(frames[0], device)

    detector = OnnxRuntimeEngine(network_file(job, "detector"))
    _, height, width = detector.input_shape

    def greys(found: Tensor, expected: FloatArray) -> float:
        return float(np.abs(found.float().cpu().numpy() - expected).mean())

    for count in (1, _FRAMES):
        yield _Step(
            f"letterbox of {count} x {WIDTH}x{HEIGHT} to {width}x{height}",
            lambda count=count: operations.letterbox(placed[:count], height, width),  # type: ignore[misc]  # mypy takes the default for Any
            lambda count=count: host.letterbox(frames[:count], height, width),  # type: ignore[misc]  # as above
            lambda count=count: greys(  # type: ignore[misc]  # as above
                operations.letterbox(placed[:count], height, width)[0], host.letterbox(frames[:count], height, width)[0]
            ),
            _GREYS,
            "grey levels",
        )
    yield _finding(job, operations, detector, device)
    detector.close()
    yield from _embedding(job, operations, frames, device)
    frame = placed[0]
    yield _Step(
        f"{WIDTH}x{HEIGHT} down to memory",
        frame.download,
        lambda: frames[0].copy(),
        lambda: float(np.abs(frame.download().astype(np.float32) - frames[0]).max()),
        0.0,
        "grey levels",
    )


def _nv12(frame: Image, device: torch.device) -> _Step:
    luma, chroma = nv12_of(frame)
    planes = torch.from_numpy(luma).to(device), torch.from_numpy(chroma).to(device)

    def host() -> Image:
        return np.asarray(cv2.cvtColorTwoPlane(luma, chroma, cv2.COLOR_YUV2BGR_NV12), np.uint8)

    def off() -> float:
        found = bgr_from_nv12(*planes).permute(1, 2, 0).cpu().numpy().astype(np.float32)
        return float(np.abs(found - host()).mean())

    return _Step(f"NV12 to BGR, {WIDTH}x{HEIGHT}", lambda: bgr_from_nv12(*planes), host, off, _GREYS, "grey levels")


def _finding(job: Job, operations: DeviceOperations, detector: OnnxRuntimeEngine, device: torch.device) -> _Step:
    reference = Reference.load(job, "detector")
    rows, lying = reference.outputs[0], placements_of(reference.batch)
    head = head_of(detector)
    on_host = HostOperations().finder(head, nms_iou=NMS_IOU, across_classes_iou=ACROSS_CLASSES_IOU)
    on_device = operations.finder(head, nms_iou=NMS_IOU, across_classes_iou=ACROSS_CLASSES_IOU)
    placed = torch.from_numpy(rows).to(device)

    def off() -> float:
        return 1 - found_share(on_host(rows, lying), on_device(placed, lying))[0]

    name = f"boxes and suppression, {len(rows)} pictures at once"
    return _Step(name, lambda: on_device(placed, lying), lambda: on_host(rows, lying), off, 0.01, "of the sure vehicles")


def _embedding(job: Job, operations: DeviceOperations, frames: list[Image], device: torch.device) -> Iterator[_Step]:
    host = HostOperations()
    engine = OnnxRuntimeEngine(network_file(job, "embedder"))
    preparation = CropPreparation(engine)
    engine.close()
    crops = shown_crops(job, frames, _CROPS)
    placed = [TensorImage(torch.from_numpy(np.ascontiguousarray(crop)).to(device).permute(2, 0, 1)) for crop in crops]
    spread = 1 / float(np.abs(preparation.factor).max())

    def off_crops() -> float:
        found = operations.crops(placed, preparation).float().cpu().numpy()
        return float(np.abs(found - host.crops(crops, preparation)).mean()) * spread

    yield _Step(
        f"{_CROPS} crops to {preparation.width}x{preparation.height}",
        lambda: operations.crops(placed, preparation),
        lambda: host.crops(crops, preparation),
        off_crops,
        _GREYS,
        "grey levels",
    )
    vectors = np.random.default_rng(0).standard_normal((_CROPS, 256), np.float32)
    above = torch.from_numpy(vectors).to(device)
    yield _Step(
        f"{_CROPS} vectors to length one and down to memory",
        lambda: operations.unit(above),
        lambda: host.unit(vectors),
        lambda: float(np.abs(operations.unit(above) - host.unit(vectors)).max()),
        1e-5,
        "",
    )
