"""k-reciprocal neighbours: two things are alike if each is among the other's nearest, and they share such neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from throughline.types import IntArray

__all__ = ["reciprocal_encodings", "shared"]

_Distances = npt.NDArray[np.float64]

_OVERLAP = 2.0 / 3.0
"""Share of a neighbour's own neighbours that must be known ones, for the others to be taken in."""


def reciprocal_encodings(distances: _Distances, k1: int, k2: int) -> _Distances:
    """Which neighbours each of N things has, as weights.

    Zhong, Zheng, Cao and Li, "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017: the k-reciprocal
    nearest neighbours (eq. 3), expanded by those of its members within k1 / 2 that overlap by two thirds (eq. 4), weighted by
    exp(-d) (eq. 7, with rows that sum to 1), and averaged over the k2 nearest (eq. 11).

    Args:
        distances: (N, N), 0 on the diagonal; infinite: never neighbours.
        k1: Neighbours looked at.
        k2: Encodings averaged, the own one included; 1: no averaging.

    Returns:
        (N, N), rows sum to 1.
    """
    count = len(distances)
    order = np.argsort(distances, axis=1, kind="stable")
    finite = np.isfinite(np.take_along_axis(distances, order, axis=1))
    wide = _reciprocal(order, finite, k1)
    narrow = _reciprocal(order, finite, round(k1 / 2))
    sizes = narrow.sum(axis=1)
    overlap = wide.astype(np.float64) @ narrow.T.astype(np.float64)  # whole numbers: exact in any order
    taken_in = wide & (overlap > _OVERLAP * sizes)
    expanded = wide | (taken_in.astype(np.float64) @ narrow > 0.0)
    weights = np.where(expanded, np.exp(-np.where(expanded, distances, 0.0)), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    if k2 <= 1:
        return weights
    nearest = order[:, : min(k2, count)]
    among = finite[:, : min(k2, count)]
    return np.asarray((weights[nearest] * among[:, :, None]).sum(axis=1) / among.sum(axis=1)[:, None])


def _reciprocal(order: IntArray, finite: npt.NDArray[np.bool_], k: int) -> npt.NDArray[np.bool_]:
    """(N, N) whether each is among the k nearest of the other, itself not counted."""
    among = np.zeros(order.shape, np.bool_)
    nearest = order[:, : k + 1]
    np.put_along_axis(among, nearest, finite[:, : k + 1], axis=1)
    return np.asarray(among & among.T)


def shared(encodings: _Distances, one: int, others: IntArray) -> _Distances:
    """How many neighbours one shares with each of M others: 1 less Jaccard's distance (eq. 10).

    Args:
        encodings: (N, N) as `reciprocal_encodings` gives them.
        one: Place of the one.
        others: (M,) places of the others.

    Returns:
        (M,), 0 none, 1 all.
    """
    both = np.minimum(encodings[others], encodings[one]).sum(axis=1)
    return np.asarray(both / (2.0 - both))
