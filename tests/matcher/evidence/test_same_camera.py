from __future__ import annotations

import numpy as np
import pytest

from matcher.engine import Matcher
from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.same_camera import SameCameraTerm
from matcher.gates import OVERLAP
from tests.support.sightings import Scene
from tests.support.traffic import Seen, chain_site, complete_at_end, tracklet
from throughline.settings import Site

LEVELS = "same_camera: {alike: 1, alike_penalty: 0.5, penalty: 3}"
ALIKE, STRANGE = np.array([1.0, 0.1, 0.0]), np.array([0.0, 0.0, 1.0])
LOOK = np.array([1.0, 0.0, 0.0])


class Camera:
    """Two tracks of one camera, the second after the first."""

    def __init__(self, site: Site, camera: str = "c1") -> None:
        self.scene, self.camera = Scene(site), camera
        self.appearance = AppearanceTerm({}, len(self.scene.topology.links))
        self.term = SameCameraTerm(site, self.appearance)

    def add(self, start: float, look: np.ndarray | None) -> int:
        return self.scene.add(tracklet(self.camera, start, start + 3, name=f"t{len(self.scene.table)}", look=look))

    def ratio(self, first: np.ndarray | None, second: np.ndarray | None, gap: float = 1.0) -> float:
        return float(self.term.weigh(self.scene.compare(([self.add(0, first)], [self.add(3 + gap, second)])))[0])


def test_what_is_alike_is_punished_less() -> None:
    camera = Camera(chain_site(2, LEVELS))
    assert camera.ratio(LOOK, ALIKE) == -0.5
    assert camera.ratio(LOOK, STRANGE) == -3.0
    assert camera.ratio(LOOK, ALIKE, gap=120.0) == -0.5, "also where it has come back"
    assert camera.ratio(LOOK, STRANGE, gap=120.0) == -3.0


def test_alike_means_what_looks_say_by_themselves() -> None:
    site = chain_site(2, LEVELS)
    camera = Camera(site)
    level = next(value for value in np.linspace(-0.2, 1.0, 1201) if camera.appearance.calibration(BASIS).ratio(value) >= 1.0)
    for cosine, expected in ((level - 0.01, -3.0), (level + 0.01, -0.5)):
        assert camera.ratio(LOOK, np.array([cosine, np.sqrt(1.0 - cosine**2), 0.0])) == expected


BASIS = ((("test", "0" * 16),), False)


def test_looks_that_are_not_known_are_not_punished() -> None:
    site = chain_site(2, LEVELS)
    camera = Camera(site)
    assert camera.ratio(None, LOOK) == -0.5
    blind = SameCameraTerm(site, None)
    batch = camera.scene.compare(([camera.add(0, LOOK)], [camera.add(4, STRANGE)]))
    assert blind.weigh(batch)[0] == -0.5
    assert blind.measured(batch, 0) is None


def test_it_says_nothing_of_two_cameras() -> None:
    site = chain_site(2, LEVELS)
    scene = Scene(site)
    term = SameCameraTerm(site, AppearanceTerm({}, len(scene.topology.links)))
    slots = [scene.add(tracklet(camera, start, start + 3, look=LOOK)) for camera, start in (("c1", 0), ("c2", 23), ("c1", 4))]
    ratios = term.weigh(scene.compare(([slots[0]], [slots[1]]), ([slots[0]], [slots[2]])))
    assert np.isnan(ratios[0])
    assert ratios[1] == -0.5


def test_a_camera_may_have_rules_of_its_own() -> None:
    own = {"c2": "same_camera: {penalty: 9}", "c3": "same_camera: {alike: -20, alike_penalty: 0}"}
    site = chain_site(3, LEVELS, by_camera=own)
    assert [Camera(site, camera).ratio(LOOK, STRANGE) for camera in ("c1", "c2", "c3")] == [-3.0, -9.0, 0.0]
    assert [Camera(site, camera).ratio(LOOK, ALIKE) for camera in ("c1", "c2", "c3")] == [-0.5, -0.5, 0.0]


def test_several_tracks_of_one_camera_count_once() -> None:
    camera = Camera(chain_site(2, LEVELS))
    slots = [camera.add(0, LOOK), camera.add(4, STRANGE), camera.add(8, LOOK)]
    batch = camera.scene.compare((slots[:2], slots[2:]))
    assert camera.term.weigh(batch)[0] == -1.75
    assert camera.term.measured(batch, 0) == pytest.approx(0.5)


def test_it_weighs_a_comparison_alone_as_among_others() -> None:
    rng = np.random.default_rng(10)
    camera = Camera(chain_site(2, LEVELS))
    slots = [camera.add(4.0 * k, LOOK + 0.9 * rng.normal(size=3)) for k in range(40)]
    asked = [(slots[k : k + 1 + k % 3], [slots[k + 4]]) for k in range(36)]
    whole = camera.term.weigh(camera.scene.compare(*asked))
    assert len(set(whole.tolist())) > 2
    assert [float(camera.term.weigh(camera.scene.compare(one))[0]) for one in asked] == whole.tolist()


@pytest.mark.parametrize(
    ("matching", "joined"), [("same_camera: {alike: 7, penalty: 12}", False), ("same_camera: {enabled: false}", True)]
)
def test_parts_of_a_broken_track_are_joined_unless_the_rule_forbids_it(matching: str, joined: bool) -> None:
    site = chain_site(2, matching)
    look = np.random.default_rng(3).normal(size=64)
    records = complete_at_end(
        site,
        [Seen(tracklet("c1", 0, 3, name="first", look=look), 0), Seen(tracklet("c1", 3.4, 6, name="second", look=look), 0)],
    )
    matcher = Matcher(site)
    events = [event for record in records for event in matcher.process(record)]
    final = [event for event in events if event.tracklet.tracklet == "second" and event.kind in ("confirmed", "new")]
    assert [event.kind == "confirmed" for event in final] == [joined]


def test_two_at_once_stay_two_whatever_the_rule_says() -> None:
    camera = Camera(chain_site(2, "same_camera: {enabled: false}"))
    slots = camera.add(0, LOOK), camera.add(1, LOOK)
    relations = camera.scene.relate(*slots)
    assert relations.rejected[0] == OVERLAP
    assert relations.impossible[0]
