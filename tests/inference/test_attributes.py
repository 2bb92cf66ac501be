"""What heads of networks tell: read by their names, in our order of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from inference.attributes import ATTRIBUTE_CLASSES
from inference.batcher import InferenceWorkers
from inference.embedder import Describer
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.ensemble_embedder import EnsembleEmbedder
from inference.errors import InferenceError, ModelError
from inference.onnx_attributes import OnnxAttributes
from inference.onnx_embedder import OnnxEmbedder
from inference.two_crops import TwoCropEmbedder
from tests.support.onnx_models import write_embedder
from tests.support.vehicles import ColourEmbedder
from throughline.types import FloatArray, Image

ALL = tuple(ATTRIBUTE_CLASSES)
PLAIN = {"mean": "0,0,0", "std": "1,1,1"}


def crops(count: int) -> list[Image]:
    rng = np.random.default_rng(2)
    return [rng.integers(0, 256, (24, 20, 3), np.uint8) for _ in range(count)]


def raw(path: Path, pictures: list[Image]) -> list[FloatArray]:
    """What the network itself gives for pictures of its size that need no normalisation, in RGB."""
    batch = np.stack([picture[:, :, ::-1].transpose(2, 0, 1) for picture in pictures]).astype(np.float32) / 255
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs: list[FloatArray] = session.run(None, {"images": batch})
    return outputs


async def test_heads_are_told_in_one_pass_with_the_embedding_in_our_order(tmp_path: Path, workers: InferenceWorkers) -> None:
    metadata = PLAIN | {"type classes": "Lorry, motorbike,sedan,tram,suv"}
    path = write_embedder(tmp_path / "net.onnx", heads={"type": 5, "mood": 3}, metadata=metadata)
    embedder = OnnxEmbedder(OnnxRuntimeEngine(path), workers)
    assert embedder.attributes == ("type",)
    assert isinstance(embedder, Describer)
    pictures = crops(3)
    told = await embedder.describe(pictures)
    np.testing.assert_array_equal(told.vectors, await embedder.embed(pictures))
    _, types, _ = raw(path, pictures)
    expected = np.stack([types[:, 2] + types[:, 4], types[:, 1], np.zeros(3), types[:, 0]], axis=1)
    np.testing.assert_allclose(told.attributes["type"], expected, atol=1e-5)
    assert (told.attributes["type"].sum(axis=1) < 1).all(), "what it says of trams is not known"


async def test_without_names_classes_are_ours_and_mirrored_crops_are_not_asked(tmp_path: Path, workers: InferenceWorkers) -> None:
    path = write_embedder(tmp_path / "net.onnx", heads={"colour": 11, "orientation": 8}, metadata=PLAIN)
    embedder = OnnxEmbedder(OnnxRuntimeEngine(path), workers, flip=True)
    pictures = crops(2)
    told = await embedder.describe(pictures)
    _, colours, sides = raw(path, pictures)
    np.testing.assert_allclose(told.attributes["colour"], colours, atol=1e-5)
    np.testing.assert_allclose(told.attributes["orientation"], sides, atol=1e-5)
    nothing = await embedder.describe([])
    assert {name: rows.shape for name, rows in nothing.attributes.items()} == {"colour": (0, 11), "orientation": (0, 8)}


async def test_the_middle_of_a_crop_has_no_say_in_attributes(tmp_path: Path, workers: InferenceWorkers) -> None:
    path = write_embedder(tmp_path / "net.onnx", heads={"type": 4}, metadata=PLAIN)
    alone = OnnxEmbedder(OnnxRuntimeEngine(path), workers)
    both = TwoCropEmbedder(alone, 0.8)
    pictures = crops(2)
    np.testing.assert_allclose(
        (await both.describe(pictures)).attributes["type"], (await alone.describe(pictures)).attributes["type"], atol=1e-6
    )
    plain = TwoCropEmbedder(ColourEmbedder(), 0.8)
    assert plain.attributes == ()
    assert (await plain.describe(pictures)).attributes == {}


async def test_what_are_no_probabilities_says_nothing(tmp_path: Path, workers: InferenceWorkers) -> None:
    path = write_embedder(tmp_path / "net.onnx", heads={"type": 4}, logits=True)
    told = await OnnxEmbedder(OnnxRuntimeEngine(path), workers).describe(crops(2))
    assert np.isnan(told.attributes["type"]).all()
    np.testing.assert_allclose(np.linalg.norm(told.vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("heads", "metadata", "message"),
    [
        ({"type": 4}, {"type classes": "car,bus"}, "its output type has 4 classes, but its metadata names 2: car, bus"),
        ({"type": 7}, {}, "its output type has 7 classes, but without metadata that name them, we expect 4: car, motorcycle"),
        ({"colour": 2}, {"colour classes": "matt,shiny"}, r"none of the classes of its output colour \(matt, shiny\) is known"),
    ],
)
def test_heads_that_cannot_be_understood_are_refused(
    tmp_path: Path, workers: InferenceWorkers, heads: dict[str, int], metadata: dict[str, str], message: str
) -> None:
    path = write_embedder(tmp_path / "net.onnx", heads=heads, metadata=metadata)
    with pytest.raises(ModelError, match=message):
        OnnxEmbedder(OnnxRuntimeEngine(path), workers)


async def test_a_network_of_attributes_alone_gives_no_vectors(tmp_path: Path, workers: InferenceWorkers) -> None:
    path = write_embedder(tmp_path / "net.onnx", heads={"orientation": 8, "type": 4}, embeds=False, metadata=PLAIN)
    network = OnnxAttributes(OnnxRuntimeEngine(path), workers)
    pictures = crops(3)
    told = await network.describe(pictures)
    sides, types = raw(path, pictures)
    assert told.vectors.shape == (3, 0)
    np.testing.assert_allclose(told.attributes["orientation"], sides, atol=1e-5)
    np.testing.assert_allclose(told.attributes["type"], types, atol=1e-5)
    assert len((await network.describe([])).vectors) == 0


class TestEnsemble:
    async def test_one_that_fails_is_left_out_and_named(self, tmp_path: Path, workers: InferenceWorkers) -> None:
        path = write_embedder(tmp_path / "net.onnx", heads={"type": 4})
        engine = OnnxRuntimeEngine(path)
        ensemble = EnsembleEmbedder([ColourEmbedder(), OnnxEmbedder(engine, workers)], (), ALL)
        assert [name for name, _ in ensemble.models] == [ColourEmbedder.name, "net"]
        assert ensemble.attribute_models == {"type": ("net", engine.hash)}
        told = await ensemble.describe(crops(2))
        assert list(told.vectors) == [ColourEmbedder.name, "net"]
        assert list(told.attributes) == ["type"]
        engine.close()
        told = await ensemble.describe(crops(2))
        assert list(told.vectors) == [ColourEmbedder.name]
        assert told.attributes == {}
        assert isinstance(told.failures["net"], InferenceError)

    async def test_attributes_that_nobody_wants_are_not_told(self, tmp_path: Path, workers: InferenceWorkers) -> None:
        path = write_embedder(tmp_path / "net.onnx", heads={"type": 4})
        alone = write_embedder(tmp_path / "alone.onnx", heads={"colour": 11}, embeds=False)
        network = OnnxAttributes(OnnxRuntimeEngine(alone), workers)
        ensemble = EnsembleEmbedder([OnnxEmbedder(OnnxRuntimeEngine(path), workers)], [network])
        assert ensemble.attribute_models == {}
        network.close()  # it would fail
        told = await ensemble.describe(crops(2))
        assert told.attributes == told.failures == {}
