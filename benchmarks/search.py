"""How fast searches are, and what the approximate index misses: exact and IVF on the same vectors, in the same run.

``python -m benchmarks.search`` makes vectors as a re-identification network gives them: vehicles of a few hundred kinds, each
seen in several views of which every one differs, at cameras that each add something of their own. Further views of known
vehicles are the questions. Asked are the most alike of all vectors, of a part of them, and again when some have expired and
others have come; the truth is the exact search. Everything runs in one thread, as it does in the product.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.threads import limit_threads

limit_threads()  # before numpy is loaded, as the product does

import numpy as np  # noqa: E402 - after the limit

from matcher.search.exact import ExactIndex  # noqa: E402 - as above
from matcher.search.index import VectorIndex  # noqa: E402 - as above
from matcher.search.ivf import IvfIndex  # noqa: E402 - as above
from matcher.search.rows import BoolArray, VectorRows  # noqa: E402 - as above
from throughline.types import FloatArray  # noqa: E402 - as above

__all__ = ["main"]

_KINDS, _CAMERAS, _VIEWS = 300, 50, 8
_MADE_AT_ONCE = 20_000


class Traffic:
    """Endless vehicles with their views.

    Args:
        dimension: Length of a vector.
        spread: How much the views of one vehicle differ, against how much vehicles of one kind do.
        seed: Decides everything.
    """

    def __init__(self, dimension: int, spread: float, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._spread = spread
        scale = 1.0 / np.sqrt(np.arange(1, dimension + 1))  # a few directions hold most of what differs, as in real embeddings
        self._scale = (scale / np.linalg.norm(scale) * np.sqrt(dimension)).astype(np.float32)
        self._kinds = self._normal(_KINDS)
        self._cameras = 0.3 * self._normal(_CAMERAS)

    def _normal(self, count: int) -> FloatArray:
        drawn: FloatArray = self._random.standard_normal((count, len(self._scale)), np.float32) * self._scale
        return drawn

    def vehicles(self, count: int) -> FloatArray:
        """(N, D): what makes each vehicle."""
        return self._kinds[self._random.integers(0, _KINDS, count)] + self._normal(count)

    def views(self, vehicles: FloatArray) -> FloatArray:
        """(N, D): a view of each, of unit length."""
        cameras = self._cameras[self._random.integers(0, _CAMERAS, len(vehicles))]
        seen = vehicles + cameras + self._spread * self._normal(len(vehicles))
        unit: FloatArray = seen / np.linalg.norm(seen, axis=1, keepdims=True)
        return unit


def main() -> int:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", type=int, nargs="*", default=[100_000, 500_000])
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--spread", type=float, default=0.7)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--count", type=int, nargs="*", default=[20, 160], help="vectors asked for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    results = []
    for vectors in options.vectors:
        results.append(_measure(vectors, options))
        _print(results[-1])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def _measure(vectors: int, options: argparse.Namespace) -> dict[str, Any]:
    traffic = Traffic(options.dimension, options.spread, options.seed)
    rows, known = VectorRows(options.dimension), []
    for vehicles in _in_parts(traffic, vectors // _VIEWS):
        known.append(vehicles[: max(1, options.questions * len(vehicles) * _VIEWS // vectors)])
        for _ in range(_VIEWS):
            for view in traffic.views(vehicles):
                rows.put(view)
    questions = traffic.views(np.concatenate(known)[: options.questions])
    outcomes: list[str] = []
    exact, approximate = ExactIndex(rows), IvfIndex(rows, min(50_000, vectors // 2), outcomes.append)
    result: dict[str, Any] = {"vectors": len(rows), "dimension": options.dimension, "questions": len(questions)}
    result["build seconds"] = _built(approximate)
    result["build"] = outcomes[-1]
    masks = {"all": rows.used, "a random 40 %": rows.used & (np.random.default_rng(0).random(rows.capacity) < 0.4)}
    result["searches"] = [
        _compare(exact, approximate, questions, count, mask) | {"among": name}
        for name, mask in masks.items()
        for count in options.count
    ]
    # Then a tenth of the vectors expires and others come: they are searched beside the index.
    for row in range(0, rows.capacity, 10):
        if rows.used[row]:
            rows.free(row)
    for view in traffic.views(traffic.vehicles(len(rows) // 9)):
        rows.put(view)
    result["searches"] += [
        _compare(exact, approximate, questions, options.count[0], rows.used) | {"among": "all, a tenth changed since the build"}
    ]
    for row in range(1, rows.capacity, 8):
        if rows.used[row]:
            rows.free(row)
    for view in traffic.views(traffic.vehicles(vectors - len(rows))):
        rows.put(view)
    result["rebuild seconds"] = _built(approximate)
    result["searches"] += [
        _compare(exact, approximate, questions, options.count[0], rows.used) | {"among": "all, after a rebuild"}
    ]
    approximate.close()
    return result


def _in_parts(traffic: Traffic, vehicles: int) -> Iterator[FloatArray]:
    most = _MADE_AT_ONCE // _VIEWS
    for first in range(0, vehicles, most):
        yield traffic.vehicles(min(most, vehicles - first))


def _built(index: IvfIndex) -> float:
    began = time.perf_counter()
    index.maintain()
    index.wait()
    return time.perf_counter() - began


def _compare(
    exact: VectorIndex, approximate: VectorIndex, questions: FloatArray, count: int, allowed: BoolArray
) -> dict[str, Any]:
    found: dict[str, list[set[int]]] = {}
    times: dict[str, list[float]] = {}
    for name, index in (("exact", exact), ("ivf", approximate)):
        for question in questions:
            began = time.perf_counter()
            rows = index.search(question, count, allowed).rows
            times.setdefault(name, []).append(time.perf_counter() - began)
            found.setdefault(name, []).append(set(rows.tolist()))
    shares = [len(true & said) / len(true) for true, said in zip(found["exact"], found["ivf"], strict=True)]
    quantiles = {f"{name} ms p{q}": float(np.quantile(times[name], q / 100) * 1e3) for name in times for q in (50, 99)}
    return {"count": count, "recall": float(np.mean(shares)), "least recall": min(shares), **quantiles}


def _print(result: dict[str, Any]) -> None:
    build = f"built in {result['build seconds']:.1f} s ({result['build']}), rebuilt in {result['rebuild seconds']:.1f} s"
    print(f"\n### {result['vectors']} vectors of {result['dimension']} numbers: index {build}\n")
    print("| among | count | recall | least | exact p50 | exact p99 | IVF p50 | IVF p99 |\n|---|---|---|---|---|---|---|---|")
    for row in result["searches"]:
        quantiles = " | ".join(f"{row[f'{name} ms p{q}']:.1f} ms" for name in ("exact", "ivf") for q in (50, 99))
        print(f"| {row['among']} | {row['count']} | {row['recall']:.4f} | {row['least recall']:.2f} | {quantiles} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
