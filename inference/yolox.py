"""Vehicle detectors of the YOLOX type, from ONNX files that end with the raw head: see `inference.yolox_head`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.batcher import Batcher
from inference.engines.protocol import Engine, ResizableEngine
from inference.errors import ModelError
from inference.letterbox import Placement
from inference.pictures.choice import operations_for
from inference.pictures.protocol import AnyBatch, VehicleFinder
from inference.yolox_head import COARSEST, YoloxHead
from throughline.types import VEHICLE_TYPES, Detections, Frame, IntArray

__all__ = ["YoloxDetector", "vehicle_classes"]

_WORTH_IT = 0.9
"""Share of the input beyond which a network of its own is not worth its memory."""
_COCO_CLASSES = 80
_COCO_VEHICLES = {2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
_SYNONYMS = {"motorbike": "motorcycle", "van": "car", "lorry": "truck"}


class YoloxDetector:
    """A detector from an ONNX file of the YOLOX type.

    Classes are taken from the file's metadata ``classes`` (names, separated by commas or as a JSON list); without it, 80 classes
    are COCO's, and 4 or 5 are `VEHICLE_TYPES` in their order. What is no vehicle is left out.

    Suppression works inside each class; boxes of different classes that overlap by more than ``across_classes_iou`` are
    taken for one vehicle, and the better one stays. Cells that lose here are not detections that were dropped: a head
    fires several times for each object.

    A picture that is wider or higher than the input leaves a part of it grey: more than a third of a square one, with
    pictures of 16:9. Where the engine can be had for other sizes (`ResizableEngine`), nothing is computed there; one is made
    for each shape of picture, when the first of that shape comes.

    Args:
        engine: The network.
        batcher: Where it runs.
        min_confidence: Least score of a detection.
        nms_iou: Largest overlap of two detections of one class.
        across_classes_iou: Largest overlap of two detections of different classes; None: any.

    Raises:
        ModelError: the network's shapes or classes are not those of a YOLOX-type vehicle detector.
    """

    def __init__(
        self,
        engine: Engine,
        batcher: Batcher,
        *,
        min_confidence: float = 0.1,
        nms_iou: float = 0.65,
        across_classes_iou: float | None = 0.8,
    ) -> None:
        self._engine = engine
        self._batcher = batcher
        shapes = engine.output_shapes
        _check_shapes(engine, shapes)
        self._classes = vehicle_classes(engine)
        self._options = _Options(min_confidence, nms_iou, across_classes_iou)
        whole = _sized(engine, self._classes, self._options)
        if shapes[0][0] != whole.head.anchors:
            raise ModelError(
                f"{engine.name}: expected a YOLOX-type output of {whole.head.anchors} rows for its input of "
                f"{engine.input_shape[2]}x{engine.input_shape[1]} (strides 8, 16, 32), found {shapes[0][0]}"
            )
        self._operations = operations_for(engine)
        self._whole = whole
        self._sizes = {engine.input_shape[1:]: whole}
        self._making = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._engine.name

    @property
    def hash(self) -> str:
        """Hash of the weights."""
        return self._engine.hash

    async def detect(self, frame: Frame) -> Detections:
        """Vehicles in the whole picture, best score first."""
        size = self.input_for(frame.image.shape)
        network = self._sizes.get(size)
        if network is None:
            network = await asyncio.to_thread(self._make, size)
        finish = _Finish(network.find, Placement.of(frame.image.shape, network.head.height, network.head.width))

        def prepare() -> AnyBatch:
            return self._operations.letterbox([frame.image], network.head.height, network.head.width)[0]

        return await self._batcher.submit(network.engine, prepare, finish, camera=frame.camera)

    def close(self) -> None:
        """Frees the network."""
        with self._making:
            for network in self._sizes.values():
                network.engine.close()

    def input_for(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width of the part of the input that a picture of this shape (height, width, ...) covers, in whole cells."""
        _, height, width = self._engine.input_shape
        scaled = Placement.of(shape, height, width).scaled
        return min(height, -(-scaled[1] // COARSEST) * COARSEST), min(width, -(-scaled[0] // COARSEST) * COARSEST)

    def _make(self, size: tuple[int, int]) -> _Sized:
        """The network for inputs of this size; the whole one, where it cannot be had or would spare little."""
        with self._making:
            if size not in self._sizes:
                self._sizes[size] = self._resized(size) or self._whole
            return self._sizes[size]

    def _resized(self, size: tuple[int, int]) -> _Sized | None:
        _, height, width = self._engine.input_shape
        if not isinstance(self._engine, ResizableEngine) or size[0] * size[1] > _WORTH_IT * height * width:
            return None
        engine = self._engine.resized(*size)
        if engine is None:
            return None
        network = _sized(engine, self._classes, self._options)
        if engine.output_shapes == ((network.head.anchors, self._engine.output_shapes[0][1]),):
            return network
        engine.close()
        return None


@dataclass(frozen=True, slots=True)
class _Options:
    min_confidence: float
    nms_iou: float
    across_classes_iou: float | None


@dataclass(frozen=True, slots=True)
class _Sized:
    """The network for inputs of one size."""

    engine: Engine
    head: YoloxHead
    find: VehicleFinder[AnyBatch]


@dataclass(frozen=True, slots=True)
class _Finish:
    """From rows to vehicles, for the picture of one request or for those of a whole pass."""

    find: VehicleFinder[AnyBatch]
    placement: Placement

    def __call__(self, outputs: tuple[AnyBatch, ...]) -> Detections:
        return self.find(outputs[0], [self.placement])[0]

    def together(self, outputs: tuple[AnyBatch, ...], finishes: Sequence[_Finish]) -> list[Detections]:
        return self.find(outputs[0], [finish.placement for finish in finishes])


def _sized(engine: Engine, classes: IntArray, options: _Options) -> _Sized:
    head = YoloxHead(engine.input_shape, classes, options.min_confidence)
    finder = operations_for(engine).finder(head, nms_iou=options.nms_iou, across_classes_iou=options.across_classes_iou)
    return _Sized(engine, head, finder)


def _check_shapes(engine: Engine, shapes: tuple[tuple[int, ...], ...]) -> None:
    if engine.input_shape[0] != 3:
        raise ModelError(f"{engine.name}: expected an input of 3 channels (BGR), found {engine.input_shape[0]}")
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] < 6:
        raise ModelError(
            f"{engine.name}: expected one YOLOX-type output (batch, cells, 5 + classes), without suppression inside, found "
            + ", ".join(f"(batch, {', '.join(str(size) for size in shape)})" for shape in shapes)
        )


def vehicle_classes(engine: Engine) -> IntArray:
    """Vehicle type of each class of a YOLOX-type network, -1 for what is no vehicle.

    Raises:
        ModelError: nothing says what its classes are, or none is a vehicle.
    """
    count = engine.output_shapes[0][1] - 5
    names = _class_names(engine, count)
    known = {name: number for number, name in enumerate(VEHICLE_TYPES)}
    types = [known.get(_SYNONYMS.get(name, name), -1) for name in names]
    if max(types) < 0:
        raise ModelError(f"{engine.name}: none of its classes ({', '.join(names)}) is a vehicle: {', '.join(VEHICLE_TYPES)}")
    return np.array(types, np.int64)


def _class_names(engine: Engine, count: int) -> list[str]:
    text = engine.metadata.get("classes")
    if text is not None:
        names = _split(engine.name, text)
        if len(names) != count:
            raise ModelError(f"{engine.name}: its metadata names {len(names)} classes, its output has {count}")
        return names
    if count == _COCO_CLASSES:
        return [_COCO_VEHICLES.get(number, "") for number in range(count)]
    if count in (4, 5):
        return list(VEHICLE_TYPES[:count])
    raise ModelError(
        f"{engine.name}: its output has {count} classes, and nothing says which: expected 80 (COCO), 4 or 5 "
        f"({', '.join(VEHICLE_TYPES)}), or names in the ONNX metadata `classes`"
    )


def _split(model: str, text: str) -> list[str]:
    if text.lstrip().startswith("["):
        try:
            return [str(name).strip().lower() for name in json.loads(text)]
        except json.JSONDecodeError as error:
            raise ModelError(f"{model}: its metadata `classes` is not a JSON list of names: {error}") from error
    return [name.strip().lower() for name in text.split(",")]
