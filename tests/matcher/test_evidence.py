from __future__ import annotations

import math

import numpy as np
import pytest

from inference.ensemble import Ensemble
from matcher.engine import Matcher
from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.calibration import Calibration, CalibrationPrior
from matcher.evidence.prior import PriorTerm
from matcher.evidence.term import PairBatch
from matcher.evidence.travel_time import TravelTimeDensity, TravelTimeTerm
from matcher.evidence.weights import weights_by_name
from matcher.scoring import Scorer
from matcher.topology import Link
from tests.support.sightings import Scene
from tests.support.traffic import START, chain_site, complete_at_end, drive, tracklet
from throughline.messages import Tracklet
from throughline.settings import EmbedderSettings
from throughline.types import FloatArray

LINK = Link("c1", "c2", 5.0, 20.0, 60.0)
SITE = chain_site(2)


def compared(first: Tracklet, second: Tracklet) -> PairBatch:
    scene = Scene(SITE)
    return scene.compare(([scene.add(first)], [scene.add(second)]))


def passing(seconds: float) -> PairBatch:
    return compared(tracklet("c1", 0, 3), tracklet("c2", 3 + seconds, 30 + seconds))


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
    assert density.quantile(0.5) == pytest.approx(30.0, abs=0.5)
    assert density.quantile(0.1) < 28.5 < 31.5 < density.quantile(0.9)
    for seconds in np.random.default_rng(2).normal(15.0, 1.0, size=300):
        density.learn(float(seconds), 1.0)
    assert density.ratio(15.0) > 2.0
    assert density.ratio(30.0) < -1.0


def test_a_travel_time_that_is_not_known_yet_says_nothing() -> None:
    term = TravelTimeTerm(Scene(SITE).topology)
    opened = compared(tracklet("c1", 0, 3, state="updated"), tracklet("c2", 20, 25))
    assert np.isnan(term.weigh(opened)).all()
    known = passing(20.0)
    assert term.weigh(known)[0] == pytest.approx(TravelTimeDensity(Scene(SITE).topology.links[0]).ratio(20.0), abs=1e-6)
    assert (term.measured(known, 0), term.unit) == (20.0, "s")


def test_learned_travel_times_come_into_force_when_they_are_asked_to() -> None:
    term = TravelTimeTerm(Scene(SITE).topology)
    before = term.weigh(passing(40.0))[0]
    for _ in range(50):
        term.learn(0, 40.0, 1.0)
    assert term.weigh(passing(40.0))[0] == before
    term.refresh()
    assert term.weigh(passing(40.0))[0] > before + 1.0


def test_calibration_is_learned_from_vehicles_seen_at_once() -> None:
    calibration = Calibration(CalibrationPrior(0.0, 0.2, 0.1))
    rng = np.random.default_rng(3)
    for value in rng.normal(0.5, 0.05, size=2000):
        calibration.known_different([float(value)])
    assert calibration.different == pytest.approx(0.5, abs=0.02)
    assert calibration.deviation == pytest.approx(0.05, rel=0.3)
    assert calibration.ratio(0.5) < -1.0
    for value in rng.normal(0.8, 0.05, size=2000):
        calibration.probably_same([float(value)], [0.9])
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
        sure.probably_same([0.5], [1.0])
        unsure.probably_same([0.5], [0.05])
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


def unit(vector: np.ndarray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def with_looks(scene: Scene, **looks: np.ndarray) -> int:
    views = {(name, "h"): unit(vector)[None] for name, vector in looks.items()}
    return scene.add(tracklet("c1", 0, 3, name=f"t{len(scene.table)}"), views)


def similarity(term: AppearanceTerm, scene: Scene, first: int, second: int) -> float:
    return float(term.similarities(scene.table, np.array([first]), np.array([second])).values[0])


def test_an_ensemble_is_the_weighted_mean_of_its_cosines_and_does_without_missing_members() -> None:
    term, scene = AppearanceTerm({"one": 3.0}, 4), Scene(SITE)
    first = with_looks(scene, one=np.array([1.0, 0.0]), two=np.array([1.0, 0.0]), three=np.array([1.0, 0.0]))
    second = with_looks(scene, one=np.array([1.0, 0.0]), two=np.array([0.0, 1.0]))
    other = with_looks(scene, other=np.array([1.0, 0.0]))
    found = term.similarities(scene.table, np.array([first, first]), np.array([second, other]))
    assert found.values[0] == pytest.approx(0.75)
    assert [name for name, _ in found.bases[found.basis[0]][0]] == ["one", "two"]
    assert np.isnan(found.values[1])
    assert found.basis[1] == -1


def test_equal_weights_equal_concatenation() -> None:
    rng = np.random.default_rng(5)
    vectors = [{name: rng.normal(size=16) for name in ("one", "two", "three")} for _ in range(2)]
    scene = Scene(SITE)
    found = similarity(AppearanceTerm({}, 4), scene, with_looks(scene, **vectors[0]), with_looks(scene, **vectors[1]))
    joined = [np.concatenate([vector / np.linalg.norm(vector) for vector in part.values()]) for part in vectors]
    assert found == pytest.approx(float(joined[0] @ joined[1]) / 3.0, abs=2e-3), "but for the grid"


def test_it_compares_as_the_ensemble_does_and_weighs_files_by_the_name_of_their_vectors() -> None:
    rng = np.random.default_rng(6)
    members = (EmbedderSettings(model="/models/one.onnx", weight=3.0), EmbedderSettings(model="two", weight=0.5))
    left, right = ({name: unit(rng.normal(size=(1, 32))) for name in ("one", "two")} for _ in range(2))
    del left["two"]
    scene, weights = Scene(SITE), weights_by_name(members)
    for first in ({**left, "two": unit(rng.normal(size=(1, 32)))}, left):
        ensemble = Ensemble({name: weights[name] for name in right}).similarity(first, right)[0, 0]
        slots = [with_looks(scene, **{name: rows[0] for name, rows in one.items()}) for one in (first, right)]
        assert similarity(AppearanceTerm(weights, 4), scene, *slots) == pytest.approx(float(ensemble), abs=2e-3), (
            "but for the grid"
        )


def test_the_best_pair_of_single_views_counts_beside_the_means() -> None:
    basis, scene = np.eye(3, dtype=np.float32), Scene(SITE)
    first = scene.add(tracklet("c1", 0, 3), {("one", "h"): basis[[0, 0, 2]]})
    second = scene.add(tracklet("c2", 0, 3), {("one", "h"): basis[[1, 1, 2]]})
    found = AppearanceTerm({}, 4).similarities(scene.table, np.array([first]), np.array([second]))
    assert found.values[0] == 0.5, "means differ altogether, one pair of views is equal"
    assert found.bases[found.basis[0]][1], "single views were compared"


def test_networks_and_single_views_that_come_and_go_leave_no_trace() -> None:
    basis, scene, term = np.eye(4, dtype=np.float32), Scene(SITE), AppearanceTerm({}, 4)
    first = scene.add(tracklet("c1", 0, 3), {("one", "h"): basis[[0, 1]]})
    second = scene.add(tracklet("c2", 0, 3), {("one", "h"): basis[[0, 2, 3, 1]]})
    assert similarity(term, scene, first, second) == 1.0
    scene.table.set_looks(first, {("two", "h"): basis[[0]]})
    assert np.isnan(similarity(term, scene, first, second))
    scene.table.free(second)
    assert [column.key for column in scene.table.columns.values()] == [("two", "h")]
    third = scene.add(tracklet("c2", 5, 6), {("two", "h"): basis[[1]]})
    assert similarity(term, scene, first, third) == 0.0


@pytest.mark.parametrize("dimension", [3, 128, 2048])
def test_a_cosine_does_not_depend_on_what_else_is_computed(dimension: int) -> None:
    """Bit for bit, in whatever shapes the products are computed."""
    rng = np.random.default_rng(6)
    scene, term = Scene(SITE), AppearanceTerm({}, 4)
    views = rng.normal(size=(150, 4, dimension))
    looks = [{("one", "h"): (one / np.linalg.norm(one, axis=1, keepdims=True)).astype(np.float32)} for one in views]
    slots = np.array([scene.add(tracklet("c1", k, k + 1), one) for k, one in enumerate(looks)])
    left, right = np.repeat(slots, 3)[: 3 * 100], np.sort(rng.choice(slots, 300))
    whole = term.similarities(scene.table, left, right).values
    alone = [term.similarities(scene.table, left[k : k + 1], right[k : k + 1]).values[0] for k in range(300)]
    parts = [term.similarities(scene.table, left[k : k + 7], right[k : k + 7]).values for k in range(0, 300, 7)]
    turned = term.similarities(scene.table, right, left).values
    assert whole.tolist() == alone == np.concatenate(parts).tolist() == turned.tolist()


def test_each_term_weighs_a_comparison_alone_as_among_others() -> None:
    rng = np.random.default_rng(7)
    scene = Scene(SITE)
    slots: dict[str, list[int]] = {"c1": [], "c2": []}
    for k in range(80):
        camera = ("c1", "c2")[k % 2]
        types = dict(zip(("car", "truck", "bus"), rng.dirichlet(np.ones(3)).tolist(), strict=True))
        start = float(rng.uniform(0, 5)) + 25.0 * (k % 2)
        slots[camera].append(scene.add(tracklet(camera, start, start + 2, name=f"t{k}", look=rng.normal(size=32), types=types)))
    asked = [
        (rng.choice(slots["c1"], int(rng.integers(1, 6)), replace=False).tolist(), rng.choice(slots["c2"], 1).tolist())
        for _ in range(50)
    ]
    whole = scene.compare(*asked)
    terms = (PriorTerm(0.3, scene.topology), AppearanceTerm({}, 4), TravelTimeTerm(scene.topology))
    for term in terms:
        alone = []
        for one in asked:
            batch = scene.compare(one)
            alone.append((float(term.weigh(batch)[0]), term.measured(batch, 0)))
        ratios = term.weigh(whole)
        assert np.isfinite(ratios).all()
        assert [(float(ratio), term.measured(whole, k)) for k, ratio in enumerate(ratios)] == alone


def test_a_busy_road_needs_more_evidence() -> None:
    topology = Scene(SITE).topology
    quiet, busy = PriorTerm(0.3, topology), PriorTerm(0.3, topology)
    for second in range(600):
        busy.observe("c2", START + second * 1_000_000)
    quiet.observe("c2", START + 600_000_000)
    quiet.observe("c2", START)
    assert quiet.weigh(passing(20.0))[0] > busy.weigh(passing(20.0))[0] + 2.0


def test_the_share_of_new_vehicles_is_learned_for_each_camera() -> None:
    term = PriorTerm(0.3, Scene(SITE).topology)
    before = term.weigh(passing(20.0))[0]
    for _ in range(200):
        term.decided("c2", 0.05)
    assert term.new_share("c2") == pytest.approx(0.05, abs=0.03)
    assert term.new_share("c1") == pytest.approx(0.3)
    assert term.weigh(passing(20.0))[0] > before + 1.0


def test_calibration_of_a_link_is_drawn_from_the_sites_to_its_own() -> None:
    calibration = Calibration(CalibrationPrior(0.0, 0.3, 0.1), links=8)
    rng = np.random.default_rng(4)
    for link, shift in ((0, 0.0), (1, 0.15)):  # between the cameras of link 1 all vehicles look more alike
        calibration.known_different(rng.normal(shift, 0.1, 2000).tolist(), [link] * 2000)
        calibration.probably_same(rng.normal(0.3 + shift, 0.1, 2000).tolist(), [1.0] * 2000, [link] * 2000)
    site, plain, shifted, unknown = (float(calibration.means(np.array([link]))[0][0]) for link in (-1, 0, 1, 7))
    assert plain == pytest.approx(0.0, abs=0.02)
    assert shifted == pytest.approx(0.15, abs=0.02)
    assert site == unknown == pytest.approx(0.075, abs=0.02)
    assert calibration.ratio(0.2, link=0) > calibration.ratio(0.2) > calibration.ratio(0.2, link=1)
    few = Calibration(CalibrationPrior(0.0, 0.3, 0.1), links=1)
    few.known_different([0.5] * 3, [0] * 3)
    assert few.means(np.array([0]))[0][0] < 0.06, "three pairs are not much"


def test_one_vehicle_looks_no_more_alike_than_views_of_one_track_do() -> None:
    calibration = Calibration(CalibrationPrior(0.0, 0.8, 0.1))
    for _ in range(19):
        calibration.one_track(0.4)
    assert calibration.same == pytest.approx(0.8), "too few to say so"
    calibration.one_track(0.4)
    assert calibration.same == pytest.approx(0.4)


def test_calibration_learns_from_what_was_beside_a_vehicle_that_went_on() -> None:
    matcher = Matcher(SITE)
    for record in complete_at_end(SITE, drive(SITE, 60, seed=1, every=2.0)):
        matcher.process(record)
    (calibration,) = matcher.scorer.appearance.calibrations.values()
    number = next(place for place, link in enumerate(matcher.scorer.topology.links) if link.name == "c1->c2")
    different, same = calibration.means(np.array([number, -1]))
    assert different[0] != different[1], "the link has negatives of its own"
    assert same[0] != same[1]
    assert different[0] == pytest.approx(0.0, abs=0.05)


def test_calibration_begins_where_the_site_file_says() -> None:
    own = "models: {embedders: [{model: /own.onnx, weight: 2, similarity: {same: 0.5, different: 0.3, deviation: 0.05}}]}"
    site = chain_site(2, extra=own)
    scene = Scene(site)
    scorer = Scorer(site, scene.topology, scene.table)
    different, same = scorer.appearance.calibration(((("own", "h"),), False)).means(np.array([-1]))
    assert (different[0], same[0]) == (pytest.approx(0.3), pytest.approx(0.5))
    shipped = scorer.appearance.calibration(((("colour-histogram", "h"),), False)).means(np.array([-1]))
    assert (shipped[0][0], shipped[1][0]) == (pytest.approx(0.38), pytest.approx(0.83))
