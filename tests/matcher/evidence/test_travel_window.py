from __future__ import annotations

import numpy as np
import pytest

from matcher.evidence.travel_time import TravelTimeTerm
from matcher.evidence.travel_window import TravelWindowTerm, penalty
from matcher.gates import REASONS
from tests.support.sightings import Scene
from tests.support.traffic import tracklet
from throughline.settings import parse_site


def scene(matching: str = "window: soft, window_penalty: 2", link: str = "", clock: float = 0.0) -> Scene:
    return Scene(
        parse_site(
            f"site: test\ncameras: [{{id: a}}, {{id: b, clock: {{uncertainty: {clock}}}}}]\nmatching: {{{matching}}}\n"
            f"links: [{{from: a, to: b, travel: {{min: 10, typical: 20, max: 40}}{link}}}]\n"
        )
    )


def weighed(seen: Scene, seconds: float, state: str = "closed") -> tuple[str, float, float]:
    """By what a passage was rejected, what the window says of it, and by how much it is outside."""
    slots = seen.add(tracklet("a", 0, 3, state=state)), seen.add(tracklet("b", 3 + seconds, 99 + seconds))
    relations = seen.relate(*slots)
    if relations.link[0] < 0:
        return REASONS[relations.rejected[0]], np.nan, np.nan
    batch = seen.compare((slots[:1], slots[1:]))
    term = TravelWindowTerm(2.0, seen.topology)
    return "", float(term.weigh(batch)[0]), term.measured(batch, 0)


@pytest.mark.parametrize(("seconds", "excess"), [(9.0, 1.0), (41.5, 1.5), (42.4, 2.4)])
def test_each_second_outside_costs_the_same(seconds: float, excess: float) -> None:
    rejected, ratio, measured = weighed(scene(), seconds)
    assert rejected == ""
    assert measured == pytest.approx(excess)
    assert ratio == pytest.approx(-2.0 * excess)


@pytest.mark.parametrize("seconds", [10.0, 25.0, 40.0])
def test_nothing_is_said_of_what_is_inside_whatever_stands_beside_it(seconds: float) -> None:
    rejected, ratio, measured = weighed(scene(), seconds)
    assert (rejected, measured) == ("", 0.0)
    assert np.isnan(ratio)
    seen = scene()
    left, inside, outside = (seen.add(tracklet(*one)) for one in (("a", 0, 3), ("b", 3 + seconds, 99), ("b", 44, 99)))
    both = TravelWindowTerm(2.0, seen.topology).weigh(seen.compare(([left], [inside]), ([left], [outside])))
    assert np.isnan(both[0])
    assert both[1] == pytest.approx(-2.0)


@pytest.mark.parametrize("seconds", [7.4, 42.6])
def test_what_would_cost_too_much_is_rejected(seconds: float) -> None:
    assert weighed(scene(), seconds)[0] == "travel_window"


@pytest.mark.parametrize(
    ("matching", "link", "soft"),
    [
        ("window: hard", "", False),
        ("window: hard, window_penalty: 2", ", window: soft", True),
        ("window: soft, window_penalty: 2", ", window: hard", False),
    ],
)
def test_a_hard_window_rejects_and_a_link_may_differ_from_the_site(matching: str, link: str, soft: bool) -> None:
    rejected, ratio, _ = weighed(scene(matching, link), 41.0)
    assert (rejected == "") == soft
    assert np.isnan(ratio) != soft
    assert weighed(scene(matching, link), 39.0)[0] == ""


def test_an_open_sighting_that_seems_to_be_too_early_may_yet_go_away_in_time() -> None:
    assert np.isnan(weighed(scene(), 41.0, state="updated")[1])
    assert weighed(scene(), 9.0, state="updated")[1] == pytest.approx(-2.0), "a later end makes it worse"


def test_clocks_in_doubt_make_the_first_seconds_cheap() -> None:
    assert weighed(scene(clock=2.0), 41.0)[1] == pytest.approx(-0.5 * 0.5**2)


def test_the_cheapest_share_of_the_excess_is_put_down_to_the_clocks() -> None:
    errors = np.linspace(0.0, 30.0, 300_001)
    for excess, deviation, a_second in ((0.3, 0.5, 1.0), (4.0, 0.5, 1.0), (4.0, 3.0, 0.5), (20.0, 1.0, 2.0), (3.0, 0.0, 1.0)):
        possible = errors[errors <= excess]
        clocks = 0.5 * (possible / deviation) ** 2 if deviation else np.where(possible > 0.0, np.inf, 0.0)
        slow = (clocks + a_second * (excess - possible)).min()
        assert penalty(np.array([excess]), np.array([deviation]), a_second)[0] == pytest.approx(slow, abs=1e-6)


def test_travel_times_that_are_learned_make_up_for_a_window_that_is_wrong() -> None:
    seen = scene()
    slots = seen.add(tracklet("a", 0, 3)), seen.add(tracklet("b", 45, 99))
    batch = seen.compare((slots[:1], slots[1:]))
    window, times = TravelWindowTerm(2.0, seen.topology), TravelTimeTerm(seen.topology, 2.0)

    def both() -> float:
        return float((window.weigh(batch) + times.weigh(batch))[0])

    before = both()
    assert before < -2.0
    for seconds in np.random.default_rng(1).normal(41.5, 0.5, 40):
        times.learn(0, float(seconds), 1.0)
    times.refresh()
    assert both() > 1.0
    assert window.weigh(batch)[0] == pytest.approx(-4.0), "the window itself stays"
