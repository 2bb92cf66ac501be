"""Loading what a site file asks for."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from inference.errors import InferenceError, ModelError
from inference.models import load_models
from tests.support.onnx_models import write_embedder, write_yolox
from throughline.settings.models import EmbedderSettings, EngineSettings, ModelsSettings
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
        engine=EngineSettings(kind="onnxruntime"),
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


def test_only_attributes_that_were_asked_for_and_nothing_tells_are_named(tmp_path: Path, metrics: Metrics) -> None:
    own = EmbedderSettings(model=str(write_embedder(tmp_path / "own.onnx", heads={"type": 4})))
    for asked, missing in (
        ({}, None),
        ({"attributes": ("type",)}, None),
        ({"attributes": ("type", "colour")}, "no network here tells colour"),
        ({"attributes": ()}, None),
    ):
        models = load_models(ModelsSettings.model_validate({"embedders": (own,), **asked}), metrics)
        assert [note for note in models.notes if "attributes" in note] == [
            f"models.attributes: {missing}: add one to models.attribute_networks" for _ in range(missing is not None)
        ]
        models.close()


async def test_attribute_networks_come_before_heads_of_embedders(tmp_path: Path, metrics: Metrics) -> None:
    own = EmbedderSettings(model=str(write_embedder(tmp_path / "own.onnx", heads={"type": 4, "orientation": 8})))
    alone = write_embedder(tmp_path / "alone.onnx", heads={"type": 4, "colour": 11}, embeds=False)
    models = load_models(ModelsSettings(embedders=(own,), attribute_networks=(str(alone),)), metrics)
    tellers = {attribute: name for attribute, (name, _) in models.ensemble.attribute_models.items()}
    assert tellers == {"type": "alone", "colour": "alone", "orientation": "own"}
    told = await models.ensemble.describe([_frame().image], camera="c01")
    shapes = {name: rows.shape for name, rows in told.attributes.items()}
    assert shapes == {"type": (1, 4), "colour": (1, 11), "orientation": (1, 8)}
    assert list(told.vectors) == ["own"]
    models.close()


def test_an_attribute_network_must_be_there_and_tell_something(tmp_path: Path, metrics: Metrics) -> None:
    with pytest.raises(ModelError, match=r"attribute_networks: .*nowhere.onnx: no such model file"):
        load_models(ModelsSettings(attribute_networks=(str(tmp_path / "nowhere.onnx"),)), metrics)
    path = write_embedder(tmp_path / "mute.onnx")
    with pytest.raises(ModelError, match="mute: expected an output called type or colour or orientation, found vector"):
        load_models(ModelsSettings(attribute_networks=(str(path),)), metrics)
