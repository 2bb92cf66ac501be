"""Recorded tracks with a truth, and the same with looks drawn anew: one draw of embeddings is one throw of dice."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from evaluation.mtmc import evaluate_mtmc, true_vehicles
from evaluation.pairs import pair_score
from matcher.associate import Association
from throughline.commands._shared_data import shared_data
from throughline.formats.aicity import AiCityRow, read_aicity
from throughline.formats.recorded_tracks import RecordedTrack, read_recorded_tracks, rows_with
from throughline.messages import Embedding
from throughline.settings import Site, load_site
from throughline.types import FloatArray

__all__ = [
    "AssociationSet",
    "QualityScore",
    "add_set_options",
    "load_set",
    "parse_set_options",
    "quality_of",
    "redrawn",
]


class QualityScore(NamedTuple):
    """How well vehicles were put together.

    Attributes:
        idf1: Cross-camera IDF1, by boxes.
        pair_f1: F1 over pairs of tracks.
    """

    idf1: float
    pair_f1: float


@dataclass(frozen=True)
class AssociationSet:
    """Tracks of all cameras of a site, and whom they show.

    Attributes:
        name: Of its folder.
        site: Cameras, links and settings.
        tracks: By end time.
        truth: True boxes.
        vehicle_of: True vehicle by tracklet id; tracklets that show none are left out.
    """

    name: str
    site: Site
    tracks: tuple[RecordedTrack, ...]
    truth: tuple[AiCityRow, ...]
    vehicle_of: dict[str, int]


def load_set(folder: Path, changed: Callable[[Site], Site] | None = None) -> AssociationSet:
    """Reads ``site.yaml``, ``tracks/`` and ``truth.txt``.

    Args:
        folder: Where they are.
        changed: What is read in place of the site file's settings, clocks and frame rates included.

    Raises:
        FormatError, SettingsError, OSError: a file cannot be read.
    """
    site = load_site(folder / "site.yaml")
    if changed is not None:
        site = changed(site)
    tracks = read_recorded_tracks(folder / "tracks", site)
    truth = read_aicity(folder / "truth.txt")
    local = rows_with(site, tracks, {track.tracklet.tracklet: track.id for track in tracks})
    vehicles = true_vehicles(truth, local)
    places = {track.tracklet.tracklet: (site.camera(track.camera).number or 0, track.id) for track in tracks}
    shown = {tracklet: vehicles[place] for tracklet, place in places.items() if place in vehicles}
    return AssociationSet(folder.name, site, tuple(tracks), tuple(truth), shown)


def quality_of(recorded: AssociationSet, association: Association) -> QualityScore:
    """Compares what the matcher made of a set with its truth."""
    rows = rows_with(recorded.site, recorded.tracks, association.ids)
    return QualityScore(evaluate_mtmc(recorded.truth, rows).identity.f1, pair_score(recorded.vehicle_of, association.ids).f1)


def redrawn(recorded: AssociationSet, seed: int) -> AssociationSet:
    """The same with other embeddings of the same kind.

    Each is a sum of what its vehicle, its camera and the moment add, three independent normal vectors, in the shares of the
    variance that the set's own embeddings show: cosines of one vehicle in two cameras, of two vehicles in one and of two in
    two.
    """
    looks = {
        track.tracklet.tracklet: track.tracklet.embeddings[0].vector() for track in recorded.tracks if track.tracklet.embeddings
    }
    shown = [
        track for track in recorded.tracks if track.tracklet.tracklet in looks and track.tracklet.tracklet in recorded.vehicle_of
    ]
    of_vehicle, of_camera = _shares(recorded, shown, looks)
    rng = np.random.default_rng(seed)
    dimension = len(next(iter(looks.values())))
    vehicles = {vehicle: rng.normal(size=dimension) for vehicle in sorted(set(recorded.vehicle_of.values()))}
    cameras = {camera.id: rng.normal(size=dimension) for camera in recorded.site.cameras}
    tracks = []
    for track in recorded.tracks:
        vehicle = vehicles.get(recorded.vehicle_of.get(track.tracklet.tracklet, -1), rng.normal(size=dimension))
        moment = rng.normal(size=dimension)
        vector = (
            np.sqrt(of_vehicle) * vehicle
            + np.sqrt(of_camera) * cameras[track.camera]
            + np.sqrt(1.0 - of_vehicle - of_camera) * moment
        )
        if track.tracklet.embeddings:
            former = track.tracklet.embeddings[0]
            anew = Embedding.of(former.model, former.hash, (vector / np.linalg.norm(vector)).astype(np.float32))
            track = replace(track, tracklet=msgspec.structs.replace(track.tracklet, embeddings=(anew,)))
        tracks.append(track)
    return replace(recorded, tracks=tuple(tracks))


def _shares(recorded: AssociationSet, shown: list[RecordedTrack], looks: dict[str, FloatArray]) -> tuple[float, float]:
    """Shares of the variance that vehicle and camera make."""
    vectors = np.stack([looks[track.tracklet.tracklet] for track in shown])
    vehicle = np.array([recorded.vehicle_of[track.tracklet.tracklet] for track in shown])
    camera = np.unique([track.camera for track in shown], return_inverse=True)[1]
    cosines = vectors @ vectors.T
    same_vehicle, same_camera = vehicle[:, None] == vehicle, camera[:, None] == camera
    apart = float(cosines[~same_vehicle & ~same_camera].mean())
    of_vehicle = float(cosines[same_vehicle & ~same_camera].mean()) - apart
    of_camera = float(cosines[~same_vehicle & same_camera].mean()) - apart
    return max(0.0, of_vehicle), max(0.0, of_camera)


def add_set_options(parser: argparse.ArgumentParser) -> None:
    """Adds which sets are run, and by which settings."""
    parser.add_argument("--data", type=Path, default=shared_data() / "association", help="folder of the sets")
    parser.add_argument("--sets", nargs="+", default=["S01", "S03", "HCMC-12"], metavar="SET", help="folders in it")
    parser.add_argument(
        "--matching", type=json.loads, default={}, metavar="JSON", help="settings of `matching` in place of the sets' own"
    )


def parse_set_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Reads the command line; ends the program where a set is not there."""
    options = parser.parse_args()
    for name in options.sets:
        if not (options.data / name / "site.yaml").is_file():
            parser.error(f"no set {name} in {options.data}: name the folder with --data")
    return options
