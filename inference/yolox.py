"""Vehicle detectors of the YOLOX type, from ONNX files that end with the raw head.

Ge, Liu, Wang, Li, Sun: *YOLOX: Exceeding YOLO Series in 2021*, arXiv 2107.08430. The head gives, for each cell of three grids
(strides 8, 16, 32), the offset of the box's centre in cells, the logarithm of its size in cells, an objectness and a
probability for each class; score = objectness x class.
"""

from __future__ import annotations

import json

import numpy as np

from inference.batcher import Batcher
from inference.engines.protocol import Engine
from inference.errors import ModelError
from inference.letterbox import letterbox
from inference.nms import suppress
from throughline.types import VEHICLE_TYPES, Detections, FloatArray, Frame, IntArray

__all__ = ["YoloxDetector", "YoloxHead"]

_STRIDES = (8, 16, 32)
_COCO_CLASSES = 80
_COCO_VEHICLES = {2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
_SYNONYMS = {"motorbike": "motorcycle", "van": "car", "lorry": "truck"}
_LARGEST_LOG_SIZE = 8.0
"""Beyond e^8 cells a box covers any input; a cap keeps a broken network from overflowing."""


class YoloxHead:
    """Turns the raw head of one picture into boxes.

    Args:
        input_shape: (channels, height, width) of the network.
        class_map: Vehicle type for each class of the network, -1 for what is no vehicle.
        min_confidence: Scores below this are no detections.
    """

    def __init__(self, input_shape: tuple[int, int, int], class_map: IntArray, min_confidence: float) -> None:
        _, self.height, self.width = input_shape
        self.min_confidence = min_confidence
        self._columns = np.flatnonzero(class_map >= 0) + 5
        self._types = class_map[class_map >= 0].astype(np.int64)
        cells, strides = [], []
        for stride in _STRIDES:
            rows, columns = np.mgrid[0 : self.height // stride, 0 : self.width // stride]
            cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
            strides.append(np.full((rows.size, 1), stride))
        self._cells = np.concatenate(cells).astype(np.float32)
        self._strides = np.concatenate(strides).astype(np.float32)

    @property
    def anchors(self) -> int:
        """Rows that the network must give: one for each cell of all grids."""
        return len(self._cells)

    def decode(self, rows: FloatArray) -> Detections:
        """Boxes in pixels of the input, before suppression.

        Args:
            rows: (anchors, 5 + classes): centre offset x, y, log width, log height, objectness, class probabilities.
        """
        # A score cannot exceed the objectness, so most rows are out before anything is computed.
        index = np.flatnonzero(rows[:, 4] >= self.min_confidence)
        rows = rows[index]
        probabilities = rows[:, self._columns]
        best = np.argmax(probabilities, axis=1)
        scores = rows[:, 4] * probabilities[np.arange(len(rows)), best]
        keep = (scores >= self.min_confidence) & np.isfinite(rows[:, :4]).all(axis=1)
        index, rows, scores, best = index[keep], rows[keep], scores[keep], best[keep]
        centres = (rows[:, :2] + self._cells[index]) * self._strides[index]
        halves = np.exp(np.minimum(rows[:, 2:4], _LARGEST_LOG_SIZE)) * self._strides[index] / 2
        boxes = np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32)
        return Detections(boxes, np.minimum(scores, 1).astype(np.float32), self._types[best])


class YoloxDetector:
    """A detector from an ONNX file of the YOLOX type.

    Classes are taken from the file's metadata ``classes`` (names, separated by commas or as a JSON list); without it, 80 classes
    are COCO's, and 4 or 5 are `VEHICLE_TYPES` in their order. What is no vehicle is left out.

    Suppression works inside each class; boxes of different classes that overlap by more than ``across_classes_iou`` are
    taken for one vehicle, and the better one stays. Cells that lose here are not detections that were dropped: a head
    fires several times for each object.

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
        self._nms_iou = nms_iou
        self._across_classes_iou = across_classes_iou
        shapes = engine.output_shapes
        _check_shapes(engine, shapes)
        self._head = YoloxHead(engine.input_shape, _class_map(engine, shapes[0][1] - 5), min_confidence)
        if shapes[0][0] != self._head.anchors:
            raise ModelError(
                f"{engine.name}: expected a YOLOX-type output of {self._head.anchors} rows for its input of "
                f"{engine.input_shape[2]}x{engine.input_shape[1]} (strides 8, 16, 32), found {shapes[0][0]}"
            )

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
        height, width = frame.image.shape[:2]
        scale = np.ones(2, np.float32)

        def prepare() -> FloatArray:
            picture, scale[:] = letterbox(frame.image, self._head.height, self._head.width)
            return picture[None]

        def finish(outputs: tuple[FloatArray, ...]) -> Detections:
            found = self._head.decode(outputs[0][0])
            limits = np.array([width, height, width, height], np.float32)
            boxes: FloatArray = np.clip(found.boxes / np.tile(scale, 2), 0, limits)
            inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
            found = Detections(boxes, found.scores, found.classes).select(inside)
            kept = suppress(found.boxes, found.scores, found.classes, self._nms_iou, iou_across_classes=self._across_classes_iou)
            return found.select(kept)

        return await self._batcher.submit(self._engine, prepare, finish)

    def close(self) -> None:
        """Frees the network."""
        self._engine.close()


def _check_shapes(engine: Engine, shapes: tuple[tuple[int, ...], ...]) -> None:
    if engine.input_shape[0] != 3:
        raise ModelError(f"{engine.name}: expected an input of 3 channels (BGR), found {engine.input_shape[0]}")
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] < 6:
        raise ModelError(
            f"{engine.name}: expected one YOLOX-type output (batch, cells, 5 + classes), without suppression inside, found "
            + ", ".join(f"(batch, {', '.join(str(size) for size in shape)})" for shape in shapes)
        )


def _class_map(engine: Engine, count: int) -> IntArray:
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
