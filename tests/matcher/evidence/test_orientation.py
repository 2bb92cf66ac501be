from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest

from matcher.engine import Matcher
from matcher.evidence.orientation import OrientationTerm
from tests.support.sightings import Scene
from tests.support.traffic import Seen, chain_site, complete_at_end, tracklet, vector
from throughline.types import ORIENTATIONS

OPPOSITE, ORDINARY = chain_site(2, opposite_view=True), chain_site(2)


def facing(side: str, sure: float = 1.0) -> dict[str, float]:
    """Seen from a side; the rest is spread over all sides."""
    return {name: sure * (name == side) + (1.0 - sure) / len(ORIENTATIONS) for name in ORIENTATIONS}


class Sides:
    """A site that is asked what the sides say that two cameras saw."""

    def __init__(self, *, opposite_view: bool, doubt: float = 0.05, confidence: float = 0.6, c2: str = "") -> None:
        self.scene = Scene(chain_site(2, opposite_view=opposite_view, by_camera={"c2": c2}))
        self.term = OrientationTerm(self.scene.topology, doubt, confidence)

    def add(self, camera: str, side: Mapping[str, float] | None) -> int:
        start = 0 if camera == "c1" else 23
        return self.scene.add(tracklet(camera, start, start + 3, name=f"t{len(self.scene.table)}", orientation=side))

    def see(self, camera: str, side: str, count: int) -> None:
        for _ in range(count):
            self.term.closed(self.scene.table, self.add(camera, facing(side)))

    def join(self, first: str, second: str, count: int, probability: float = 1.0) -> None:
        for _ in range(count):
            slots = self.add("c1", facing(first)), self.add("c2", facing(second))
            self.term.joined(self.scene.table, self.scene.relate(*slots), np.array([probability]))

    def ratio(self, first: Mapping[str, float] | None, second: Mapping[str, float] | None) -> float:
        return float(self.term.weigh(self.scene.compare(([self.add("c1", first)], [self.add("c2", second)])))[0])


@pytest.mark.parametrize("side", ORIENTATIONS)
@pytest.mark.parametrize("doubt", [0.05, 0.2])
def test_opposite_cameras_cannot_see_the_same_side(side: str, doubt: float) -> None:
    sides = Sides(opposite_view=True, doubt=doubt)
    assert sides.ratio(facing(side), facing(side)) == pytest.approx(math.log(doubt))
    for other in set(ORIENTATIONS) - {side}:
        assert sides.ratio(facing(side), facing(other)) == pytest.approx(math.log((1 - doubt) * 8 / 7 + doubt))


def test_uncertainty_is_not_punished() -> None:
    """The rule it takes the place of compares dot products, which are large for two vectors that know nothing."""
    sides = Sides(opposite_view=True)
    undecided = facing("front", 0.0)
    for known in (undecided, facing("front"), facing("front", 0.7)):
        assert math.isnan(sides.ratio(undecided, known))
        assert math.isnan(sides.ratio(known, undecided))
    assert math.isnan(sides.ratio(None, facing("front")))
    anyway = Sides(opposite_view=True, confidence=0.0)
    assert anyway.ratio(facing("front"), undecided) == pytest.approx(0.0, abs=1e-9)
    assert anyway.ratio(undecided, undecided) == pytest.approx(0.0, abs=1e-9)


def test_the_surer_the_sides_the_stronger_the_contradiction() -> None:
    sides = Sides(opposite_view=True)
    ratios = [sides.ratio(facing("rear", sure), facing("rear", sure)) for sure in (0.6, 0.8, 0.95, 1.0)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] < -0.4


def test_a_side_that_is_usual_at_the_second_camera_says_little() -> None:
    sides = Sides(opposite_view=True)
    sides.see("c2", "rear", 200)
    assert 0.0 < sides.ratio(facing("front"), facing("rear")) < 0.05
    assert sides.ratio(facing("front"), facing("front")) == pytest.approx(math.log(0.05), abs=1e-6), "still not the same side"


def test_it_forgets_how_a_camera_was_turned() -> None:
    sides = Sides(opposite_view=True)
    sides.see("c2", "rear", 500)
    assert sides.ratio(facing("rear"), facing("left")) > 2.0, "if not the rear, then often the left"
    sides.see("c2", "left", 1500)
    assert sides.ratio(facing("rear"), facing("left")) < 0.1


def test_other_links_say_nothing_until_joins_have_shown_what_goes_together() -> None:
    sides = Sides(opposite_view=False)
    for camera in ("c1", "c2"):
        sides.see(camera, "front", 50)
        sides.see(camera, "rear", 50)
    assert math.isnan(sides.ratio(facing("front"), facing("front")))
    sides.join("front", "front", 100)
    sides.join("rear", "rear", 100)
    assert sides.ratio(facing("front"), facing("front")) > 0.4
    assert sides.ratio(facing("front"), facing("rear")) < -1.0
    assert sides.ratio(facing("rear"), facing("rear")) > 0.4


def test_weak_joins_teach_little() -> None:
    sure, unsure = Sides(opposite_view=False), Sides(opposite_view=False)
    sure.join("front", "rear", 20)
    unsure.join("front", "rear", 20, probability=0.05)
    assert sure.ratio(facing("front"), facing("rear")) > unsure.ratio(facing("front"), facing("rear")) + 0.3


def test_joins_do_not_change_what_the_site_file_says_of_opposite_views() -> None:
    sides = Sides(opposite_view=True)
    before = sides.ratio(facing("front"), facing("front"))
    sides.join("front", "front", 100)
    assert sides.ratio(facing("front"), facing("front")) == before


def test_it_learns_many_links() -> None:
    scene = Scene(chain_site(24))
    term = OrientationTerm(scene.topology, 0.05, 0.6)
    slots = [scene.add(tracklet(f"c{n}", 23 * n, 23 * n + 3, orientation=facing(ORIENTATIONS[n % 8]))) for n in range(1, 25)]
    for one, other in pairwise(slots):
        for _ in range(30):
            term.joined(scene.table, scene.relate(one, other), np.ones(1))
    ratios = term.weigh(scene.compare(*(([one], [other]) for one, other in pairwise(slots))))
    assert (ratios > 1.0).all()


def test_a_camera_is_trusted_as_far_as_the_site_file_says() -> None:
    full, half, none = (Sides(opposite_view=True, c2=f"orientation_trust: {trust}") for trust in (1, 0.8, 0.2))
    front = facing("front")
    assert full.ratio(front, front) < half.ratio(front, front) < 0.0
    assert math.isnan(none.ratio(front, front)), "what is not trusted is not known"


def test_the_measured_value_is_the_similarity_of_the_sides() -> None:
    sides = Sides(opposite_view=True)
    one, other = facing("left", 0.8), facing("left", 0.9)
    slots = sides.add("c1", one), sides.add("c2", other)
    batch = sides.scene.compare(([slots[0]], [slots[1]]))
    sides.term.weigh(batch)
    expected = np.dot(vector(ORIENTATIONS, one), vector(ORIENTATIONS, other))
    assert sides.term.measured(batch, 0) == pytest.approx(expected, abs=1e-5)


def test_it_weighs_a_comparison_alone_as_among_others() -> None:
    rng = np.random.default_rng(9)
    scene = Scene(chain_site(3, opposite_view=False))
    term = OrientationTerm(scene.topology, 0.05, 0.3)
    slots: dict[str, list[int]] = {"c1": [], "c2": []}
    for k in range(80):
        camera = ("c1", "c2")[k % 2]
        sides = dict(zip(ORIENTATIONS, rng.dirichlet(np.full(8, 0.4)).tolist(), strict=True))
        start = float(rng.uniform(0, 5)) + 25.0 * (k % 2)
        slots[camera].append(scene.add(tracklet(camera, start, start + 2, name=f"t{k}", orientation=sides)))
        term.closed(scene.table, slots[camera][-1])
    for one, other in zip(slots["c1"], slots["c2"], strict=True):
        term.joined(scene.table, scene.relate(one, other), rng.random(1))
    asked = [
        (rng.choice(slots["c1"], int(rng.integers(1, 6)), replace=False).tolist(), rng.choice(slots["c2"], 1).tolist())
        for _ in range(50)
    ]
    whole = term.weigh(scene.compare(*asked))
    assert np.isfinite(whole).sum() > 40
    alone = [float(term.weigh(scene.compare(one))[0]) for one in asked]
    assert np.array_equal(alone, whole, equal_nan=True)


@pytest.mark.parametrize("on", [True, False])
def test_the_same_side_decides_against_a_join(on: bool) -> None:
    site = chain_site(2, f"orientation: {str(on).lower()}, new_vehicle_prior: 0.05", opposite_view=True)
    records = complete_at_end(
        site,
        [
            Seen(tracklet("c1", 0, 3, name="same side", orientation=facing("front", 0.95)), 0),
            Seen(tracklet("c1", 6, 9, name="other side", orientation=facing("rear", 0.95)), 1),
            Seen(tracklet("c2", 24, 27, name="third", orientation=facing("front", 0.95)), 1),
        ],
    )
    matcher = Matcher(site)
    events = [event for record in records for event in matcher.process(record)]
    (third,) = [event for event in events if event.tracklet.tracklet == "third" and event.kind == "confirmed"]
    assert third.joined is not None
    assert any(part.term == "orientation" for part in third.evidence) == on
    assert third.joined.tracklet == ("other side" if on else "same side"), "by the time alone it would be the other one"
