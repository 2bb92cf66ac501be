"""The embedder that ships."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference.batcher import InferenceWorkers
from inference.catalogue import find, locate, model_folders, resolve
from inference.crop_preparation import CropPreparation
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.models import load_embedder
from tests.support.drawn_crops import draw
from throughline.commands._model_pictures import embed_all, read_picture
from throughline.formats.crop_index import read_crop_index
from throughline.settings.models import EmbedderSettings
from throughline.telemetry.metrics import Metrics
from throughline.types import VEHICLE_COLOURS, Image

SHIPPED = model_folders({})[-1:]


@pytest.fixture(scope="module")
def engine() -> Iterator[OnnxRuntimeEngine]:
    path = locate(find("vehicle-embedder"), SHIPPED)
    assert path is not None
    opened = OnnxRuntimeEngine(path, name="vehicle-embedder")
    yield opened
    opened.close()


def drawn(vehicle: int, view: int) -> Image:
    """A crop, BGR, of another size in each view."""
    return draw(vehicle, view, np.random.default_rng(view), (40 + 30 * view, 56 + 42 * view))[:, :, ::-1]


def test_it_is_the_default_and_as_small_as_it_was_meant_to_be() -> None:
    found = resolve("default", "embedder", SHIPPED)
    assert found.name == "vehicle-embedder"
    assert found.path is not None
    assert found.path.stat().st_size == find("vehicle-embedder").size
    assert found.path.stat().st_size <= 8_000_000
    assert "default embedder: vehicle-embedder" in found.note


def test_it_says_what_it_is_and_gives_types_and_colours_beside_the_embedding(engine: OnnxRuntimeEngine) -> None:
    assert engine.metadata["recipe"] == "default-embedder-heads"
    assert engine.metadata["type classes"] == "car,motorcycle,bus,truck"
    assert engine.input_shape == (3, 128, 128)
    assert engine.metadata["colour classes"] == ",".join(VEHICLE_COLOURS)
    assert engine.output_names == ("embedding", "type", "colour")
    assert engine.output_shapes == ((256,), (4,), (11,))
    vectors, kinds, colours = engine.infer(CropPreparation(engine)([drawn(vehicle, 0) for vehicle in range(3)]))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(kinds.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(colours.sum(1), 1, atol=1e-5)
    alone, _, _ = engine.infer(CropPreparation(engine)([drawn(1, 0)]))
    np.testing.assert_allclose(alone[0], vectors[1], atol=1e-5)


async def test_views_of_one_vehicle_are_more_alike_than_vehicles_of_other_colours() -> None:
    workers = InferenceWorkers(1, Metrics())
    embedder, _ = load_embedder(EmbedderSettings(model="vehicle-embedder"), workers, folders=SHIPPED)
    far, near = [await embedder.embed([drawn(vehicle, view) for vehicle in range(4)]) for view in (0, 1)]
    workers.close()
    embedder.close()
    cosines = far @ near.T
    assert (cosines.argmax(1) == np.arange(4)).all()


@pytest.mark.shared_data
@pytest.mark.slow
def test_it_knows_vehicles_that_it_learned_from(shared_data: Path, tmp_path: Path, engine: OnnxRuntimeEngine) -> None:
    """No measure of how good it is, but whoever feeds it other pictures than it learned from fails here."""
    with tarfile.open(shared_data / "reid" / "khoa-2cam.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    crops = [crop for crop in read_crop_index(tmp_path) if crop.kind in ("car", "truck", "bus") and crop.vehicle != "car_0015"]
    workers = InferenceWorkers(1, Metrics())
    embedder, _ = load_embedder(EmbedderSettings(model="vehicle-embedder"), workers, folders=SHIPPED)
    vectors = embed_all(embedder, [crop.path for crop in crops])
    workers.close()
    embedder.close()
    names = np.array([crop.vehicle for crop in crops])
    first = np.array([crop.camera == "1" for crop in crops])
    nearest = (vectors[first] @ vectors[~first].T).argmax(1)
    assert (names[~first][nearest] == names[first]).mean() > 0.9
    kinds = engine.metadata["type classes"].split(",")
    _, probabilities, _ = engine.infer(CropPreparation(engine)([read_picture(crop.path) for crop in crops[::5]]))
    assert np.mean([kinds[row.argmax()] == crop.kind for row, crop in zip(probabilities, crops[::5], strict=True)]) > 0.9
