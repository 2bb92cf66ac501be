"""Loads the models that a site file names, on one pool of workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.batcher import Batcher, InferenceWorkers
from inference.batching import JoinedPasses
from inference.catalogue import resolve
from inference.colour_histogram import ColourHistogramEmbedder
from inference.detector import Detector
from inference.embedder import Describer, Embedder
from inference.engines.opening import open_engine
from inference.ensemble_embedder import EnsembleEmbedder
from inference.errors import ModelError
from inference.motion import MotionDetector
from inference.onnx_attributes import OnnxAttributes
from inference.onnx_embedder import OnnxEmbedder
from inference.two_crops import TwoCropEmbedder
from inference.yolox import YoloxDetector
from throughline.settings.models import EmbedderSettings, EngineSettings, ModelsSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["Models", "load_attributes", "load_detector", "load_embedder", "load_models"]


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a site, ready to use from any number of cameras.

    Attributes:
        detector: Finds vehicles.
        embedders: The appearance ensemble: each member with the weight of its cosine.
        notes: What the user should know about the choice of models, a line each.
        batcher: Where they all run.
        attribute_networks: Networks that only tell attributes.
        attributes: What is to be told of vehicles beside how they look, by these or by heads of embedders.
    """

    detector: Detector
    embedders: tuple[tuple[Embedder, float], ...]
    notes: tuple[str, ...]
    batcher: Batcher
    attribute_networks: tuple[Describer, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def ensemble(self) -> EnsembleEmbedder:
        """Embedders and attribute networks, asked together."""
        return EnsembleEmbedder([embedder for embedder, _ in self.embedders], self.attribute_networks, self.attributes)

    def close(self) -> None:
        """Waits for what runs and frees the models; safe to call twice."""
        self.batcher.close()
        self.detector.close()
        for embedder, _ in self.embedders:
            embedder.close()
        for network in self.attribute_networks:
            network.close()


def load_models(
    settings: ModelsSettings,
    metrics: Metrics,
    *,
    min_confidence: float = 0.1,
    nms_iou: float = 0.65,
    folders: Sequence[Path] | None = None,
) -> Models:
    """Loads detector and embedders.

    Args:
        settings: Section ``models`` of the site file.
        metrics: Where the workers count.
        min_confidence: Least score of a detection (``tracking.min_confidence``).
        nms_iou: Largest overlap of two detections of one class (``tracking.nms_iou``).
        folders: Where files of catalogue models are looked for; default: `inference.catalogue.model_folders`.

    Raises:
        ModelError: a model is missing, broken or of another kind.
    """
    notes: list[str] = []
    workers = JoinedPasses(InferenceWorkers(settings.threads, metrics), metrics, wait=settings.engine.max_wait)
    loaded: list[Callable[[], None]] = [workers.close]
    try:
        detector, note = load_detector(
            settings.detector,
            workers,
            engine=settings.engine,
            min_confidence=min_confidence,
            nms_iou=nms_iou,
            folders=folders,
            metrics=metrics,
            tell=notes.append,
        )
        loaded.append(detector.close)
        notes.append(note)
        embedders: list[tuple[Embedder, float]] = []
        for member in settings.embedders:
            embedder, note = load_embedder(
                member, workers, engine=settings.engine, folders=folders, metrics=metrics, tell=notes.append
            )
            loaded.append(embedder.close)
            notes.append(note)
            if any(embedder.name == other.name for other, _ in embedders):
                raise ModelError(f"models.embedders: two members are called {embedder.name}; list each model once")
            embedders.append((embedder, member.weight))
        networks: list[Describer] = []
        for file in settings.attribute_networks:
            networks.append(load_attributes(file, workers, engine=settings.engine, metrics=metrics, tell=notes.append))
            loaded.append(networks[-1].close)
    except BaseException:
        for close in loaded:
            close()
        raise
    notes.append(_untold(settings, [*networks, *(embedder for embedder, _ in embedders)]))
    return Models(
        detector,
        tuple(embedders),
        tuple(note for note in dict.fromkeys(notes) if note),
        workers,
        tuple(networks),
        settings.attributes,
    )


def load_detector(
    model: str,
    batcher: Batcher,
    *,
    engine: EngineSettings | None = None,
    min_confidence: float = 0.1,
    nms_iou: float = 0.65,
    folders: Sequence[Path] | None = None,
    metrics: Metrics | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[Detector, str]:
    """Loads one detector.

    Args:
        model: Path, name in the catalogue, or ``default``.
        batcher: Where it runs.
        engine: What runs it; default: as in a site file that says nothing.
        min_confidence: Least score of a detection.
        nms_iou: Largest overlap of two detections of one class.
        folders: Where files of catalogue models are looked for; default: `inference.catalogue.model_folders`.
        metrics: Where engines count.
        tell: Takes what the user should know about the choice of an engine.

    Returns:
        The detector, and what the user should know about the choice; empty: nothing.

    Raises:
        ModelError: the model is missing, broken or of another kind.
    """
    chosen = resolve(model, "detector", folders)
    if chosen.path is None:
        return MotionDetector(batcher), chosen.note
    network = open_engine(chosen.path, engine or EngineSettings(), name=chosen.name, metrics=metrics, tell=tell)
    return YoloxDetector(network, batcher, min_confidence=min_confidence, nms_iou=nms_iou), chosen.note


def load_embedder(
    member: EmbedderSettings,
    batcher: Batcher,
    *,
    engine: EngineSettings | None = None,
    folders: Sequence[Path] | None = None,
    metrics: Metrics | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[Embedder, str]:
    """Loads one embedder.

    Args:
        member: Path, name in the catalogue or ``default``, and what its vectors are averaged over. The colour histogram cannot
            tell left from right, so that mirroring leaves it as it is.
        batcher: Where it runs.
        engine: What runs it; default: as in a site file that says nothing.
        folders: Where files of catalogue models are looked for; default: `inference.catalogue.model_folders`.
        metrics: Where engines count.
        tell: Takes what the user should know about the choice of an engine.

    Returns:
        The embedder, and what the user should know about the choice; empty: nothing.

    Raises:
        ModelError: the model is missing, broken or of another kind.
    """
    chosen = resolve(member.model, "embedder", folders)
    embedder: Embedder
    if chosen.path is None:
        embedder = ColourHistogramEmbedder(batcher)
    else:
        network = open_engine(chosen.path, engine or EngineSettings(), name=chosen.name, metrics=metrics, tell=tell)
        embedder = OnnxEmbedder(network, batcher, flip=member.flip)
    if member.second_crop is not None:
        embedder = TwoCropEmbedder(embedder, member.second_crop)
    return embedder, chosen.note


def load_attributes(
    file: str,
    batcher: Batcher,
    *,
    engine: EngineSettings | None = None,
    metrics: Metrics | None = None,
    tell: Callable[[str], None] | None = None,
) -> Describer:
    """Loads a network that only tells attributes.

    Args:
        file: Path of an ONNX file.
        batcher: Where it runs.
        engine: What runs it; default: as in a site file that says nothing.
        metrics: Where engines count.
        tell: Takes what the user should know about the choice of an engine.

    Raises:
        ModelError: the file is missing, broken or of another kind.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise ModelError(f"models.attribute_networks: {path}: no such model file; check the path")
    return OnnxAttributes(open_engine(path, engine or EngineSettings(), metrics=metrics, tell=tell), batcher)


def _untold(settings: ModelsSettings, networks: Sequence[object]) -> str:
    """What the user asked for and no network tells; empty: all is told, or nothing was asked for."""
    if "attributes" not in settings.model_fields_set:
        return ""
    told = {attribute for network in networks if isinstance(network, Describer) for attribute in network.attributes}
    missing = [attribute for attribute in settings.attributes if attribute not in told]
    if not missing:
        return ""
    return f"models.attributes: no network here tells {' or '.join(missing)}: add one to models.attribute_networks"
