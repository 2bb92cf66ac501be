"""One-to-one assignment on a sparse graph, exact, and how probable each choice is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

__all__ = ["assign", "marginals"]

Column = TypeVar("Column", bound=Hashable)

_ROUNDS = 200
_CONVERGED = 1e-9
_LARGEST = 50.0
"""Log-odds beyond this are as good as certain."""


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
    return result


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
        log_odds: For each row, the log-odds of each column that it may take against staying alone.

    Returns:
        For each row the probability of each of its columns; what is missing to 1 is that of staying alone.
    """
    weights = [{column: math.exp(min(value, _LARGEST)) for column, value in row.items()} for row in log_odds]
    back: list[dict[Column, float]] = [dict.fromkeys(row, 1.0) for row in weights]
    sharers: dict[Column, list[int]] = {}
    for index, row in enumerate(weights):
        for column in row:
            sharers.setdefault(column, []).append(index)
    for _ in range(_ROUNDS):
        forth: list[dict[Column, float]] = []
        for row, messages in zip(weights, back, strict=True):
            others = _sums_of_others([weight * messages[column] for column, weight in row.items()])
            forth.append({column: weight / (1.0 + rest) for (column, weight), rest in zip(row.items(), others, strict=True)})
        change = 0.0
        for column, rows in sharers.items():
            for index, rest in zip(rows, _sums_of_others([forth[index][column] for index in rows]), strict=True):
                message = 1.0 / (1.0 + rest)
                change = max(change, abs(message - back[index][column]))
                back[index][column] = message
        if change < _CONVERGED:
            break
    result = []
    for row, messages in zip(weights, back, strict=True):
        shares = {column: weight * messages[column] for column, weight in row.items()}
        total = 1.0 + sum(shares.values())
        result.append({column: share / total for column, share in shares.items()})
    return result


def _sums_of_others(values: Sequence[float]) -> list[float]:
    """For each value the sum of all but it, without the cancellation that subtracting it from the total would bring."""
    before = [0.0]
    for value in values[:-1]:
        before.append(before[-1] + value)
    behind = 0.0
    result = [0.0] * len(values)
    for place in range(len(values) - 1, -1, -1):
        result[place] = before[place] + behind
        behind += values[place]
    return result
