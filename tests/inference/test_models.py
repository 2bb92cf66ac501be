"""Loading what a site file asks for."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from inference.errors import InferenceError, ModelError
from inference.models import load_models
from tests.support.onnx_models import write_embedder, write_yolox
from throughline.settings.models import EmbedderSettings, ModelsSettings
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Frame


def _frame() -> Frame:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return Frame("c1", 0, 0, ClockSource.FILE, 0.0, picture)


async def test_defaults_work_without_any_file_and_say_so(tmp_path: Path, metrics: Metrics) -> None:
    models = load_models(ModelsSettings(), metrics, folders=[tmp_path])
    assert models.detector.name == "motion"
    assert [(embedder.name, weight) for embedder, weight in models.embedders] == [("colour-histogram", 1.0)]
    assert len(models.notes) == 2
    assert len(await models.detector.detect(_frame())) == 0
    assert (await models.embedders[0][0].embed([_frame().image])).shape == (1, 512)
    models.close()


async def test_an_ensemble_of_files_and_built_in_models_shares_the_workers(tmp_path: Path, metrics: Metrics) -> None:
    settings = ModelsSettings(
        detector=str(write_yolox(tmp_path / "own.onnx")),
        embedders=(
            EmbedderSettings(model=str(write_embedder(tmp_path / "net.onnx")), weight=2.0),
            EmbedderSettings(model="colour-histogram", weight=0.5),
        ),
        threads=1,
    )
    models = load_models(settings, metrics)
    assert models.notes == ()
    assert [(one.name, one.dimension, weight) for one, weight in models.embedders] == [
        ("net", 16, 2.0),
        ("colour-histogram", 512, 0.5),
    ]
    assert len(await models.detector.detect(_frame())) > 0
    for embedder, _ in models.embedders:
        assert (await embedder.embed([_frame().image])).shape == (1, embedder.dimension)
    for name in ("own", "net", "colour-histogram"):
        assert metrics.registry.get_sample_value("throughline_inference_seconds_count", {"model": name}) == 1
    models.close()


async def test_the_least_confidence_reaches_the_detector(tmp_path: Path, metrics: Metrics) -> None:
    settings = ModelsSettings(detector=str(write_yolox(tmp_path / "own.onnx")))
    counts = []
    for confidence in (0.05, 0.5):
        models = load_models(settings, metrics, min_confidence=confidence)
        found = await models.detector.detect(_frame())
        assert (found.scores >= confidence).all()
        counts.append(len(found))
        models.close()
    assert counts[0] > counts[1]


async def test_closed_models_refuse_work(tmp_path: Path, metrics: Metrics) -> None:
    models = load_models(ModelsSettings(detector=str(write_yolox(tmp_path / "own.onnx"))), metrics)
    models.close()
    models.close()
    with pytest.raises(InferenceError, match="own: inference has been shut down"):
        await models.detector.detect(_frame())


def test_a_model_that_cannot_be_loaded_leaves_nothing_running(tmp_path: Path, metrics: Metrics) -> None:
    before = threading.active_count()
    settings = ModelsSettings(
        detector=str(write_yolox(tmp_path / "own.onnx")), embedders=(EmbedderSettings(model=str(tmp_path / "none.onnx")),)
    )
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file \(embedder\)"):
        load_models(settings, metrics)
    assert threading.active_count() == before


def test_one_model_is_listed_once(tmp_path: Path, metrics: Metrics) -> None:
    twice = (EmbedderSettings(model="default"), EmbedderSettings(model="colour-histogram"))
    with pytest.raises(ModelError, match="two members are called colour-histogram"):
        load_models(ModelsSettings(embedders=twice), metrics, folders=[tmp_path])


def test_a_detector_file_as_an_embedder_is_refused(tmp_path: Path, metrics: Metrics) -> None:
    settings = ModelsSettings(embedders=(EmbedderSettings(model=str(write_yolox(tmp_path / "own.onnx"))),))
    with pytest.raises(ModelError, match=r"own: expected a first output \(batch, dimension\) of an embedder"):
        load_models(settings, metrics)


def test_attributes_that_nothing_provides_are_named(metrics: Metrics) -> None:
    models = load_models(ModelsSettings(attributes=("type", "colour")), metrics)
    assert any("type, colour" in note for note in models.notes)
    models.close()
