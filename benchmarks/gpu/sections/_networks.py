"""The two networks that are measured, what they are shown, and what the CPU says to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import numpy as np

from benchmarks.gpu.job import Job
from benchmarks.gpu.sections._scenes import scenes
from inference.catalogue import find, shipped_file
from inference.crop_preparation import CropPreparation
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import Engine
from inference.letterbox import Placement
from inference.pictures.host import HostOperations
from inference.yolox import vehicle_classes
from inference.yolox_head import YoloxHead
from throughline.types import Detections, FloatArray, Image

__all__ = [
    "ACROSS_CLASSES_IOU",
    "NETWORKS",
    "NMS_IOU",
    "Network",
    "Reference",
    "decode",
    "head_of",
    "make_reference",
    "network_file",
    "plan_folder",
    "shown_crops",
]

Network: TypeAlias = Literal["detector", "embedder"]
NETWORKS: Final[tuple[Network, ...]] = get_args(Network)
SURE: Final = 0.4
"""Score from which a vehicle is cut out."""
LEAST_SCORE: Final = 0.1
NMS_IOU: Final = 0.65
ACROSS_CLASSES_IOU: Final = 0.8
_SHIPPED: Final = {"detector": "vehicle-detector", "embedder": "vehicle-embedder"}
_SCENES, _CROPS = 12, 32
_PLANS = "plans"


def network_file(job: Job, network: Network) -> Path:
    """The ONNX file of a network."""
    given = job.detector if network == "detector" else job.embedder
    return shipped_file(find(_SHIPPED[network])) if given is None else Path(given)


def plan_folder(job: Job) -> Path:
    """Where plans and 8-bit files of this measurement are kept."""
    return job.work / _PLANS


def head_of(engine: Engine) -> YoloxHead:
    """How the rows of a detector are to be read."""
    return YoloxHead(engine.input_shape, vehicle_classes(engine), LEAST_SCORE)


def decode(head: YoloxHead, rows: FloatArray, placements: Sequence[Placement]) -> list[Detections]:
    """Vehicles of each picture, as the CPU finds them in the rows of a network."""
    finder = HostOperations().finder(head, nms_iou=NMS_IOU, across_classes_iou=ACROSS_CLASSES_IOU)
    return finder(rows, placements)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a network is shown, and what ONNX Runtime on the CPU gives for it.

    Attributes:
        batch: (N, C, H, W).
        outputs: (N, ...) for each output, in 32 bits.
        outputs_int8: The same of the 8-bit file; empty: there is none.
    """

    batch: FloatArray
    outputs: tuple[FloatArray, ...]
    outputs_int8: tuple[FloatArray, ...] = ()

    def save(self, job: Job, network: Network) -> None:
        """Keeps it for later sections."""
        named = {f"{kind}{place}": one for kind in ("outputs", "int8_") for place, one in enumerate(self._of(kind))}
        np.savez(_file(job, network), allow_pickle=False, batch=self.batch, **named)

    @classmethod
    def load(cls, job: Job, network: Network) -> Reference:
        """What an earlier section has kept; made here if that did not run."""
        file = _file(job, network)
        if not file.is_file():
            return make_reference(job, network)
        with np.load(file) as kept:
            found = {
                kind: tuple(kept[name] for name in sorted(kept.files) if name.startswith(kind)) for kind in ("outputs", "int8_")
            }
            return cls(kept["batch"], found["outputs"], found["int8_"])

    def _of(self, kind: str) -> tuple[FloatArray, ...]:
        return self.outputs if kind == "outputs" else self.outputs_int8


def make_reference(job: Job, network: Network) -> Reference:
    """Shows pictures of the clip, or drawn ones, to the network on the CPU."""
    engine = OnnxRuntimeEngine(network_file(job, network))
    try:
        pictures = scenes(job, _SCENES)
        if network == "detector":
            batch, _ = HostOperations().letterbox(pictures, *engine.input_shape[1:])
        else:
            batch = CropPreparation(engine)(shown_crops(job, pictures, _CROPS))
        return Reference(batch, engine.infer(batch))
    finally:
        engine.close()


def shown_crops(job: Job, pictures: Sequence[Image], count: int) -> list[Image]:
    """Pictures of single vehicles as the detector finds them; where it finds too few, the same ones over again."""
    engine = OnnxRuntimeEngine(network_file(job, "detector"))
    head = head_of(engine)
    batch, placements = HostOperations().letterbox(pictures, *engine.input_shape[1:])
    found = decode(head, engine.infer(batch)[0], placements)
    engine.close()
    crops = [
        picture[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
        for picture, vehicles in zip(pictures, found, strict=True)
        for left, top, right, bottom in vehicles.boxes[vehicles.scores >= SURE].tolist()
    ]
    if not crops:  # a network that finds nothing here: parts of the pictures serve as well
        crops = [
            picture[row : row + 200, column : column + 300] for picture in pictures for row, column in ((300, 400), (600, 900))
        ]
    return [crops[number % len(crops)] for number in range(count)]


def _file(job: Job, network: Network) -> Path:
    return job.work / f"reference-{network}.npz"
