"""The YOLOX detector against a plain reference, and files that are no vehicle detectors."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import onnxruntime
import pytest

from inference.batcher import InferenceWorkers
from inference.catalogue import find, shipped_file
from inference.detector import Detector
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import Engine
from inference.errors import InferenceError, ModelError
from inference.nms import overlaps
from inference.yolox import YoloxDetector
from inference.yolox_head import YoloxHead
from tests.support.detection_reference import reference_decode, reference_input, reference_suppression
from tests.support.onnx_models import write_embedder, write_fixed_detector, write_yolox
from throughline.types import VEHICLE_TYPES, ClockSource, Detections, Frame, Image


class _OfOneSize:
    """An engine that cannot be had for other sizes, as those on a GPU cannot."""

    def __init__(self, engine: OnnxRuntimeEngine) -> None:
        self.name, self.hash, self.metadata = engine.name, engine.hash, engine.metadata
        self.input_shape, self.output_shapes, self.output_names = engine.input_shape, engine.output_shapes, engine.output_names
        self.joins, self.max_batch, self.infer, self.close = engine.joins, engine.max_batch, engine.infer, engine.close


COCO = {2: 0, 3: 1, 5: 2, 7: 3}


def _frame(image: Image) -> Frame:
    return Frame("c1", 0, 0, ClockSource.FILE, 0.0, image)


def _reference(path: Path, image: Image, side: int, types: dict[int, int], floor: float, across: float | None) -> Detections:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    picture, *scale = reference_input(image, side)
    rows = session.run(None, {"images": picture})[0][0]
    found = reference_decode(rows, side, image, (scale[0], scale[1]), types, floor)
    boxes = np.array([one[:4] for one in found], np.float32).reshape(-1, 4)
    scores, classes = np.array([one[4] for one in found], np.float32), np.array([one[5] for one in found], np.int64)
    return Detections(boxes, scores, classes).select(
        np.array(reference_suppression(boxes, scores, classes, 0.65, across), np.int64)
    )


def _assert_same(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.classes, expected.classes)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.02)


@pytest.mark.parametrize(("height", "width"), [(90, 160), (160, 90), (64, 64), (37, 41)])
@pytest.mark.parametrize("across", [None, 0.8])
async def test_it_finds_what_the_reference_finds_in_noise(
    tmp_path: Path, workers: InferenceWorkers, height: int, width: int, across: float | None
) -> None:
    path = write_yolox(tmp_path / "tiny.onnx")
    detector: Detector = YoloxDetector(OnnxRuntimeEngine(path), workers, across_classes_iou=across)
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    found = await detector.detect(_frame(image))
    expected = _reference(path, image, 64, COCO, 0.1, across)
    assert len(expected) > 3
    _assert_same(found, expected)


@pytest.mark.shared_data
@pytest.mark.parametrize("clip", ["highway", "residential", "junction-1"])
async def test_it_finds_what_the_reference_finds_on_real_footage(shared_data: Path, workers: InferenceWorkers, clip: str) -> None:
    path = shared_data / "models" / "yolox_nano.onnx"
    detector = YoloxDetector(_OfOneSize(OnnxRuntimeEngine(path)), workers)
    vehicles = 0
    with av.open(str(shared_data / "clips" / f"{clip}.mp4")) as footage:
        for number, picture in enumerate(footage.decode(video=0)):
            if number not in (0, 40):
                continue
            image = picture.to_ndarray(format="bgr24").astype(np.uint8)
            found = await detector.detect(_frame(image))
            _assert_same(found, _reference(path, image, 416, COCO, 0.1, 0.8))
            vehicles += int((found.scores > 0.5).sum())
    assert vehicles >= 2


class _Resizable:
    """An engine that tells which sizes it was asked for."""

    def __init__(self, path: Path) -> None:
        self.engine = OnnxRuntimeEngine(path)
        self.sizes: list[tuple[int, int]] = []
        self.made: list[OnnxRuntimeEngine] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)

    def resized(self, height: int, width: int) -> Engine | None:
        self.sizes.append((height, width))
        made = self.engine.resized(height, width)
        self.made += [] if made is None else [made]
        return made


@pytest.mark.parametrize(("height", "width", "size"), [(90, 320, (32, 64)), (320, 90, (64, 32)), (90, 160, None)])
async def test_nothing_is_computed_where_no_picture_is(
    tmp_path: Path, workers: InferenceWorkers, height: int, width: int, size: tuple[int, int] | None
) -> None:
    path = write_yolox(tmp_path / "tiny.onnx")
    engine = _Resizable(path)
    detector = YoloxDetector(engine, workers)  # type: ignore[arg-type]  # it hands on the rest
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    found = [await detector.detect(_frame(image)) for _ in range(2)]
    assert engine.sizes == ([] if size is None else [size])
    assert [made.input_shape for made in engine.made] == ([] if size is None else [(3, *size)])
    # Each cell of this network sees nothing but itself, so what lies on the picture is the same to the last bit; boxes from
    # the grey part reach into the picture at best, and are gone.
    whole = await YoloxDetector(_OfOneSize(OnnxRuntimeEngine(path)), workers, across_classes_iou=None, nms_iou=1).detect(
        _frame(image)
    )
    assert len(found[0])
    for detections in found:
        for box, score in zip(detections.boxes, detections.scores, strict=True):
            assert (np.abs(whole.boxes - box).max(axis=1) + np.abs(whole.scores - score)).min() < 0.02
    detector.close()
    for made in engine.made:
        with pytest.raises(InferenceError, match="closed"):
            made.infer(np.zeros((1, *made.input_shape), np.float32))


async def test_the_shipped_network_leaves_grey_out_too(workers: InferenceWorkers) -> None:
    engine = _Resizable(shipped_file(find("vehicle-detector")))
    detector = YoloxDetector(engine, workers)  # type: ignore[arg-type]  # it hands on the rest
    await detector.detect(_frame(np.zeros((480, 640, 3), np.uint8)))
    assert [made.input_shape for made in engine.made] == [(3, 384, 512)]
    detector.close()


async def test_a_network_with_its_sizes_written_into_it_sees_the_whole_input(tmp_path: Path, workers: InferenceWorkers) -> None:
    engine = _Resizable(write_fixed_detector(tmp_path / "fixed.onnx"))
    detector = YoloxDetector(engine, workers)  # type: ignore[arg-type]  # it hands on the rest
    await detector.detect(_frame(np.zeros((480, 640, 3), np.uint8)))
    assert engine.sizes == [(384, 512)]
    assert not engine.made
    detector.close()


@pytest.mark.shared_data
@pytest.mark.parametrize("clip", ["highway", "residential", "junction-1"])
async def test_sure_vehicles_are_the_same_with_the_grey_part_left_out(
    shared_data: Path, workers: InferenceWorkers, clip: str
) -> None:
    path = shared_data / "models" / "yolox_nano.onnx"
    whole, cut = YoloxDetector(_OfOneSize(OnnxRuntimeEngine(path)), workers), YoloxDetector(OnnxRuntimeEngine(path), workers)
    agreement = []
    with av.open(str(shared_data / "clips" / f"{clip}.mp4")) as footage:
        for number, picture in enumerate(footage.decode(video=0)):
            if number % 30 or number > 90:
                continue
            frame = _frame(picture.to_ndarray(format="bgr24").astype(np.uint8))
            expected, found = await whole.detect(frame), await cut.detect(frame)
            agreement += [overlaps(box, found.boxes).max() for box in expected.boxes[expected.scores > 0.4]]
    assert len(agreement) >= 4
    assert min(agreement) > 0.5  # of two boxes of one vehicle the other one may win
    assert np.mean(agreement) > 0.95


@pytest.mark.parametrize("batch", [1, "batch"])
async def test_four_and_five_classes_are_vehicle_types_in_their_order(
    tmp_path: Path, workers: InferenceWorkers, batch: int | str
) -> None:
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    for classes in (4, 5):
        path = write_yolox(tmp_path / f"own{classes}.onnx", classes=classes, batch=batch)
        found = await YoloxDetector(OnnxRuntimeEngine(path), workers).detect(_frame(image))
        assert len(found) > 3
        _assert_same(found, _reference(path, image, 64, {index: index for index in range(classes)}, 0.1, 0.8))


@pytest.mark.parametrize("names", ["Person,motorbike, lorry", '["person", "motorcycle", "truck"]'])
async def test_the_files_own_class_names_decide_and_others_are_left_out(
    tmp_path: Path, workers: InferenceWorkers, names: str
) -> None:
    path = write_yolox(tmp_path / "named.onnx", classes=3, metadata={"classes": names})
    image = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    found = await YoloxDetector(OnnxRuntimeEngine(path), workers).detect(_frame(image))
    types = {1: VEHICLE_TYPES.index("motorcycle"), 2: VEHICLE_TYPES.index("truck")}
    assert len(found) > 3
    _assert_same(found, _reference(path, image, 64, types, 0.1, 0.8))


def test_rubbish_from_a_network_is_no_detection() -> None:
    head = YoloxHead((3, 64, 64), np.arange(4), 0.1)
    rows = np.full((head.anchors, 9), np.nan, np.float32)
    rows[1] = [np.inf, 0, 0, 0, 1, 1, 1, 1, 1]
    rows[2] = [0, 0, 500, 500, 1, 1, 0, 0, 0]  # the exponential of this would overflow
    rows[3] = [0.5, 0.5, 0, 0, 2, 1, 0, 0, 0]  # a score above one
    found = head.decode(rows)
    assert np.isfinite(found.boxes).all()
    assert found.scores.tolist() == [1, 1]


async def test_boxes_lie_within_the_picture(tmp_path: Path, workers: InferenceWorkers) -> None:
    detector = YoloxDetector(OnnxRuntimeEngine(write_yolox(tmp_path / "tiny.onnx")), workers, min_confidence=0.01)
    found = await detector.detect(_frame(np.zeros((50, 70, 3), np.uint8)))
    assert len(found) > 0
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, 2] <= 70).all()
    assert (found.boxes[:, 3] <= 50).all()
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 7}, "7 classes, and nothing says which: expected 80"),
        ({"classes": 3, "metadata": {"classes": "person,dog,cat"}}, r"none of its classes \(person, dog, cat\) is a vehicle"),
        ({"classes": 3, "metadata": {"classes": "car,bus"}}, "names 2 classes, its output has 3"),
        ({"classes": 3, "metadata": {"classes": '["car"'}}, "not a JSON list"),
    ],
)
def test_unknown_classes_are_refused(tmp_path: Path, workers: InferenceWorkers, options: dict[str, object], message: str) -> None:
    path = write_yolox(tmp_path / "own.onnx", **options)  # type: ignore[arg-type]  # the table above has the right ones
    with pytest.raises(ModelError, match=message):
        YoloxDetector(OnnxRuntimeEngine(path), workers)


def test_another_kind_of_network_is_refused_with_what_was_expected(tmp_path: Path, workers: InferenceWorkers) -> None:
    with pytest.raises(
        ModelError, match=r"net: expected one YOLOX-type output \(batch, cells, 5 \+ classes\).*found \(batch, 16\)"
    ):
        YoloxDetector(OnnxRuntimeEngine(write_embedder(tmp_path / "net.onnx")), workers)


def test_a_head_with_other_strides_is_refused(tmp_path: Path, workers: InferenceWorkers) -> None:
    engine = OnnxRuntimeEngine(write_yolox(tmp_path / "two.onnx", strides=(8, 16)))
    with pytest.raises(ModelError, match=r"two: expected a YOLOX-type output of 84 rows for its input of 64x64 .*found 80"):
        YoloxDetector(engine, workers)
