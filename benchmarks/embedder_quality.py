"""How well embedders find vehicles again that none of their training has seen.

``python -m benchmarks.embedder_quality --data DIR --model colour-histogram --model runs/held-out/embedder.onnx`` scores models
on two fifths of the vehicles in ``DIR/khoa-2cam`` (crops of two cameras) and on three of the recordings in
``DIR/rf100-tracklets`` (crops of one camera, from far to near). `HELD_OUT` are the options of ``throughline train reid`` that
leave these out of a training; the figures of a model that has seen them, such as the one that ships, mean nothing here.

- two cameras: each crop of the first is looked for among all of the second; all vehicles, and cars alone.
- tracklets: each vehicle's second (third) farthest crop among all vehicles' fifth (nearest) ones; the mean of both.
- cosines of the same and of different vehicles across the two cameras: where the matcher's calibration starts from.
- type: share of right types, if the network tells them.
- time: processor time of one crop alone and in a batch of eight, without cutting and stretching it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.reid import Views, score_reid
from inference.crop_preparation import CropPreparation
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.models import load_embedder
from throughline.commands._model_pictures import embed_all, inference_workers, read_picture
from throughline.formats.crop_index import Crop, read_crop_index
from throughline.settings.models import EmbedderSettings
from throughline.types import FloatArray, IntArray
from training.data.sources import FoldSettings

__all__ = ["HELD_OUT", "main"]

HELD_OUT = (
    "data.training.0.fold={of: 10, take: [1, 2, 5, 7, 8, 9]}",
    "data.training.1.without_sequences=[siang_15112021_1_00040, aditganteng_00000, adit_00002]",
)
"""What to ``--set`` in the recipe ``default-embedder``, so that what is scored here is not learned from."""

_WRONG_PAIR = "car_0015"
_FOLDS = FoldSettings(of=10, take=(0, 3, 4, 6))
_RECORDINGS = ("siang_15112021_1_00040", "aditganteng_00000", "adit_00002")
_FAR_AND_NEAR = (("1", "4"), ("2", "5"))
_TYPES = "type classes"
_REPEATS = 50


@dataclass(frozen=True, slots=True)
class _Sets:
    """What is held out.

    Attributes:
        pairs: Crops of two cameras.
        tracklets: Crops of one camera.
    """

    pairs: Sequence[Crop]
    tracklets: Sequence[Crop]


def main() -> int:
    """Runs the benchmark and prints a table."""
    options = _options()
    sets = _read(options.data, everything=options.everything)
    found = {model: _measure(model, sets) for model in options.model}
    print("| model | cars | all vehicles | tracklets | different, same | type | ms a crop, alone / of 8 |")
    print("|---|---|---|---|---|---|---|")
    for model, figures in found.items():
        cells = [f"{figures[name]['rank 1']:.3f} / {figures[name]['mAP']:.3f}" for name in ("cars", "all", "tracklets")]
        cosines = "{different:.2f} ± {deviation:.2f}, {same:.2f} ± {same_deviation:.2f}".format(**figures["cosines"])
        kinds = f"{figures['type']['accuracy']:.3f}" if figures["type"] else "-"
        spent = " / ".join(f"{value:.1f}" for value in figures["milliseconds"].values()) or "-"
        print(f"| {model} | {' | '.join(cells)} | {cosines} | {kinds} | {spent} |")
    counts = found[options.model[0]]
    print("\nvehicles: " + ", ".join(f"{name} {counts[name]['vehicles']:.0f}" for name in ("cars", "all", "tracklets")))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedder_quality", description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("DATA"), help="folder of the two sets (default: $DATA)")
    parser.add_argument("--model", action="append", default=[], help="name in the catalogue or path; repeat")
    parser.add_argument("--everything", action="store_true", help="all vehicles, for models that were fitted to none of them")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the folder of the sets with --data")
    options.model = options.model or ["default"]
    return options


def _read(data: Path, *, everything: bool) -> _Sets:
    pairs = [crop for crop in read_crop_index(data / "khoa-2cam") if crop.vehicle != _WRONG_PAIR]
    tracklets = read_crop_index(data / "rf100-tracklets", vehicle=("sequence", "vehicle_id"), camera="size_rank")
    if not everything:
        pairs = [crop for crop in pairs if _FOLDS.takes(crop.vehicle)]
        tracklets = [crop for crop in tracklets if crop.columns["sequence"] in _RECORDINGS]
    return _Sets(pairs, tracklets)


def _measure(model: str, sets: _Sets) -> dict[str, Any]:
    """All figures of one model."""
    with inference_workers(1) as workers:
        embedder, _ = load_embedder(EmbedderSettings(model=model), workers)
        try:
            pairs, tracklets = (embed_all(embedder, [crop.path for crop in part]) for part in (sets.pairs, sets.tracklets))
        finally:
            embedder.close()
    first, second = (np.array([crop.camera == camera for crop in sets.pairs]) for camera in ("1", "2"))
    cars = np.array([crop.kind == "car" for crop in sets.pairs])
    return {
        "cars": _score(sets.pairs, pairs, first & cars, second & cars),
        "all": _score(sets.pairs, pairs, first, second),
        "tracklets": _score_tracklets(sets.tracklets, tracklets),
        "cosines": _cosines(sets.pairs, pairs, first, second),
        **_of_file(model, [*sets.pairs, *sets.tracklets]),
    }


def _score(crops: Sequence[Crop], vectors: FloatArray, query: Any, gallery: Any) -> dict[str, float]:
    numbers = {name: number for number, name in enumerate(sorted({crop.vehicle for crop in crops}))}
    vehicles: IntArray = np.array([numbers[crop.vehicle] for crop in crops], np.int64)
    cameras: IntArray = np.array([int(crop.camera) for crop in crops], np.int64)
    score = score_reid(
        vectors[query] @ vectors[gallery].T,
        Views(vehicles[query], cameras[query]),
        Views(vehicles[gallery], cameras[gallery]),
    )
    return {"rank 1": score.rank(1), "mAP": score.mean_average_precision, "vehicles": len(np.unique(vehicles[query]))}


def _score_tracklets(crops: Sequence[Crop], vectors: FloatArray) -> dict[str, float]:
    ranks = np.array([crop.camera for crop in crops])
    names = np.array([crop.vehicle for crop in crops])
    scores = []
    for far, near in _FAR_AND_NEAR:
        both = np.isin(names, np.intersect1d(names[ranks == far], names[ranks == near]))
        scores.append(_score(crops, vectors, both & (ranks == far), both & (ranks == near)))
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def _cosines(crops: Sequence[Crop], vectors: FloatArray, first: Any, second: Any) -> dict[str, float]:
    names = np.array([crop.vehicle for crop in crops])
    cosines = vectors[first] @ vectors[second].T
    same = names[first][:, None] == names[second][None, :]
    return {
        "different": float(cosines[~same].mean()),
        "deviation": float(cosines[~same].std()),
        "same": float(cosines[same].mean()),
        "same_deviation": float(cosines[same].std()),
    }


def _of_file(model: str, crops: Sequence[Crop]) -> dict[str, Any]:
    """What only an ONNX file has: types and the time it takes."""
    path = Path(model)
    if not path.is_file():
        return {"type": {}, "milliseconds": {}}
    engine = OnnxRuntimeEngine(path, name=path.stem)
    try:
        prepare = CropPreparation(engine)
        kinds = engine.metadata.get(_TYPES, "").split(",")
        right: dict[str, list[bool]] = {kind: [] for kind in kinds}
        if kinds != [""]:
            for crop in crops:
                _, probabilities, *_ = engine.infer(prepare([read_picture(crop.path)]))
                right[crop.kind].append(kinds[int(probabilities[0].argmax())] == crop.kind)
        batches = {size: prepare([read_picture(crops[0].path)] * size) for size in (1, 8)}
        return {
            "type": _accuracies(right),
            "milliseconds": {size: _milliseconds(engine, batch) / size for size, batch in batches.items()},
        }
    finally:
        engine.close()


def _accuracies(right: dict[str, list[bool]]) -> dict[str, float]:
    if not any(right.values()):
        return {}
    every = [one for judged in right.values() for one in judged]
    return {"accuracy": float(np.mean(every)), **{kind: float(np.mean(judged)) for kind, judged in right.items() if judged}}


def _milliseconds(engine: OnnxRuntimeEngine, batch: FloatArray) -> float:
    """Processor time of one run: the fastest tenth, as other work on the machine only ever adds."""
    spent = []
    for _ in range(_REPEATS):
        start = time.process_time()
        engine.infer(batch)
        spent.append(time.process_time() - start)
    return 1000.0 * float(np.quantile(spent, 0.1))


if __name__ == "__main__":
    raise SystemExit(main())
