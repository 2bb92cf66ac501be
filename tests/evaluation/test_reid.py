"""Re-identification's measures against plain, slow ones, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.reid import PROTOCOLS, ReidScore, Views, precision_of_hits, score_reid


def views(*pairs: tuple[int, int]) -> Views:
    """Views of (vehicle, camera)."""
    return Views(np.array([pair[0] for pair in pairs], np.int64), np.array([pair[1] for pair in pairs], np.int64))


def slow_precision(hits: list[bool]) -> float:
    """Area under the precision-recall steps, rank by rank."""
    total, found = 0.0, 0
    for rank, hit in enumerate(hits, start=1):
        if hit:
            found += 1
            total += found / rank
    return total / max(1, sum(hits))


def slow_curve(rows: list[tuple[list[int], int]], ranks: int, *, first_only: bool) -> list[float]:
    """Match curve of rankings of vehicles: each true match, or the first alone, at its rank among the wrong ones."""
    curve = [0.0] * ranks
    for ranking, wanted in rows:
        matches = [place for place, vehicle in enumerate(ranking) if vehicle == wanted]
        if first_only:
            matches = matches[:1]
        for count, place in enumerate(matches):
            for rank in range(place - count, ranks):
                curve[rank] += 1 / len(matches)
    return [value / max(1, len(rows)) for value in curve]


def slow_ranking(row: np.ndarray, query: tuple[int, int], gallery: Views, *, other_cameras_only: bool = False) -> list[int]:
    """Vehicles by falling similarity, without what the query must not see."""
    kept = []
    for value, vehicle, camera in zip(row.tolist(), gallery.vehicles.tolist(), gallery.cameras.tolist(), strict=True):
        if (vehicle, camera) == query or (other_cameras_only and camera == query[1]):
            continue
        kept.append((-value, vehicle == query[0], vehicle))
    return [vehicle for _, _, vehicle in sorted(kept)]


def test_average_precision_by_hand() -> None:
    assert precision_of_hits(np.array([True, False, True])) == pytest.approx((1 + 2 / 3) / 2)
    assert precision_of_hits(np.array([False, False, True])) == pytest.approx(1 / 3)
    assert precision_of_hits(np.array([False, False])) == 0.0


def test_precision_of_the_top_is_relative_to_what_fits_there() -> None:
    hits = np.array([True, False, True, True])
    assert precision_of_hits(hits, 1) == 1.0
    assert precision_of_hits(hits, 2) == pytest.approx(0.5)
    assert precision_of_hits(hits, 3) == pytest.approx((1 + 2 / 3) / 3)
    assert precision_of_hits(hits, 100) == precision_of_hits(hits)


def test_own_camera_is_left_out_of_the_gallery_only_for_the_own_vehicle() -> None:
    gallery = views((1, 1), (2, 1), (1, 2))
    score = score_reid([[0.9, 0.8, 0.7]], views((1, 1)), gallery)
    assert score.first_matches.tolist() == [2]
    assert score.mean_average_precision == pytest.approx(0.5)
    assert score.rank(1) == 0.0
    assert score.rank(2) == 1.0
    assert score.rank(1, "cuhk03") == 1.0, "the wrong picture is of the query's own camera"


def test_queries_without_a_true_match_are_counted_and_left_out() -> None:
    score = score_reid([[0.9, 0.1], [0.9, 0.1]], views((1, 1), (7, 1)), views((1, 2), (2, 2)))
    assert (score.queries.tolist(), score.without_match) == ([0], 1)
    assert score.mean_average_precision == 1.0
    empty = score_reid(np.zeros((1, 1)), views((1, 1)), views((2, 2)))
    assert math.isnan(empty.mean_average_precision)
    assert math.isnan(empty.rank(1))
    assert empty.to_json()["map"] is None


def test_calling_everything_alike_gains_nothing() -> None:
    gallery = views((1, 2), (2, 2), (3, 2), (4, 2))
    score = score_reid(np.ones((2, 4)), views((1, 1), (2, 1)), gallery)
    assert score.first_matches.tolist() == [4, 4]
    assert score.mean_average_precision == pytest.approx(0.25)


def test_a_similarity_that_is_no_number_ranks_last() -> None:
    score = score_reid([[np.nan, 0.2, -0.9]], views((1, 1)), views((1, 2), (2, 2), (3, 2)))
    assert score.first_matches.tolist() == [3]


def test_all_shots_shares_a_query_among_its_matches() -> None:
    score = score_reid([[0.9, 0.8, 0.7]], views((1, 1)), views((1, 2), (2, 2), (1, 3)))
    assert score.curves["allshots"][:3].tolist() == [0.5, 1.0, 1.0]
    assert score.curves["market1501"][0] == 1.0


def test_query_and_gallery_may_be_the_same_pictures() -> None:
    both = views((1, 1), (1, 2), (2, 1), (2, 2))
    vectors = np.array([[1, 0], [0.7, 0.714], [0, 1], [-0.6, 0.8]])
    score = score_reid(vectors @ vectors.T, both, both)
    assert len(score.queries) == 4
    assert score.rank(1) == 0.75


def test_some_of_the_queries_can_be_looked_at_alone() -> None:
    score = score_reid([[0.9, 0.1], [0.9, 0.1]], views((1, 1), (2, 1)), views((1, 2), (2, 2)))
    part = score.of(np.array([False, True]))
    assert (part.queries.tolist(), part.first_rank(), part.mean_average_precision) == ([1], 0.0, 0.5)


@given(st.integers(0, 10_000))
def test_equal_to_slow_measures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, vehicles, cameras = int(rng.integers(1, 30)), int(rng.integers(1, 6)), int(rng.integers(1, 4))
    query = Views(rng.integers(0, vehicles, 5), rng.integers(0, cameras, 5))
    gallery = Views(rng.integers(0, vehicles, count), rng.integers(0, cameras, count))
    alike = np.round(rng.random((5, count)), 1)  # rounded: ties are frequent
    pairs = list(zip(query.vehicles.tolist(), query.cameras.tolist(), strict=True))
    rankings = [(slow_ranking(row, pair, gallery), pair[0]) for row, pair in zip(alike, pairs, strict=True)]
    rankings = [(ranking, wanted) for ranking, wanted in rankings if wanted in ranking]

    score = score_reid(alike, query, gallery, top=4, ranks=8)

    hits = [[vehicle == wanted for vehicle in ranking] for ranking, wanted in rankings]
    assert score.average_precisions.tolist() == pytest.approx([slow_precision(row) for row in hits])
    cut = [slow_precision(row[:4]) * sum(row[:4]) / min(4, sum(row)) for row in hits]
    assert score.top_precisions.tolist() == pytest.approx(cut)
    if rankings:
        assert score.curves["market1501"].tolist() == pytest.approx(slow_curve(rankings, 8, first_only=True))
        assert score.curves["allshots"].tolist() == pytest.approx(slow_curve(rankings, 8, first_only=False))


def test_single_shot_is_the_expectation_of_random_draws() -> None:
    rng = np.random.default_rng(3)
    query = Views(rng.integers(0, 4, 6), np.zeros(6, np.int64))
    gallery = Views(rng.integers(0, 4, 25), rng.integers(0, 3, 25))
    alike = rng.random((6, 25))
    drawn = []
    for _ in range(3000):
        for row, vehicle in zip(alike, query.vehicles.tolist(), strict=True):
            ranking = slow_ranking(row, (vehicle, 0), gallery, other_cameras_only=True)
            places = [rng.choice([place for place, one in enumerate(ranking) if one == other]) for other in set(ranking)]
            drawn.append(([ranking[place] for place in sorted(places)], vehicle))
    expected = slow_curve(drawn, 5, first_only=False)
    score = score_reid(alike, query, gallery, ranks=5)
    assert score.curves["cuhk03"].tolist() == pytest.approx(expected, abs=0.02)


def test_all_protocols_agree_where_every_vehicle_has_one_picture() -> None:
    rng = np.random.default_rng(8)
    query = Views(np.arange(9), np.ones(9, np.int64))
    gallery = Views(rng.permutation(9), np.full(9, 2))
    curves = score_reid(rng.random((9, 9)), query, gallery, ranks=9).curves
    for protocol in PROTOCOLS:
        assert curves[protocol].tolist() == pytest.approx(curves["market1501"].tolist())
        assert curves[protocol][-1] == pytest.approx(1.0)


def test_only_the_curves_that_are_wanted() -> None:
    score = score_reid([[0.9]], views((1, 1)), views((1, 2)), protocols=("allshots",))
    assert list(score.curves) == ["allshots"]
    with pytest.raises(ValueError, match="no protocol is called 'market1501'; there are allshots"):
        score.rank(1)


def test_wrong_use_is_refused() -> None:
    one = views((1, 1))
    with pytest.raises(ValueError, match=r"expected similarities \(1, 1\), found \(1, 2\)"):
        score_reid(np.zeros((1, 2)), one, one)
    with pytest.raises(ValueError, match="lengths of 1 and more"):
        score_reid(np.zeros((1, 1)), one, one, top=0)
    with pytest.raises(ValueError, match="no protocol is called imagenet; there are market1501, allshots, cuhk03"):
        score_reid(np.zeros((1, 1)), one, one, protocols=("imagenet",))
    with pytest.raises(ValueError, match="vehicles \\(N,\\)"):
        Views(np.zeros(2, np.int64), np.zeros(3, np.int64))
    score: ReidScore = score_reid(np.zeros((1, 1)), one, views((1, 2)))
    with pytest.raises(ValueError, match="no protocol is called 'imagenet'"):
        score.rank(1, "imagenet")
    with pytest.raises(ValueError, match="ranks begin at 1"):
        score.rank(0)
