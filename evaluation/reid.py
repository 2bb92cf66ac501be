"""Re-identification on query and gallery: average precision and cumulative match curves, in the three protocols in use.

For every query all pictures of the gallery are ranked by falling similarity. Pictures of the query's own vehicle from the
query's own camera are taken out first: finding those would prove nothing. Queries whose vehicle is then nowhere in the gallery
are left out, and counted.

Pictures that are equally alike are ranked with the wrong ones first, so that a network that calls everything alike gains
nothing, and the order of the files does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["PROTOCOLS", "TOP", "ReidScore", "Views", "precision_of_hits", "score_reid"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Truths: TypeAlias = npt.NDArray[np.bool_]

TOP: Final = 100
"""Length of the list that the AI City Challenge scores."""

PROTOCOLS: Final = ("market1501", "allshots", "cuhk03")
"""How a cumulative match curve is counted.

``market1501``: a query counts from the rank of its first true match on (Zheng et al., "Scalable Person Re-identification: A
Benchmark", ICCV 2015). ``allshots``: each of a query's n true matches counts 1/n, from its rank among the wrong pictures on.
``cuhk03``: as ``allshots``, with the whole of the query's camera taken out of the gallery and one picture drawn of each
vehicle (Li et al., "DeepReID", CVPR 2014); what is usually averaged over a few random draws is their exact expectation here.
"""


@dataclass(frozen=True, slots=True)
class Views:
    """Whose pictures these are, and where they were taken.

    Attributes:
        vehicles: (N,) int64, number of the vehicle.
        cameras: (N,) int64, number of the camera.
    """

    vehicles: Integers
    cameras: Integers

    def __post_init__(self) -> None:
        if self.vehicles.ndim != 1 or self.vehicles.shape != self.cameras.shape:
            raise ValueError(f"expected vehicles (N,) and cameras (N,), found {self.vehicles.shape} and {self.cameras.shape}")

    def __len__(self) -> int:
        return len(self.vehicles)


@dataclass(frozen=True, slots=True)
class ReidScore:
    """How well vehicles are found again.

    Attributes:
        queries: (Q,) int64, the queries that have a true match, as indices of the queries given.
        without_match: How many have none.
        average_precisions: (Q,) of each over its whole ranking.
        top_precisions: (Q,) of each over the first ``top`` of its ranking, relative to the true matches that fit there.
        first_matches: (Q,) int64, rank of the first true match, from 1.
        top: Length of the list for ``top_precisions``.
        curves: For each protocol (K,), the share of queries matched within the first 1, 2, ... K ranks.
    """

    queries: Integers
    without_match: int
    average_precisions: Floats
    top_precisions: Floats
    first_matches: Integers
    top: int
    curves: dict[str, Floats] = field(default_factory=dict)

    @property
    def mean_average_precision(self) -> float:
        """The mAP; NaN without queries."""
        return _mean(self.average_precisions)

    @property
    def top_mean_average_precision(self) -> float:
        """The mAP of the first ``top``; NaN without queries."""
        return _mean(self.top_precisions)

    def rank(self, rank: int, protocol: str = "market1501") -> float:
        """Share of queries matched within the first ``rank``; beyond the end of the curve its last value.

        Raises:
            ValueError: there is no such rank or protocol.
        """
        if protocol not in self.curves:
            raise ValueError(f"no protocol is called {protocol!r}; there are {', '.join(self.curves)}")
        curve = self.curves[protocol]
        if rank < 1:
            raise ValueError(f"ranks begin at 1, found {rank}")
        return float(curve[min(rank, len(curve)) - 1]) if len(self.queries) else float("nan")

    def of(self, kept: Truths) -> ReidScore:
        """The same of some of the queries (Q,), without curves: those are not counted query by query."""
        return ReidScore(
            self.queries[kept],
            0,
            self.average_precisions[kept],
            self.top_precisions[kept],
            self.first_matches[kept],
            self.top,
        )

    def first_rank(self) -> float:
        """Share of queries whose most alike picture shows the right vehicle: rank-1 without a curve; NaN without queries."""
        return _mean((self.first_matches == 1).astype(np.float64))

    def to_json(self, ranks: tuple[int, ...] = (1, 5, 10, 20, 50, 100)) -> dict[str, object]:
        """Plain numbers in 0..1."""
        return {
            "queries": len(self.queries),
            "queries_without_match": self.without_match,
            "map": _plain(self.mean_average_precision),
            f"map_top_{self.top}": _plain(self.top_mean_average_precision),
            "cmc": {protocol: {f"rank_{rank}": _plain(self.rank(rank, protocol)) for rank in ranks} for protocol in self.curves},
        }


def score_reid(
    similarities: npt.ArrayLike,
    query: Views,
    gallery: Views,
    *,
    top: int = TOP,
    ranks: int = 100,
    protocols: Sequence[str] = PROTOCOLS,
) -> ReidScore:
    """Scores a ranking.

    Query and gallery may be the same pictures: each query then loses its own picture with the others of its camera.

    Args:
        similarities: (Q, G), higher is more alike; of distances give their negative. NaN counts as least alike of all.
        query: Of the Q queries.
        gallery: Of the G pictures of the gallery.
        top: Length of the list for the mAP of the best ones.
        ranks: Length of the curves.
        protocols: Curves that are wanted, of `PROTOCOLS`; ``cuhk03`` takes longest where vehicles have many pictures.

    Raises:
        ValueError: shapes do not agree, a length is below 1, or there is no such protocol.
    """
    alike = np.asarray(similarities, np.float64)
    if alike.shape != (len(query), len(gallery)):
        raise ValueError(f"expected similarities ({len(query)}, {len(gallery)}), found {alike.shape}")
    if top < 1 or ranks < 1:
        raise ValueError(f"expected lengths of 1 and more, found top {top} and ranks {ranks}")
    strangers = sorted(set(protocols) - set(PROTOCOLS))
    if strangers:
        raise ValueError(f"no protocol is called {', '.join(strangers)}; there are {', '.join(PROTOCOLS)}")
    queries: list[int] = []
    precisions: list[float] = []
    top_precisions: list[float] = []
    firsts: list[int] = []
    curves = {protocol: np.zeros(ranks) for protocol in protocols}
    counted = dict.fromkeys(protocols, 0)
    for index, ranking in _rankings(alike, query, gallery):
        hits = ranking.vehicles == query.vehicles[index]
        if not hits.any():
            continue
        places = np.flatnonzero(hits)
        queries.append(index)
        precisions.append(precision_of_hits(hits))
        top_precisions.append(precision_of_hits(hits, top))
        firsts.append(int(places[0]) + 1)
        for protocol, curve in curves.items():
            part = _curve(protocol, ranking, places, query, index, ranks)
            if part is not None:
                curve += part
                counted[protocol] += 1
    return ReidScore(
        np.array(queries, np.int64),
        len(query) - len(queries),
        np.array(precisions),
        np.array(top_precisions),
        np.array(firsts, np.int64),
        top,
        {protocol: np.cumsum(curve) / max(counted[protocol], 1) for protocol, curve in curves.items()},
    )


def precision_of_hits(hits: Truths, top: int | None = None) -> float:
    """Average precision of one ranking: the mean over the true matches of the precision at their ranks.

    Args:
        hits: (G,) whether each picture, most alike first, shows the vehicle looked for.
        top: Look at the first ``top`` only; the mean is then over the matches that could have been among them. None: all.

    Returns:
        In 0..1; 0 where there is no match.
    """
    possible = int(hits.sum())
    if top is not None:
        hits, possible = hits[:top], min(possible, top)
    places = np.flatnonzero(hits)
    if possible == 0:
        return 0.0
    return float((np.arange(1, len(places) + 1) / (places + 1)).sum() / possible)


def _rankings(alike: Floats, query: Views, gallery: Views) -> Iterator[tuple[int, Views]]:
    """Each query with the gallery that it has, most alike first."""
    for index, row in enumerate(alike):
        same = gallery.vehicles == query.vehicles[index]
        left = np.flatnonzero(~(same & (gallery.cameras == query.cameras[index])))
        values = np.nan_to_num(row[left], nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        order = left[np.lexsort((same[left], -values))]  # equally alike: wrong ones first
        yield index, Views(gallery.vehicles[order], gallery.cameras[order])


def _curve(protocol: str, ranking: Views, places: Integers, query: Views, index: int, ranks: int) -> Floats | None:
    """What one query adds to each rank of a curve; None: nothing to find.

    Args:
        protocol: Of `PROTOCOLS`.
        ranking: The gallery that the query has, most alike first.
        places: Of the true matches in it.
        query: All queries.
        index: Which one it is.
        ranks: Length of the curve.
    """
    if protocol == "cuhk03":
        elsewhere = ranking.cameras != query.cameras[index]
        return _single_shot(ranking.vehicles[elsewhere], int(query.vehicles[index]), ranks)
    counted = places[:1] if protocol == "market1501" else places - np.arange(len(places))
    return np.bincount(counted[counted < ranks], minlength=ranks) / len(counted)


def _single_shot(vehicles: Integers, wanted: int, ranks: int) -> Floats | None:
    """How probable each rank of the true match is when one picture of every vehicle is drawn from a ranking.

    Given the true picture drawn, the others are drawn independently, so that the number of wrong ones before it is a sum of
    independent chances, whose distribution is built vehicle by vehicle.

    Args:
        vehicles: (G,) of the ranking, most alike first.
        wanted: The query's vehicle.
        ranks: How many ranks.

    Returns:
        (ranks,) probabilities; None where there is no true match.
    """
    places = np.flatnonzero(vehicles == wanted)
    if len(places) == 0:
        return None
    _, numbers, sizes = np.unique(vehicles, return_inverse=True, return_counts=True)
    before = np.stack([np.bincount(numbers[:place], minlength=len(sizes)) for place in places])
    before[:, numbers[places[0]]] = 0
    certain = before == sizes
    distribution = np.zeros((len(places), ranks))
    start = certain.sum(axis=1)
    inside = start < ranks
    distribution[np.flatnonzero(inside), start[inside]] = 1.0
    chances = np.where(certain, 0.0, before / sizes)
    for chance in chances.T[chances.any(axis=0)]:
        moved = distribution * chance[:, None]
        distribution -= moved
        distribution[:, 1:] += moved[:, :-1]
    return np.asarray(distribution.mean(axis=0))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _plain(value: float) -> float | None:
    """A number that JSON has."""
    return None if np.isnan(value) else value
