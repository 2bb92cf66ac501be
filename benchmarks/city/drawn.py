"""Twelve cameras without pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.city.association import associated
from benchmarks.city.cameras import Arrival, CameraLog, closed_only, drawn_logs, in_order
from benchmarks.city.drawn_camera import EMBEDDER
from benchmarks.city.measured import LearnedTravel, Measured, identities, learned_travel, measured
from benchmarks.city.report import Row, calibration_table, delay_table, links_table, quality_table, travel_table
from benchmarks.city.truth import CityTruth, city_truth
from evaluation.matching_changes import changes_of
from simulation.appearance import AppearanceModel, Crops, DrawnEmbeddings
from simulation.city import Scenario, Sightings
from simulation.city.site import site_of
from simulation.city.storage import shipped_scenario
from simulation.city.visibility import all_sightings
from throughline.settings import EmbedderSettings, Site
from throughline.settings.models import SimilaritySettings
from throughline.types import ORIENTATIONS

__all__ = ["City", "drawn_city", "run", "scored", "shortened", "with_similarity"]

FPS = 10.0
"""Frames a second that are analysed."""
_MEASURED = 400
"""Vehicles that similarity is measured by."""


@dataclass(frozen=True, slots=True)
class City:
    """A city's footage through tracker and tracklets, ready for the matcher.

    Attributes:
        scenario: Who is where.
        site: Its site file.
        truth: About the tracklets.
        arrivals: Records of all cameras, in event-time order.
    """

    scenario: Scenario
    site: Site
    truth: CityTruth
    arrivals: tuple[Arrival, ...]


def drawn_city(scenario: Scenario) -> City:
    """A scenario without pictures."""
    site = with_similarity(site_of(scenario, FPS), scenario)
    sightings = list(all_sightings(scenario, FPS))
    return city_of(scenario, site, sightings, drawn_logs(scenario, site, sightings))


def with_similarity(site: Site, scenario: Scenario) -> Site:
    """The site with what `throughline evaluate reid` would say of the drawn embedder; a model of one's own needs it."""
    drawn = DrawnEmbeddings(scenario.vehicles, scenario.seed + 1)  # other looks than those that are judged
    vehicles = np.array(sorted(scenario.vehicles)[:_MEASURED], np.int64)
    none, sides = np.zeros(len(vehicles), np.int64), len(ORIENTATIONS)
    one, other = (drawn.of(Crops.good(vehicles, camera, none, (vehicles * step) % sides)) for camera, step in ((1, 1), (2, 3)))
    alike = one @ other.T
    different = alike[~np.eye(len(vehicles), dtype=np.bool_)]
    similarity = SimilaritySettings(
        same=float(np.diag(alike).mean()), different=float(different.mean()), deviation=float(different.std())
    )
    embedder = EmbedderSettings(model=EMBEDDER, similarity=similarity)
    return site.model_copy(update={"models": site.models.model_copy(update={"embedders": (embedder,)})})


def city_of(scenario: Scenario, site: Site, sightings: Sequence[Sightings], logs: Sequence[CameraLog]) -> City:
    """What became of the footage of all cameras, beside the truth."""
    return City(scenario, site, city_truth(sightings, logs, site), tuple(in_order(logs)))


def shortened(scenario: Scenario, minutes: float | None) -> Scenario:
    """Its first minutes; None: all."""
    return scenario if minutes is None else replace(scenario, seconds=min(scenario.seconds, 60.0 * minutes))


def run(minutes: float | None, *, quick: bool, tell: Callable[[str], object] = print) -> tuple[dict[str, Any], str]:
    """The standard scenario: figures for programs, and tables for people."""
    scenario = shortened(shipped_scenario("standard"), minutes)
    tell(f"{len(scenario.cameras)} cameras, {scenario.seconds / 60:.0f} minutes, {len(scenario.vehicles)} vehicles, tracking ...")
    model = AppearanceModel()
    figures, text = scored(drawn_city(scenario), quick=quick, tell=tell)
    stated = (
        f"Embeddings are drawn at an AUC of {model.auc} (one side), {model.other_side_auc} (front and rear) "
        f"and {model.look_alike_auc} (look-alikes of a fleet)."
    )
    return figures | {"auc": model.auc}, f"{stated}\n\n{text}"


def scored(city: City, *, quick: bool, tell: Callable[[str], object] = print) -> tuple[dict[str, Any], str]:
    """The matcher on a city, beside what is left of it without some of its parts, and the most that its tracks allow."""
    tell(f"{len(city.arrivals)} records of {len(city.truth.boxes)} tracklets; matching ...")
    whole = associated(city.site, city.arrivals)
    found = measured(city.truth, whole)
    rows: list[Row] = [("**Throughline**", found.all, found.several, found)]
    rows.append(("perfect association of our tracklets", *identities(city.truth, city.truth.perfect()), None))
    if not quick:
        once = measured(city.truth, associated(city.site, closed_only(city.arrivals)))
        rows.append(("Throughline, each tracklet once", once.all, once.several, once))
    rows.append(("no association", *identities(city.truth, {one: n for n, one in enumerate(city.truth.boxes)}), None))
    for change in () if quick else changes_of(city.site.matching):
        tell(f"{change.name} ...")
        changed = measured(city.truth, associated(change.of(city.site), closed_only(city.arrivals)))
        rows.append((change.name, changed.all, changed.several, changed))
    learned = learned_travel(city.scenario, whole)
    figures = {
        "runs": {name: _figures(every, several, one) for name, every, several, one in rows},
        "learned_travel": [one.to_json() for one in learned],
    }
    return figures, _text(rows, found, learned)


def _figures(every: Any, several: Any, one: Measured | None) -> dict[str, Any]:
    return {"all": every.to_json(), "several_cameras": several.to_json()} if one is None else one.to_json()


def _text(rows: Sequence[Row], found: Measured, learned: Sequence[LearnedTravel]) -> str:
    parts = [quality_table(rows), links_table(found), delay_table(found), calibration_table(found)]
    if learned:
        parts.append(travel_table(learned))
    return "\n".join(parts)
