"""The mean of a crop and its middle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from inference.batcher import InferenceWorkers
from inference.colour_histogram import ColourHistogramEmbedder, colour_descriptor
from inference.models import load_embedder
from inference.two_crops import TwoCropEmbedder, middle
from tests.support.onnx_models import write_embedder
from throughline.settings.models import EmbedderSettings
from throughline.types import FloatArray, Image, Pixels, host_image


def picture(seed: int, height: int = 40, width: int = 30) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_the_middle_of_a_crop() -> None:
    crop = picture(1, 40, 30)
    assert host_image(middle(crop, 0.5)).tolist() == crop[10:30, 7:22].tolist()
    assert middle(crop, 0.9).shape == (36, 27, 3)
    assert middle(picture(2, 1, 1), 0.1).shape == (1, 1, 3)


async def test_the_mean_has_unit_length_and_lies_between_both(workers: InferenceWorkers) -> None:
    crops = [picture(1), picture(2)]
    embedder = TwoCropEmbedder(ColourHistogramEmbedder(workers), 0.6)
    vectors = await embedder.embed(crops)
    for vector, crop in zip(vectors, crops, strict=True):
        both = colour_descriptor(crop) + colour_descriptor(middle(crop, 0.6))
        np.testing.assert_allclose(vector, both / np.linalg.norm(both), atol=1e-6)
    assert (await embedder.embed([])).shape == (0, embedder.dimension)
    assert vectors.dtype == np.float32


async def test_two_opposite_vectors_leave_that_of_the_whole(workers: InferenceWorkers) -> None:
    class Opposite(ColourHistogramEmbedder):
        async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
            half = np.eye(len(crops) // 2, 512, dtype=np.float32)
            return np.concatenate([half, -half])

    vectors = await TwoCropEmbedder(Opposite(workers), 0.5).embed([picture(1), picture(2)])
    assert vectors.tolist() == np.eye(2, 512).tolist()


@pytest.mark.parametrize("share", [0.0, 1.0, 2.0, float("nan")])
def test_a_share_that_is_none_is_refused(workers: InferenceWorkers, share: float) -> None:
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        TwoCropEmbedder(ColourHistogramEmbedder(workers), share)


async def test_settings_choose_what_is_averaged_and_hashes_tell_it(tmp_path: Path, workers: InferenceWorkers) -> None:
    path = str(write_embedder(tmp_path / "net.onnx"))
    crop = picture(3)
    found: dict[str, FloatArray] = {}
    for settings in (
        EmbedderSettings(model=path),
        EmbedderSettings(model=path, flip=False),
        EmbedderSettings(model=path, flip=True),
        EmbedderSettings(model=path, second_crop=0.8),
        EmbedderSettings(model=path, second_crop=0.7),
        EmbedderSettings(model=path, flip=True, second_crop=0.8),
    ):
        embedder, note = load_embedder(settings, workers)
        assert (embedder.name, note) == ("net", "")
        vector = (await embedder.embed([crop]))[0]
        if embedder.hash in found:
            np.testing.assert_array_equal(found[embedder.hash], vector)
        found[embedder.hash] = vector
        embedder.close()
    assert len(found) == 5, "flip off is what the file says anyway"
    assert len({vector.tobytes() for vector in found.values()}) == 5
