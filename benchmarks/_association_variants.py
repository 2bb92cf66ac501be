"""What may be wrong with a site: links nobody listed, clocks that run ahead, windows too wide, pictures nobody looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from benchmarks._association_sets import AssociationSet
from evaluation.matching_changes import Change, switches_of
from throughline.settings import MatchingSettings, Site

__all__ = [
    "Variant",
    "ablations",
    "clocks_wrong",
    "robustness",
    "windows_widened",
    "without_embeddings",
    "without_links",
]

Kind: TypeAlias = Literal["as is", "ablation", "robustness"]


def _same_site(site: Site, _seed: int) -> Site:
    return site


def _same_set(recorded: AssociationSet, _seed: int) -> AssociationSet:
    return recorded


@dataclass(frozen=True)
class Variant:
    """One change of a set.

    Attributes:
        name: As the table prints it.
        kind: The table it stands in.
        site: What becomes of the site file, with a seed.
        recorded: What becomes of the tracks after they were read, with a seed.
        drawn: The seed counts: several are worth running.
    """

    name: str
    kind: Kind
    site: Callable[[Site, int], Site] = _same_site
    recorded: Callable[[AssociationSet, int], AssociationSet] = _same_set
    drawn: bool = False


def ablations(matching: MatchingSettings) -> list[Variant]:
    """Each kind of evidence that is weighed is not, and the other way round."""
    return [Variant(change.name, "ablation", _changed(change)) for change in switches_of(matching)]


def _changed(change: Change) -> Callable[[Site, int], Site]:
    return lambda site, _seed: change.of(site)


def robustness() -> list[Variant]:
    """What may be wrong with a site."""
    return [
        Variant("half of the links removed, `learn`", "robustness", lambda s, seed: without_links(s, 0.5, seed), drawn=True),
        Variant("all links removed, `learn`", "robustness", lambda s, seed: without_links(s, 1.0, seed)),
        Variant("all links removed, `allow`", "robustness", lambda s, seed: without_links(s, 1.0, seed, "allow")),
        Variant("every second camera 2 s ahead", "robustness", lambda s, _seed: clocks_wrong(s, _every_second(s))),
        Variant(
            "the same, `uncertainty` 2 s stated",
            "robustness",
            lambda s, _seed: clocks_wrong(s, _every_second(s), uncertainty=2.0),
        ),
        Variant(
            "each camera 2 s ahead or behind", "robustness", lambda s, seed: clocks_wrong(s, _at_random(s, seed)), drawn=True
        ),
        Variant(
            "the same, `uncertainty` 2 s stated",
            "robustness",
            lambda s, seed: clocks_wrong(s, _at_random(s, seed), uncertainty=2.0),
            drawn=True,
        ),
        Variant("windows twice as wide", "robustness", lambda s, _seed: windows_widened(s, 2.0)),
        Variant(
            "30 % of the embeddings missing",
            "robustness",
            recorded=lambda recorded, seed: without_embeddings(recorded, 0.3, seed),
            drawn=True,
        ),
    ]


def without_links(site: Site, share: float, seed: int, policy: Literal["allow", "deny", "learn"] = "learn") -> Site:
    """A share of the links taken out, rounded up, and what holds for cameras that no link joins."""
    removed = np.random.default_rng(seed).permutation(len(site.links))[: int(np.ceil(share * len(site.links)))]
    kept = tuple(link for number, link in enumerate(site.links) if number not in removed)
    return site.model_copy(update={"links": kept, "unlisted_links": policy})


def clocks_wrong(site: Site, seconds: Iterable[float], uncertainty: float = 0.0) -> Site:
    """Clocks set wrong by so many seconds, by camera in the site file's order, and what it says about their doubt."""
    cameras = []
    for camera, wrong in zip(site.cameras, seconds, strict=True):
        clock: dict[str, Any] = {"offset": camera.clock.offset + wrong, "uncertainty": uncertainty}
        cameras.append(camera.model_copy(update={"clock": camera.clock.model_copy(update=clock)}))
    return site.model_copy(update={"cameras": tuple(cameras)})


def _every_second(site: Site) -> list[float]:
    return [2.0 * (number % 2) for number in range(len(site.cameras))]


def _at_random(site: Site, seed: int) -> list[float]:
    return [float(wrong) for wrong in np.random.default_rng(seed).choice([-2.0, 2.0], len(site.cameras))]


def windows_widened(site: Site, factor: float) -> Site:
    """Each link's window so many times as wide, around its middle; the typical time stays."""
    links = []
    for link in site.links:
        travel = link.travel
        more = 0.5 * (factor - 1.0) * (travel.max - travel.min)
        links.append(
            link.model_copy(update={"travel": travel.model_copy(update={"min": travel.min - more, "max": travel.max + more})})
        )
    return site.model_copy(update={"links": tuple(links)})


def without_embeddings(recorded: AssociationSet, share: float, seed: int) -> AssociationSet:
    """A share of the tracks as they are where nobody looked at them."""
    missing = np.random.default_rng(seed).random(len(recorded.tracks)) < share
    tracks = (
        replace(track, tracklet=msgspec.structs.replace(track.tracklet, embeddings=())) if gone else track
        for track, gone in zip(recorded.tracks, missing.tolist(), strict=True)
    )
    return replace(recorded, tracks=tuple(tracks))
