"""What every implementation of the operations on pictures does, wherever pictures lie, against plain references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from inference.crop_preparation import CropPreparation
from inference.errors import InferenceError
from inference.letterbox import PADDING, Placement
from inference.nms import suppress
from inference.pictures.device import DeviceOperations
from inference.pictures.device_finder import suppressed
from inference.pictures.device_image import TensorImage
from inference.pictures.host import HostOperations
from inference.pictures.protocol import AnyBatch, PictureOperations
from inference.yolox_head import YoloxHead
from throughline.types import FloatArray, Image, Pixels


@dataclass(frozen=True)
class Rig:
    operations: PictureOperations[AnyBatch]
    batch: Callable[[FloatArray], AnyBatch]
    """From an array."""

    def array(self, batch: AnyBatch) -> FloatArray:
        return self.operations.download(batch)


@pytest.fixture(params=["host", "device"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "host":
        return Rig(HostOperations(), np.ascontiguousarray)
    return Rig(DeviceOperations("cpu"), torch.from_numpy)


def lying_on_device(image: Image) -> TensorImage:
    return TensorImage(torch.from_numpy(image.copy()).permute(2, 0, 1).contiguous())


def lying_here(image: Image) -> Image:
    return image


@pytest.fixture(params=[lying_here, lying_on_device])
def lie(request: pytest.FixtureRequest) -> Callable[[Image], Pixels]:
    """Puts a picture where it shall lie."""
    return request.param  # type: ignore[no-any-return]  # one of those above


def smooth(height: int, width: int, seed: int = 0) -> Image:
    """A picture without the highest frequencies, in which a way to resize is recognised by what it gives."""
    noise = np.random.default_rng(seed).integers(0, 256, (max(2, height // 6), max(2, width // 6), 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


class Engine:
    name = "net"

    def __init__(self, height: int, width: int, **metadata: str) -> None:
        self.input_shape = (3, height, width)
        self.metadata = metadata


def preparation(height: int, width: int, **metadata: str) -> CropPreparation:
    return CropPreparation(Engine(height, width, **metadata))  # type: ignore[arg-type]  # all that it asks of an engine


SIZES = [(90, 160), (160, 90), (64, 64), (37, 41), (1, 200), (30, 20)]


def test_pictures_of_any_size_are_scaled_to_fit_and_padded(rig: Rig, lie: Callable[[Image], Pixels]) -> None:
    pictures = [smooth(*size, seed=number) for number, size in enumerate(SIZES)]
    batch, placements = rig.operations.letterbox([lie(picture) for picture in pictures], 64, 96)
    rows = rig.array(batch)
    assert rows.shape == (len(SIZES), 3, 64, 96)
    assert rows.dtype == np.float32
    for row, picture, placement in zip(rows, pictures, placements, strict=True):
        assert placement == Placement.of(picture.shape, 64, 96)
        width, height = placement.scaled
        expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
        assert np.abs(row[:, :height, :width] - expected).max() <= 1  # OpenCV computes with 11 bits
        assert (row[:, height:] == PADDING).all()
        assert (row[:, :, width:] == PADDING).all()


def test_pictures_that_nobody_may_write_are_read_all_the_same(rig: Rig) -> None:
    picture = smooth(40, 60)
    picture.flags.writeable = False
    batch, _ = rig.operations.letterbox([picture], 32, 32)
    crops = rig.operations.crops([picture[5:20, 7:30]], preparation(8, 8))
    assert rig.array(batch).shape == (1, 3, 32, 32)
    assert rig.array(crops).shape == (1, 3, 8, 8)


def test_no_pictures_are_an_empty_batch(rig: Rig) -> None:
    batch, placements = rig.operations.letterbox([], 64, 96)
    assert rig.array(batch).shape == (0, 3, 64, 96)
    assert placements == ()
    assert rig.array(rig.operations.crops([], preparation(8, 8))).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("metadata", [{}, {"color": "bgr", "mean": "0.1,0.2,0.3", "std": "0.5,0.25,0.2"}])
def test_crops_are_stretched_and_normalised(rig: Rig, lie: Callable[[Image], Pixels], metadata: dict[str, str]) -> None:
    frame = smooth(400, 500)
    whole = lie(frame)
    parts = [
        (slice(10, 300), slice(20, 400)),  # shrinks both ways
        (slice(0, 50), slice(0, 40)),  # grows
        (slice(0, 400), slice(100, 130)),  # shrinks one way
        (slice(5, 6), slice(5, 6)),
        (slice(100, 164), slice(100, 196)),  # its own size
        (slice(350, 900), slice(450, 900)),  # reaches beyond the border
    ]
    made = preparation(64, 96, **metadata)
    found = rig.array(rig.operations.crops([whole[part] for part in parts], made))
    expected = made([frame[part] for part in parts])
    deviation = 0.2 if metadata else 0.224
    assert found.shape == (len(parts), 3, 64, 96)
    assert np.abs(found - expected).max() <= 1.01 / (255 * deviation)
    assert np.abs(found - expected).mean() < 0.3 / (255 * deviation)


def test_a_crop_without_pixels_is_refused(rig: Rig, lie: Callable[[Image], Pixels]) -> None:
    picture = lie(smooth(20, 20))
    with pytest.raises(ValueError, match="has no pixels"):
        rig.operations.crops([picture[0:10, 0:10], picture[5:5, 0:10]], preparation(8, 8))


def test_batches_are_mirrored_joined_and_parted(rig: Rig) -> None:
    random = np.random.default_rng(0)
    one, two, none = (random.standard_normal((count, 3, 4, 5)).astype(np.float32) for count in (2, 3, 0))
    mirrored = rig.array(rig.operations.with_mirrored(rig.batch(one)))
    np.testing.assert_array_equal(mirrored, np.concatenate([one, one[:, :, :, ::-1]]))
    joined = rig.operations.concatenate([rig.batch(one), rig.batch(none), rig.batch(two)])
    np.testing.assert_array_equal(rig.array(joined), np.concatenate([one, two]))
    parts = rig.operations.split((joined, joined[:, 0]), (2, 0, 3))
    assert [tuple(len(output) for output in part) for part in parts] == [(2, 2), (0, 0), (3, 3)]
    np.testing.assert_array_equal(rig.array(parts[2][0]), two)
    np.testing.assert_array_equal(rig.array(parts[0][1]), one[:, 0])


def test_vectors_become_unit_vectors(rig: Rig) -> None:
    vectors = np.random.default_rng(1).standard_normal((6, 16)).astype(np.float32) * 30
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = rig.operations.unit(rig.batch(vectors))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, unit, atol=1e-6)
    both = unit[:3] + unit[3:]
    np.testing.assert_allclose(
        rig.operations.unit(rig.batch(vectors), mirrored=True), both / np.linalg.norm(both, axis=1, keepdims=True), atol=1e-6
    )
    assert rig.operations.unit(rig.batch(vectors[:0])).shape == (0, 16)


@pytest.mark.parametrize("spoilt", [0.0, np.nan, np.inf, 1e-9])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_vector_without_a_direction_is_a_failure(rig: Rig, spoilt: float, mirrored: bool) -> None:
    vectors = np.ones((4, 8), np.float32)
    vectors[3] = spoilt
    with pytest.raises(InferenceError, match="zero or not finite"):
        rig.operations.unit(rig.batch(vectors), mirrored=mirrored)


def test_opposite_halves_have_no_mean(rig: Rig) -> None:
    vectors = np.ones((2, 8), np.float32)
    vectors[1] = -1
    with pytest.raises(InferenceError, match="zero or not finite"):
        rig.operations.unit(rig.batch(vectors), mirrored=True)


def rows_of(head: YoloxHead, seed: int, *, pictures: int = 3, bias: float = 0.0) -> FloatArray:
    """What a network might give: boxes near the size of cells, a few sure, many not."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((pictures, head.anchors, 5 + 4)).astype(np.float32)
    rows[:, :, 2:4] += 1.5
    rows[:, :, 4:] = 1 / (1 + np.exp(-(2 * rows[:, :, 4:] + bias)))
    return rows


@pytest.mark.parametrize("across", [None, 0.6])
@pytest.mark.parametrize("bias", [-9.0, -2.0, 2.0])
def test_vehicles_are_those_of_plain_decoding_and_suppression(rig: Rig, across: float | None, bias: float) -> None:
    head = YoloxHead((3, 64, 96), np.array([0, -1, 2, 3]), 0.3)
    rows = rows_of(head, 3, bias=bias)
    rows[0, :5] = np.nan
    rows[0, 5] = [0, 0, 500, 500, 1, 1, 0, 0, 0]  # the exponential of this would overflow
    placements = [Placement.of(size, 64, 96) for size in ((64, 96), (700, 500), (33, 65))]
    find = rig.operations.finder(head, nms_iou=0.5, across_classes_iou=across)
    found = find(rig.batch(rows), placements)
    assert len(found) == 3
    assert sum(map(len, found)) > {-9.0: 0, -2.0: 10, 2.0: 100}[bias]
    for detections, picture, placement in zip(found, rows, placements, strict=True):
        plain = head.decode(picture)
        limits = np.array([*placement.size, *placement.size], np.float32)
        boxes = np.clip(plain.boxes / np.tile(placement.scale, 2), 0, limits).astype(np.float32)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores, classes = boxes[inside], plain.scores[inside], plain.classes[inside]
        kept = suppress(boxes, scores, classes, 0.5, iou_across_classes=across)
        np.testing.assert_allclose(detections.boxes, boxes[kept], atol=1e-3)
        np.testing.assert_allclose(detections.scores, scores[kept], atol=1e-6)
        np.testing.assert_array_equal(detections.classes, classes[kept])
        assert detections.classes.dtype == np.int64


def test_no_pictures_have_no_vehicles(rig: Rig) -> None:
    head = YoloxHead((3, 64, 96), np.arange(4), 0.3)
    find = rig.operations.finder(head, nms_iou=0.5, across_classes_iou=None)
    assert find(rig.batch(rows_of(head, 0, pictures=0)), []) == []
    (nothing,) = find(rig.batch(np.zeros((1, head.anchors, 9), np.float32)), [Placement.of((64, 96), 64, 96)])
    assert len(nothing) == 0


def test_suppression_goes_on_until_nothing_changes() -> None:
    """Each box of a long row overlaps its neighbours alone, so the verdict on the last one hangs on the first."""
    count = 101
    boxes = np.array([[6 * number, 0, 6 * number + 10, 10] for number in range(count)], np.float32)
    scores, classes = np.linspace(0.9, 0.5, count).astype(np.float32), np.zeros(count, np.int64)
    expected = suppress(boxes, scores, classes, 0.2)
    assert expected.tolist() == list(range(0, count, 2))
    there = torch.ones(1, count, dtype=torch.bool)
    kept = suppressed(torch.from_numpy(boxes)[None], torch.from_numpy(classes)[None], there, 0.2, float("inf"))
    assert np.flatnonzero(kept[0].numpy()).tolist() == expected.tolist()


def test_what_is_made_in_a_session_can_be_used_in_it(rig: Rig) -> None:
    with rig.operations.session():
        batch, _ = rig.operations.letterbox([smooth(40, 40)], 32, 32)
        assert rig.array(batch).shape == (1, 3, 32, 32)


def test_a_network_is_run_where_it_lies(rig: Rig) -> None:
    class Doubling:
        def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
            return (2 * batch,)

        def infer_tensors(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
            assert isinstance(batch, torch.Tensor)
            return (2 * batch,)

    engine: Any = Doubling()
    (output,) = rig.operations.infer(engine, rig.batch(np.ones((2, 3, 4, 4), np.float32)))
    assert (rig.array(output) == 2).all()
