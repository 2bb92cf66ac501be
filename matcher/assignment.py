"""One-to-one assignment on a sparse graph, exact, and how probable each choice is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

__all__ = ["assign", "marginals"]

Column = TypeVar("Column", bound=Hashable)

_ROUNDS = 200
_CONVERGED = 1e-6
_LARGEST = 25.0
"""Log-odds beyond this are as good as certain; float64 then still knows the others of a sum."""


def assign(scores: Sequence[Mapping[Column, float]], alone: Sequence[float] | None = None) -> list[Column | None]:
    """The one-to-one assignment of rows to columns with the largest sum of scores.

    Each row may stay alone (None), for a score of its own. The graph falls into connected components, each solved exactly
    (Jonker-Volgenant, `scipy.optimize.linear_sum_assignment`). Equal sums are decided by the order of rows and of columns
    as they first appear, so equal input gives equal output.

    Args:
        scores: For each row, the score of each column that it may take.
        alone: For each row, the score of staying alone; default 0.

    Returns:
        For each row its column, or None.
    """
    if alone is None:
        alone = [0.0] * len(scores)
    useful = [
        {column: score for column, score in row.items() if score > own and not math.isinf(score)}
        for row, own in zip(scores, alone, strict=True)
    ]
    result: list[Column | None] = [None] * len(scores)
    for group in _components(useful):
        if len(group) == 1:
            options = useful[group[0]]
            result[group[0]] = max(options, key=options.__getitem__)
        else:
            _solve(group, useful, alone, result)
    return result


def _solve(
    group: Sequence[int], useful: Sequence[Mapping[Column, float]], alone: Sequence[float], result: list[Column | None]
) -> None:
    """One connected component."""
    columns: dict[Column, int] = {}
    for row in group:
        for column in useful[row]:
            columns.setdefault(column, len(columns))
    # Columns beyond the real ones: one for each row to stay alone in. Gains over staying alone are positive.
    gain = np.zeros((len(group), len(columns) + len(group)))
    for place, row in enumerate(group):
        for column, score in useful[row].items():
            gain[place, columns[column]] = score - alone[row]
    names = list(columns)
    for place, chosen in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if chosen < len(names) and names[chosen] in useful[group[place]]:
            result[group[place]] = names[chosen]


def _components(scores: Sequence[Mapping[Column, float]]) -> list[list[int]]:
    """Rows that share columns, directly or through others; in the order of their first rows."""
    parent = list(range(len(scores)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    owner: dict[Column, int] = {}
    for row, options in enumerate(scores):
        for column in options:
            first, second = sorted((root(owner.setdefault(column, row)), root(row)))
            parent[second] = first
    groups: dict[int, list[int]] = {}
    for row, options in enumerate(scores):
        if options:
            groups.setdefault(root(row), []).append(row)
    return list(groups.values())


def marginals(log_odds: Sequence[Mapping[Column, float]]) -> list[dict[Column, float]]:
    """Probability that each row takes each column, over all one-to-one assignments weighted by exp(sum of log-odds).

    Staying alone has log-odds 0. Exact for a single row, and for rows that do not compete; otherwise loopy belief
    propagation (Williams and Lau, "Approximate evaluation of marginal association probabilities with belief
    propagation", IEEE Trans. AES 50, 2014), which always converges and is close to exact.

    Args:
        log_odds: For each row, the log-odds of each column that it may take against staying alone. Rows of problems that
            have no column in common can be solved together.

    Returns:
        For each row the probability of each of its columns; what is missing to 1 is that of staying alone.
    """
    places: dict[Column, int] = {}
    rows = [row for row, options in enumerate(log_odds) for _ in options]
    columns = [places.setdefault(column, len(places)) for options in log_odds for column in options]
    if not columns:
        return [{} for _ in log_odds]
    row, column = np.array(rows), np.array(columns)
    weights = np.exp(np.minimum([value for options in log_odds for value in options.values()], _LARGEST))
    back = np.ones(len(weights))
    contested = np.bincount(column)[column] > 1
    if contested.any():
        for _ in range(_ROUNDS):
            forth = weights / (1.0 + _others(weights * back, row, len(log_odds)))
            messages = np.where(contested, 1.0 / (1.0 + _others(forth, column, len(places))), 1.0)
            change = float(np.abs(messages - back).max())
            back = messages
            if change < _CONVERGED:
                break
    shares = weights * back
    shares /= 1.0 + np.bincount(row, shares, len(log_odds))[row]
    found = iter(shares.tolist())
    return [{column: next(found) for column in options} for options in log_odds]


def _others(values: npt.NDArray[np.float64], node: npt.NDArray[np.int64], nodes: int) -> npt.NDArray[np.float64]:
    """For each edge the sum over the other edges of its node."""
    return np.maximum(np.bincount(node, values, nodes)[node] - values, 0.0)
