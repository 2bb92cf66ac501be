"""How well embedders know a vehicle from another side, before another street: rendered crops, and the demo's clips.

``python -m benchmarks.embedder_sides --rendered DIR --model runs/held-out/embedder.onnx --model default`` scores models on

- crops that ``python -m simulation.rendering.crops --places-each 3`` made of vehicles and places that no training saw: each is
  looked for among the crops of all other places; of its own vehicle those count that show it from a side as far away as the
  row says;
- the clips that come with the product, cut by their true boxes: for each two cameras, means of up to ten crops of a vehicle
  against each other. Members of one fleet are not held against each other: nothing tells them apart.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np

from evaluation.reid import precision_of_hits
from evaluation.separation import separation
from inference.models import load_embedder
from simulation.city.cameras import Floats
from simulation.city.fleet import CityVehicle
from simulation.city.visibility import side_degrees
from simulation.footage import Footage, shipped_footage
from throughline.commands._model_pictures import inference_workers, read_picture
from throughline.formats.crop_index import read_crop_index
from throughline.settings.models import EmbedderSettings
from throughline.types import ORIENTATIONS, FloatArray, Image, IntArray

__all__ = ["SideScore", "main", "score_by_side"]

_SIDES: Final = {"the same": (0, 0), "45°": (45, 45), "90°": (90, 90), "135° and more": (135, 180), "any": (0, 180)}
_AT_MOST = 10
_LEAST = 22
_BATCH = 32


@dataclass(frozen=True, slots=True)
class SideScore:
    """How well vehicles are found again whose other pictures show a side so far away; NaN where there are none.

    Attributes:
        queries: How many pictures have such another one.
        rank1: Share of them whose most alike picture is of their vehicle.
        precision: Mean average precision.
        area: Probability that one vehicle's pair is more alike than two vehicles' from sides as far apart.
    """

    queries: int
    rank1: float
    precision: float
    area: float


@dataclass(frozen=True, slots=True)
class _Cut:
    """A crop of the clips."""

    camera: str
    vehicle: int
    image: Image


def main() -> int:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedder_sides", description=__doc__)
    parser.add_argument("--rendered", type=Path, help="folder of rendered crops; default: the clips alone")
    parser.add_argument("--model", action="append", default=[], help="name in the catalogue or path; repeat")
    options = parser.parse_args()
    footage = shipped_footage("demo")
    cuts = list(_cuts(footage))
    for model in options.model or ["default"]:
        print(f"{model}\n")
        if options.rendered:
            _print_rendered(model, options.rendered)
        _print_clips(_embed(model, [cut.image for cut in cuts]), cuts, footage.scenario.vehicles)
    return 0


def score_by_side(
    vectors: FloatArray, vehicles: IntArray, places: IntArray, degrees: Floats, between: tuple[float, float]
) -> SideScore:
    """Scores pictures of several places.

    Args:
        vectors: (N, D) of unit length.
        vehicles: (N,) who is shown.
        places: (N,) where.
        degrees: (N,) from which side, clockwise from the front.
        between: How far apart the sides of one vehicle's two pictures are at least and at most, 0..180 degrees.
    """
    cosines = vectors @ vectors.T
    apart = np.abs((degrees[:, None] - degrees[None] + 180.0) % 360.0 - 180.0)
    elsewhere = places[:, None] != places[None]
    usable = elsewhere & (between[0] <= apart) & (apart <= between[1])
    same = vehicles[:, None] == vehicles[None]
    first, precisions = [], []
    for row in np.flatnonzero((usable & same).any(1)).tolist():
        gallery = elsewhere[row] & (~same[row] | usable[row])
        hits = same[row][gallery][np.argsort(-cosines[row][gallery], kind="stable")]
        first.append(bool(hits[0]))
        precisions.append(precision_of_hits(hits))
    area = separation(cosines[usable], same[usable]).area
    if not first:
        return SideScore(0, float("nan"), float("nan"), area)
    return SideScore(len(first), float(np.mean(first)), float(np.mean(precisions)), area)


def _print_rendered(model: str, folder: Path) -> None:
    crops = read_crop_index(folder)
    vectors = _embed(model, [read_picture(crop.path) for crop in crops])
    vehicles, places = (
        np.unique([getattr(crop, name) for crop in crops], return_inverse=True)[1] for name in ("vehicle", "camera")
    )
    degrees = side_degrees(np.array([ORIENTATIONS.index(crop.columns["orientation"]) for crop in crops]))
    print("| sides apart | queries | rank 1 / mAP | AUC |\n|---|--:|--:|--:|")
    for name, between in _SIDES.items():
        score = score_by_side(vectors, vehicles, places, degrees, between)
        print(f"| {name} | {score.queries} | {score.rank1:.3f} / {score.precision:.3f} | {score.area:.3f} |")
    print()


def _print_clips(vectors: FloatArray, cuts: Sequence[_Cut], who: Mapping[int, CityVehicle]) -> None:
    sums: dict[tuple[str, int], FloatArray] = {}
    for cut, vector in zip(cuts, vectors, strict=True):
        sums[cut.camera, cut.vehicle] = sums.get((cut.camera, cut.vehicle), np.zeros_like(vector)) + vector
    means = {key: value / np.linalg.norm(value) for key, value in sums.items()}
    print("| cameras | vehicles seen by both | AUC |\n|---|--:|--:|")
    pooled: list[tuple[float, bool]] = []
    for first, second in itertools.combinations(sorted({camera for camera, _ in means}), 2):
        pairs = [
            (float(means[first, one] @ means[second, other]), one == other)
            for one, other in itertools.product(*([number for at, number in means if at == camera] for camera in (first, second)))
            if one == other or not who[one].fleet or who[one].fleet != who[other].fleet
        ]
        pooled += pairs
        print(f"| {first}, {second} | {sum(same for _, same in pairs)} | {separation(*zip(*pairs, strict=True)).area:.3f} |")
    print(f"| any | {sum(same for _, same in pooled)} | {separation(*zip(*pooled, strict=True)).area:.3f} |\n")


def _cuts(footage: Footage) -> Iterator[_Cut]:
    """Up to ten crops of each vehicle by each camera, evenly over its passage, of those that show it well."""
    for camera, clip in footage.clips.items():
        truth = footage.truth[camera]
        sizes = truth.boxes[:, 2:] - truth.boxes[:, :2]
        good = (truth.visible > 0.6) & (truth.inside > 0.9) & (sizes >= _LEAST).all(1)
        wanted: dict[int, list[int]] = {}
        for vehicle in np.unique(truth.vehicles[good]):
            rows = np.flatnonzero(good & (truth.vehicles == vehicle))
            for row in rows[np.unique(np.linspace(0, len(rows) - 1, _AT_MOST).round().astype(int))].tolist():
                wanted.setdefault(int(truth.frames[row]), []).append(row)
        with av.open(str(clip)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                for row in wanted.get(number, ()):
                    left, top, right, bottom = np.round(truth.boxes[row]).astype(int).tolist()
                    image = frame.to_ndarray(format="bgr24")[top:bottom, left:right].astype(np.uint8, copy=False)
                    yield _Cut(camera, int(truth.vehicles[row]), np.ascontiguousarray(image))


def _embed(model: str, images: Sequence[Image]) -> FloatArray:
    """(N, D) float32, of unit length."""
    with inference_workers(1) as workers:
        embedder, _ = load_embedder(EmbedderSettings(model=model), workers)

        async def embed() -> list[FloatArray]:
            return [await embedder.embed(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]

        try:
            return np.concatenate(asyncio.run(embed()))
        finally:
            embedder.close()


if __name__ == "__main__":
    raise SystemExit(main())
