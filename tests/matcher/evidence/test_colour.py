from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from matcher.engine import Matcher
from matcher.evidence.colour import ColourTerm
from matcher.readings import CONFUSABLE_COLOURS, Readings
from matcher.sightings import look
from tests.support.sightings import Scene
from tests.support.traffic import Seen, chain_site, complete_at_end, tracklet
from throughline.messages import UnreadableMessageError
from throughline.settings import Site
from throughline.types import VEHICLE_COLOURS


class Colours:
    """A site that is asked what the colours of two vehicles say."""

    def __init__(self, matching: str = "", c2: str = "", weight: float = 1.0) -> None:
        site = chain_site(2, matching, by_camera={"c2": c2})
        self.scene = Scene(site)
        self.term = ColourTerm(site.matching.colour_doubt, weight)

    def add(self, camera: str, colour: str | Mapping[str, float] | None) -> int:
        start = 0 if camera == "c1" else 23
        known = {colour: 1.0} if isinstance(colour, str) else colour
        return self.scene.add(tracklet(camera, start, start + 3, name=f"t{len(self.scene.table)}", colour=known))

    def see(self, colour: str, count: int) -> None:
        for _ in range(count):
            self.term.closed(self.scene.table, self.add("c1", colour))

    def ratio(self, first: str | Mapping[str, float] | None, second: str | Mapping[str, float] | None) -> float:
        return float(self.term.weigh(self.scene.compare(([self.add("c1", first)], [self.add("c2", second)])))[0])


def test_one_colour_speaks_for_a_join_and_another_against_it() -> None:
    colours = Colours()
    assert colours.ratio("red", "red") > 1.0
    assert colours.ratio("red", "white") == pytest.approx(math.log(0.1), abs=0.2)
    assert colours.ratio("red", "white") < colours.ratio("red", "orange") < colours.ratio("red", "red")


def test_the_ratio_is_that_of_confused_colours() -> None:
    """By the book: all true colours, what each camera calls them, and how common they are."""
    colours = Colours("colour_doubt: 0.1")
    colours.see("white", 40)
    colours.see("red", 10)
    said = np.eye(len(VEHICLE_COLOURS))
    confused = said.copy()
    for (one, other), share in CONFUSABLE_COLOURS.items():
        i, j = VEHICLE_COLOURS.index(one), VEHICLE_COLOURS.index(other)
        confused[i, j] = confused[j, i] = share
        confused[i, i] -= share
        confused[j, j] -= share
    white, red, silver = (confused[VEHICLE_COLOURS.index(name)] for name in ("white", "red", "silver"))
    share = 5.0 + 40 * white + 10 * red
    share /= share.sum()
    for first, second in ((white, silver), (red, red), (white, red)):
        same = sum(share * first * second) / (sum(share * first) * sum(share * second))
        names = [VEHICLE_COLOURS[int(np.argmax(row))] for row in (first, second)]
        assert colours.ratio(*names) == pytest.approx(math.log(0.9 * same + 0.1), abs=1e-4)


def test_common_colours_say_little() -> None:
    colours = Colours()
    before = colours.ratio("white", "white"), colours.ratio("red", "red")
    colours.see("white", 200)
    assert colours.ratio("white", "white") < 0.4 < before[0]
    assert colours.ratio("red", "red") > before[1]


def test_confusion_is_symmetric_and_leaves_something_for_the_colour_itself() -> None:
    mixing = Readings.of(chain_site(2)).colours.mixing
    assert mixing is not None
    assert (mixing == mixing.T).all()
    assert mixing.sum(axis=1) == pytest.approx(1.0)
    assert mixing.diagonal().min() > 0.5
    assert {name for pair in CONFUSABLE_COLOURS for name in pair} == set(VEHICLE_COLOURS)


def test_not_to_know_a_colour_is_no_evidence() -> None:
    colours = Colours()
    colours.see("white", 30)
    anything = {name: 1.0 / len(VEHICLE_COLOURS) for name in VEHICLE_COLOURS}
    for known in ("white", "red", {"red": 0.5, "blue": 0.5}):
        assert colours.ratio(anything, known) == pytest.approx(0.0, abs=1e-5)
        assert colours.ratio({"white": 0.0}, known) == pytest.approx(0.0, abs=1e-5), "what is missing to 1 is not known"
        assert math.isnan(colours.ratio(None, known))


def test_merged_colours_are_one() -> None:
    apart, merged = Colours(), Colours("merged_colours: [[blue, green]]")
    assert apart.ratio("blue", "green") < 0.0
    assert merged.ratio("blue", "green") == pytest.approx(merged.ratio("blue", "blue"), abs=0.1)


def test_a_camera_is_trusted_as_far_as_the_site_file_says() -> None:
    ratios = [Colours(c2=f"colour_trust: {trust}").ratio("red", "white") for trust in (1.0, 0.5, 0.0)]
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(0.0, abs=1e-5)


def test_only_a_share_of_it_counts() -> None:
    assert Colours(weight=0.25).ratio("red", "red") == pytest.approx(0.25 * Colours().ratio("red", "red"))


def test_it_weighs_a_comparison_alone_as_among_others() -> None:
    rng = np.random.default_rng(8)
    colours = Colours()
    mixed = [dict(zip(VEHICLE_COLOURS, rng.dirichlet(np.full(11, 0.3)).tolist(), strict=True)) for _ in range(60)]
    slots = {camera: [colours.add(camera, colour) for colour in mixed] for camera in ("c1", "c2")}
    asked = [
        (rng.choice(slots["c1"], int(rng.integers(1, 6)), replace=False).tolist(), rng.choice(slots["c2"], 1).tolist())
        for _ in range(50)
    ]
    whole = colours.term.weigh(colours.scene.compare(*asked))
    assert np.isfinite(whole).all()
    assert [float(colours.term.weigh(colours.scene.compare(one))[0]) for one in asked] == whole.tolist()


@pytest.mark.parametrize("colour", [(1.0,), (0.5,) * 10 + (-0.1,), (math.nan,) * 11, (2.0,) + (0.0,) * 10])
def test_what_is_no_probability_is_refused(colour: tuple[float, ...]) -> None:
    record = msgspec.structs.replace(tracklet("c1", 0, 3), attributes={"colour": colour})
    with pytest.raises(UnreadableMessageError, match="colour"):
        look(record)


def joined_to(site: Site, colours: tuple[str, str, str]) -> str | None:
    """Two vehicles that look the same pass the first camera, one of them the second: which of the two is it?"""
    records = complete_at_end(
        site,
        [
            Seen(tracklet("c1", 0, 3, name="first", colour={colours[0]: 0.95}), 0),
            Seen(tracklet("c1", 1, 4, name="second", colour={colours[1]: 0.95}), 1),
            Seen(tracklet("c2", 24, 27, name="third", colour={colours[2]: 0.95}), 0),
        ],
    )
    matcher = Matcher(site)
    events = [event for record in records for event in matcher.process(record)]
    (third,) = [event for event in events if event.tracklet.tracklet == "third" and event.kind in ("confirmed", "new")]
    assert any(part.term == "colour" for part in third.evidence) == (site.matching.colour and third.joined is not None)
    return None if third.joined is None else third.joined.tracklet


def test_colours_decide_where_nothing_else_does() -> None:
    site = chain_site(2, "colour_weight: 1")
    assert joined_to(site, ("red", "blue", "red")) == "first"
    assert joined_to(site, ("blue", "red", "red")) == "second"
    off = chain_site(2, "colour: false")
    assert joined_to(off, ("red", "blue", "red")) == joined_to(off, ("blue", "red", "red"))
