from __future__ import annotations

import math

import numpy as np
import pytest

from matcher.evidence.appearance import AppearanceTerm
from matcher.sightings import Looks
from tests.support.sightings import Scene
from tests.support.traffic import chain_site, tracklet
from throughline.types import FloatArray

NETWORKS = tuple(f"network-{number}" for number in range(7))


def unit(rows: np.ndarray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


class Pair:
    """Two sightings that some networks have seen."""

    def __init__(self, first: Looks, second: Looks) -> None:
        self.scene = Scene(chain_site(2))
        self.slots = [
            self.scene.add(tracklet(camera, start, start + 3), looks)
            for camera, start, looks in (("c1", 0, first), ("c2", 23, second))
        ]

    def similarity(self, *, weights: dict[str, float] | None = None, exemplars: float = 0.5) -> float:
        term = AppearanceTerm(weights or {}, 4, exemplars)
        return float(term.similarities(self.scene.table, np.array(self.slots[:1]), np.array(self.slots[1:])).values[0])

    def ratio(self, *, exemplars: float = 0.5) -> tuple[float, float]:
        term = AppearanceTerm({}, len(self.scene.topology.links), exemplars)
        batch = self.scene.compare((self.slots[:1], self.slots[1:]))
        (ratio,) = term.weigh(batch)
        similarities, judged = term.judged(batch, np.array([0]))
        assert similarities[0] == term.measured(batch, 0)
        return float(ratio), float(judged[0])


def seen_by(networks: tuple[str, ...], seed: int) -> dict[tuple[str, str], FloatArray]:
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(99).normal(size=64)
    return {(name, "h"): unit(common + rng.normal(size=64))[None] for name in networks}


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_distance_of_concatenated_vectors_is_the_similarity_on_another_scale(weight: float) -> None:
    """As documented: d = 2 n (1 - c), and a weight is a factor of its square root on a network's part."""
    first, second = seen_by(NETWORKS, 1), seen_by(NETWORKS, 2)
    weights = dict.fromkeys(NETWORKS, 1.0) | {"network-0": weight}
    joined = [
        np.concatenate([math.sqrt(weights[name]) * vectors[0] for (name, _), vectors in looks.items()])
        for looks in (first, second)
    ]
    distance = float(((joined[0] - joined[1]) ** 2).sum())
    similarity = Pair(first, second).similarity(weights=weights)
    assert 2.0 * sum(weights.values()) * (1.0 - similarity) == pytest.approx(distance, abs=0.01)


def test_a_network_that_one_side_lacks_is_done_without() -> None:
    first, second = seen_by(NETWORKS, 1), seen_by(NETWORKS, 2)
    both = Pair(first, second).similarity()
    fewer = {key: vectors for key, vectors in second.items() if key[0] != "network-6"}
    expected = np.mean([float(first[key][0] @ vectors[0]) for key, vectors in fewer.items()])
    assert Pair(first, fewer).similarity() == pytest.approx(expected, abs=1e-3)
    assert both != Pair(first, fewer).similarity()
    assert math.isnan(Pair(first, {("other", "h"): first["network-0", "h"]}).similarity())


def views(*rows: tuple[float, ...]) -> dict[tuple[str, str], FloatArray]:
    return {("one", "h"): unit(np.array(rows))}


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_the_most_alike_single_views_count_as_much_as_the_site_file_says(weight: float) -> None:
    pair = Pair(views((1, 0, 0), (1, 0, 0), (0, 0, 1)), views((0.6, 0.8, 0), (0, 1, 0), (0, 0, 1)))
    assert pair.similarity(exemplars=weight) == pytest.approx((1 - weight) * 0.6 + weight * 1.0, abs=1e-3)


def test_without_weight_single_views_are_not_looked_at() -> None:
    with_singles, without = (Pair(views((1, 0, 0), *more), views((0.6, 0.8, 0), *more)) for more in (((0.0, 0.0, 1.0),), ()))
    assert with_singles.ratio(exemplars=0.0) == without.ratio(exemplars=0.0) == without.ratio()
    assert with_singles.ratio() > without.ratio()


def test_a_pair_is_judged_by_itself_as_a_comparison_of_it_alone_is() -> None:
    ratio, judged = Pair(views((1, 0, 0)), views((0.6, 0.8, 0))).ratio()
    assert ratio == judged
    unseen = Pair(views((1, 0, 0)), {})
    term = AppearanceTerm({}, len(unseen.scene.topology.links))
    found = term.judged(unseen.scene.compare((unseen.slots[:1], unseen.slots[1:])), np.array([0]))
    assert np.isnan(found).all()
