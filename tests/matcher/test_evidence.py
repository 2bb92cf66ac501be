from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.calibration import Calibration, CalibrationPrior
from matcher.evidence.prior import PriorTerm
from matcher.evidence.term import Comparison, Pair
from matcher.evidence.travel_time import TravelTimeDensity, TravelTimeTerm
from matcher.evidence.vehicle_type import VehicleTypeTerm
from matcher.gates import relate
from matcher.sightings import Appearance, Sighting, look
from matcher.topology import Link, Topology
from tests.support.traffic import START, chain_site, tracklet

LINK = Link("c1", "c2", 5.0, 20.0, 60.0)
SITE = chain_site(2)


def compared(first: Sighting, second: Sighting, term: AppearanceTerm | None = None) -> Comparison:
    similarity = None if term is None else term.similarity(first, second)
    return Comparison((first,), (second,), (Pair(relate(first, second, Topology(SITE)), similarity),))


def passing(seconds: float, **types: float) -> Comparison:
    first, second = look(tracklet("c1", 0, 3, types=types)), look(tracklet("c2", 3 + seconds, 30 + seconds, types=types))
    return compared(first, second)


def test_travel_time_starts_from_the_site_file() -> None:
    density = TravelTimeDensity(LINK)
    ratios = {seconds: density.ratio(seconds) for seconds in (5, 10, 20, 40, 60)}
    assert max(ratios, key=ratios.__getitem__) == 20
    assert ratios[20] > 0.5 > 0.0 > ratios[60]
    assert density.ratio(1000.0) == pytest.approx(density.ratio(60.0), abs=0.05), "beyond the end: as at the end"


def test_travel_time_is_a_density() -> None:
    density = TravelTimeDensity(LINK)
    for seconds in np.random.default_rng(1).normal(30.0, 2.0, size=40):
        density.learn(float(seconds), 0.9)
    times = np.linspace(5.0, 60.0, 4001)
    values = np.exp([density.ratio(float(time)) for time in times]) / 55.0
    assert np.trapezoid(values, times) == pytest.approx(1.0, abs=0.01)


def test_travel_time_follows_what_is_confirmed_and_forgets() -> None:
    density = TravelTimeDensity(LINK)
    for seconds in np.random.default_rng(1).normal(30.0, 2.0, size=200):
        density.learn(float(seconds), 1.0)
    assert density.ratio(30.0) > 2.0
    assert density.ratio(20.0) < 0.0
    assert density.mean == pytest.approx(30.0, rel=0.1)
    for seconds in np.random.default_rng(2).normal(15.0, 1.0, size=300):
        density.learn(float(seconds), 1.0)
    assert density.ratio(15.0) > 2.0
    assert density.ratio(30.0) < -1.0


def test_a_travel_time_that_is_not_known_yet_says_nothing() -> None:
    opened = look(tracklet("c1", 0, 3, state="updated"))
    assert TravelTimeTerm().weigh(compared(opened, look(tracklet("c2", 20, 25)))) is None
    evidence = TravelTimeTerm().weigh(passing(20.0))
    assert evidence is not None
    assert (evidence.raw, evidence.unit) == (20.0, "s")


def test_calibration_is_learned_from_vehicles_seen_at_once() -> None:
    calibration = Calibration(CalibrationPrior(0.0, 0.2, 0.1))
    rng = np.random.default_rng(3)
    for value in rng.normal(0.5, 0.05, size=2000):
        calibration.known_different(float(value))
    assert calibration.different == pytest.approx(0.5, abs=0.02)
    assert calibration.deviation == pytest.approx(0.05, rel=0.3)
    assert calibration.ratio(0.5) < -1.0
    for value in rng.normal(0.8, 0.05, size=2000):
        calibration.probably_same(float(value), 0.9)
    assert calibration.same == pytest.approx(0.8, abs=0.02)
    assert calibration.ratio(0.65) == pytest.approx(0.0, abs=1.0)
    assert calibration.ratio(0.8) > 3.0


def test_calibration_rises_and_is_bounded() -> None:
    calibration = Calibration(CalibrationPrior(0.2, 0.6, 0.1))
    ratios = [calibration.ratio(value) for value in np.linspace(-1.0, 1.0, 50)]
    assert ratios == sorted(ratios)
    assert -7.0 < ratios[0] < -6.0 < 6.0 < ratios[-1] < 7.0
    assert math.isfinite(calibration.ratio(1e9))


def test_a_weak_join_teaches_little() -> None:
    sure, unsure = Calibration(), Calibration()
    for _ in range(50):
        sure.probably_same(0.5, 1.0)
        unsure.probably_same(0.5, 0.05)
    assert sure.same > unsure.same > Calibration().same


def test_several_views_say_more_than_one() -> None:
    """Simulated identities: the ratio of the mean over n views must be calibrated for every n."""
    rng = np.random.default_rng(4)
    share, dimension, count = 0.3, 100, 4000
    calibration = Calibration(CalibrationPrior(0.0, share, dimension**-0.5))
    for views in (1, 4):
        same, different = [], []
        for _ in range(count):
            identity = rng.normal(size=dimension) * math.sqrt(share / dimension)
            noise = rng.normal(size=(views + 1, dimension)) * math.sqrt((1 - share) / dimension)
            stranger = rng.normal(size=dimension) / math.sqrt(dimension)
            mean = (identity + noise[1:]).mean(axis=0)
            same.append(calibration.ratio(float(mean @ (identity + noise[0])), views))
            different.append(calibration.ratio(float(mean @ stranger), views))
        scores, labels = np.array(same + different), np.array([1.0] * count + [0.0] * count)
        order = np.argsort(scores)
        for part in np.array_split(order, 5):
            predicted = (1.0 / (1.0 + np.exp(-scores[part]))).mean()
            assert predicted == pytest.approx(labels[part].mean(), abs=0.06)


def with_looks(**looks: np.ndarray) -> Sighting:
    base = look(tracklet("c1", 0, 3))
    pictures = {
        (name, "h"): Appearance((vector / np.linalg.norm(vector)).astype(np.float32), np.zeros((0, len(vector)), np.float32))
        for name, vector in looks.items()
    }
    return Sighting(base.id, base.camera, 0, base.start, base.end, False, base.clock, pictures)


def test_an_ensemble_is_the_weighted_mean_of_its_cosines_and_does_without_missing_members() -> None:
    term = AppearanceTerm({"one": 3.0})
    first = with_looks(one=np.array([1.0, 0.0]), two=np.array([1.0, 0.0]), three=np.array([1.0, 0.0]))
    second = with_looks(one=np.array([1.0, 0.0]), two=np.array([0.0, 1.0]))
    similarity = term.similarity(first, second)
    assert similarity is not None
    assert similarity.value == pytest.approx(0.75)
    assert [name for name, _ in similarity.basis] == ["one", "two"]
    assert term.similarity(first, with_looks(other=np.array([1.0, 0.0]))) is None


def test_equal_weights_equal_concatenation() -> None:
    rng = np.random.default_rng(5)
    vectors = [{name: rng.normal(size=16) for name in ("one", "two", "three")} for _ in range(2)]
    similarity = AppearanceTerm({}).similarity(with_looks(**vectors[0]), with_looks(**vectors[1]))
    joined = [np.concatenate([vector / np.linalg.norm(vector) for vector in part.values()]) for part in vectors]
    assert similarity is not None
    assert similarity.value == pytest.approx(float(joined[0] @ joined[1]) / 3.0, abs=1e-6)


def test_the_best_pair_of_single_views_counts_beside_the_means() -> None:
    basis = np.eye(3, dtype=np.float32)
    one = Appearance(basis[0], basis[[0, 2]])
    other = Appearance(basis[1], basis[[1, 2]])
    base = with_looks(one=np.array([1.0, 0.0, 0.0]))
    first = Sighting("a", "c1", 0, base.start, base.end, False, base.clock, {("one", "h"): one})
    second = Sighting("b", "c2", 0, base.start, base.end, False, base.clock, {("one", "h"): other})
    similarity = AppearanceTerm({}).similarity(first, second)
    assert similarity is not None
    assert (similarity.value, similarity.exemplars) == (0.5, True), "means differ altogether, one pair of views is equal"


def test_rare_types_say_more_and_contradictions_speak_against() -> None:
    term = VehicleTypeTerm()
    for _ in range(95):
        term.observe(look(tracklet("c1", 0, 1, types={"car": 1.0})))
    for _ in range(5):
        term.observe(look(tracklet("c1", 0, 1, types={"truck": 1.0})))

    def ratio(first: dict[str, float], second: dict[str, float]) -> float:
        one, other = look(tracklet("c1", 0, 3, types=first)), look(tracklet("c2", 23, 25, types=second))
        evidence = term.weigh(compared(one, other))
        assert evidence is not None
        return evidence.llr

    assert ratio({"truck": 1.0}, {"truck": 1.0}) > 1.5 > 0.5 > ratio({"car": 1.0}, {"car": 1.0}) > 0.0
    assert ratio({"car": 1.0}, {"truck": 1.0}) == pytest.approx(math.log(0.05))
    assert ratio({"car": 0.5, "truck": 0.5}, {"truck": 1.0}) == pytest.approx(0.0, abs=0.8)
    assert ratio({"vehicle": 1.0}, {"truck": 1.0}) == pytest.approx(0.0, abs=1e-9), "not known is no evidence"
    untyped = look(msgspec.structs.replace(tracklet("c2", 23, 25), types={}))
    assert term.weigh(compared(look(tracklet("c1", 0, 3, types={"car": 1.0})), untyped)) is None


def test_a_busy_road_needs_more_evidence() -> None:
    quiet, busy = PriorTerm(0.3), PriorTerm(0.3)
    for second in range(600):
        busy.observe("c2", START + second * 1_000_000)
    quiet.observe("c2", START + 600_000_000)
    quiet.observe("c2", START)
    assert quiet.weigh(passing(20.0)).llr > busy.weigh(passing(20.0)).llr + 2.0


def test_the_share_of_new_vehicles_is_learned_for_each_camera() -> None:
    term = PriorTerm(0.3)
    before = term.weigh(passing(20.0)).llr
    for _ in range(200):
        term.decided("c2", 0.05)
    assert term.new_share("c2") == pytest.approx(0.05, abs=0.03)
    assert term.new_share("c1") == pytest.approx(0.3)
    assert term.weigh(passing(20.0)).llr > before + 1.0
