"""Pictures in tensors behave as those in arrays; and the colours of what hardware decoders give."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from inference.pictures.decoded import image_of_planes
from inference.pictures.device_image import TensorImage, area_weights, bgr_from_nv12
from inference.pictures.thumbnail import thumbnail
from throughline.types import DeviceImage, Image, host_image

CODES = {"bt601": 6, "bt709": 1, "bt2020": 9}
"""As FFmpeg tags them."""


def smooth(height: int, width: int, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).integers(70, 186, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def in_tensor(image: Image) -> TensorImage:
    return TensorImage(torch.from_numpy(image.copy()).permute(2, 0, 1))


def test_it_is_measured_cut_and_fetched_like_an_array() -> None:
    image = smooth(40, 60)
    held: DeviceImage = in_tensor(image)
    assert isinstance(held, DeviceImage)
    for part in [
        (slice(0, 40), slice(0, 60)),
        (slice(5, 21), slice(7, 13)),
        (slice(30, 99), slice(50, 99)),
        (slice(9, 9), slice(0, 5)),
        (slice(50, 60), slice(0, 5)),
        (slice(None), slice(-3, None)),
    ]:
        assert held[part].shape == image[part].shape
        assert held[part].size == image[part].size
        np.testing.assert_array_equal(held[part].download(), image[part])
        np.testing.assert_array_equal(host_image(held[part][1:, 1:]), image[part][1:, 1:])
    assert held.download().flags.c_contiguous
    assert host_image(image) is image


def test_what_is_fetched_is_a_copy() -> None:
    held = in_tensor(smooth(8, 8))
    held.download()[:] = 0
    assert held.download().max() > 0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (20, 37), (1, 1), (100, 150), (110, 160)])
def test_a_thumbnail_averages_areas(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 150, 3), np.uint8)
    expected = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(thumbnail(in_tensor(image), height, width).astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(thumbnail(image, height, width), expected)


def test_a_thumbnail_needs_pixels() -> None:
    for empty in (in_tensor(smooth(8, 8))[3:3, 0:4], smooth(8, 8)[3:3, 0:4]):
        with pytest.raises(ValueError, match="has no pixels"):
            thumbnail(empty, 4, 4)
    with pytest.raises(ValueError, match="has no pixels"):
        in_tensor(smooth(8, 8))[3:3, 0:4].thumbnail(4, 4)


def test_weights_of_areas_add_up_to_one_and_end_with_their_line() -> None:
    weights = area_weights(torch.tensor([7, 30, 16]), 16, 30)
    np.testing.assert_allclose(weights.sum(dim=2), 1, atol=1e-5)
    assert float(weights[0, :, 7:].abs().max()) < 1e-4
    assert torch.equal(weights[2, :, :16], torch.eye(16))


def planes_of(frame: av.VideoFrame) -> tuple[torch.Tensor, torch.Tensor]:
    """(h, w) and (h / 2, w / 2, 2) of a frame that is decoded in memory into three planes."""
    luma, cb, cr = (
        torch.from_numpy(np.array(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]) for plane in frame.planes
    )
    return luma, torch.stack([cb, cr], dim=2)


@pytest.mark.parametrize("matrix", CODES)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("height", "width"), [(240, 320), (241, 321)])
def test_colours_are_those_that_swscale_makes_of_the_same_planes(matrix: str, full_range: bool, height: int, width: int) -> None:
    frame = av.VideoFrame.from_ndarray(smooth(height, width), format="bgr24").reformat(format="yuv420p")
    frame.colorspace, frame.color_range = CODES[matrix], 2 if full_range else 1
    expected = frame.to_ndarray(format="bgr24").astype(int)
    luma, chroma = planes_of(frame)
    found = TensorImage(bgr_from_nv12(luma, chroma, matrix=matrix, full_range=full_range)).download()
    difference = np.abs(found - expected)
    assert difference.mean() < 1.5  # swscale computes in steps of a few levels, and smooths colours in some cases
    assert np.percentile(difference, 99) <= 6
    others = [code for code in CODES if code != matrix]
    wrong = [TensorImage(bgr_from_nv12(luma, chroma, matrix=other, full_range=full_range)).download() for other in others]
    assert min(np.abs(picture - expected).mean() for picture in wrong) > 1.3 * difference.mean()


@pytest.mark.parametrize("format_name", ["nv12", "p010le"])
def test_planes_are_taken_as_the_decoder_shares_them(format_name: str) -> None:
    image = smooth(48, 64)
    frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=format_name)
    found = image_of_planes(frame.planes, matrix="bt601", full_range=False)
    luma, chroma = planes_of(frame.reformat(format="yuv420p"))
    expected = bgr_from_nv12(luma, chroma)
    assert found.shape == (48, 64, 3)
    assert (found.planes.int() - expected.int()).abs().max() <= 3
    kept = found.download()
    del frame  # its memory may be used again
    np.testing.assert_array_equal(found.download(), kept)


@pytest.mark.shared_data
@pytest.mark.parametrize("clip", ["highway", "residential"])
def test_real_footage_looks_the_same_either_way(shared_data: Path, clip: str) -> None:
    with av.open(str(shared_data / "clips" / f"{clip}.mp4")) as footage:
        frame = next(footage.decode(video=0))
        found = image_of_planes(frame.reformat(format="nv12").planes, matrix="bt601", full_range=False)
        if frame.colorspace == CODES["bt709"]:
            found = image_of_planes(frame.reformat(format="nv12").planes, matrix="bt709", full_range=False)
        difference = np.abs(found.download().astype(int) - frame.to_ndarray(format="bgr24").astype(int))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 4
