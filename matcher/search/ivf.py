"""Search in an inverted file, by faiss: only the clusters nearest to the question are compared with.

Johnson, Douze, Jégou, *Billion-scale similarity search with GPUs*, IEEE Transactions on Big Data 2019 (arXiv 1702.08734).
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import structlog

from matcher.search.exact import ExactIndex
from matcher.search.index import Nearest, nearest
from matcher.search.rows import BoolArray, VectorRows
from throughline.types import FloatArray, IntArray

__all__ = ["IvfIndex", "faiss_is_installed"]

_TARGET: Final = 0.99
"""Share of the truly nearest that a fresh index must find."""
_JUDGED_BY: Final = 100
"""Nearest rows that this is judged by; of small sets fewer, since what is far counts as near there."""
_TRIALS: Final = 128
_CHANGED: Final = 0.2
"""Share of rows that have changed since the index was built, from which on it is built anew."""
_TRAINED_WITH: Final = 48  # vectors for each cluster; more make clusters hardly better
_ITERATIONS: Final = 6
_MOST_OF_A_GPU: Final = 2048  # results and clusters of one search that the GPU's index can handle
_GPU_SCRATCH: Final = 256 * 1024 * 1024  # bytes
_NICENESS: Final = 10

log = structlog.get_logger(__name__)


def faiss_is_installed() -> bool:
    """Whether faiss can be imported."""
    try:
        _faiss()
    except ImportError:
        return False
    return True


def _faiss() -> Any:
    import faiss  # late: it is an extra, and takes a while

    return faiss


@dataclass(frozen=True, slots=True)
class _Built:
    """An index of the rows as they were at one time; it never changes.

    Attributes:
        index: faiss' index; the ids are rows.
        members: (capacity then,), the rows in it.
        count: How many these are.
        stamp: `VectorRows.clock` then: what has a later stamp must not be taken from here.
        clusters: How many there are.
        probes: Clusters that must be compared with to find enough of the nearest ``judged_by``.
        judged_by: How many that are.
        on_gpu: The index lies on a GPU, which cannot leave rows out by itself.
    """

    index: Any
    members: BoolArray
    count: int
    stamp: int
    clusters: int
    probes: int
    judged_by: int
    on_gpu: bool


class IvfIndex:
    """`matcher.search.index.VectorIndex` that searches large sets approximately, and small ones exactly.

    The index is built in a thread from the rows as they are, and never changed. What was put or replaced since is searched
    exactly beside it, what was freed since is left out; when that has become much, the index is built anew. Each build measures
    how many clusters must be compared with to find 99 % of the nearest, and where that would be more than half
    of them, search stays exact. Similarities are always computed from the vectors themselves.

    Args:
        rows: What is searched.
        approximate_above: Allowed rows up to which search is exact.
        built: Is told the outcome of each build, from the building thread: ``ready``, ``inexact``, ``failed``.
    """

    def __init__(self, rows: VectorRows, approximate_above: int, built: Callable[[str], None] = lambda _: None) -> None:
        self._rows, self._approximate_above, self._tell = rows, approximate_above, built
        self._exact = ExactIndex(rows)
        self._built: _Built | None = None
        self._tried_at = 0
        """`VectorRows.clock` at the start of the latest build."""
        self._building: threading.Thread | None = None
        self._closed = threading.Event()

    def search(self, query: FloatArray, count: int, allowed: BoolArray) -> Nearest:
        """See `matcher.search.index.VectorIndex.search`."""
        built = self._built
        if built is None or np.count_nonzero(allowed) <= self._approximate_above:
            return self._exact.search(query, count, allowed)
        indexed = np.zeros_like(allowed)
        size = len(built.members)
        indexed[:size] = allowed[:size] & built.members & (self._rows.stamps[:size] <= built.stamp)
        candidates = _search(built, query, count, indexed)
        if len(candidates) < min(count, int(np.count_nonzero(indexed))):  # the filter left too little of the clusters
            return self._exact.search(query, count, allowed)
        fresh = self._exact.search(query, count, allowed & ~indexed)
        rows = np.concatenate([candidates, fresh.rows])
        similarities = np.concatenate([self._rows.take(candidates) @ query, fresh.similarities])
        return nearest(rows, similarities, count, exact=False)

    def maintain(self) -> None:
        """See `matcher.search.index.VectorIndex.maintain`."""
        if self._closed.is_set() or (self._building is not None and self._building.is_alive()):
            return
        if len(self._rows) <= self._approximate_above:
            self._built, self._tried_at = None, 0
        elif self._tried_at == 0 or np.count_nonzero(self._rows.stamps > self._tried_at) > _CHANGED * len(self._rows):
            self._tried_at = self._rows.clock
            self._building = threading.Thread(target=self._build, name="search index", daemon=True)  # an exit need not wait
            self._building.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for a build that runs; whether an index is in use."""
        if self._building is not None:
            self._building.join(timeout)
        return self._built is not None

    def close(self) -> None:
        """See `matcher.search.index.VectorIndex.close`."""
        self._closed.set()
        self._built = None

    def _build(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)  # on Linux of this thread: cameras come first
        try:
            built = _build(self._rows, self._tried_at, self._closed)
        except Exception:
            log.exception("an index for searches could not be built; they stay exact")
            outcome = "failed"
        else:
            if built is not None and not self._closed.is_set():
                self._built = built
            outcome = "ready" if built is not None else "inexact"
        if not self._closed.is_set():
            self._tell(outcome)


def _search(built: _Built, query: FloatArray, count: int, indexed: BoolArray) -> IntArray:
    """Rows of the index among ``indexed``, about the ``count`` nearest."""
    allowed = np.count_nonzero(indexed)
    if not allowed:
        return np.zeros(0, np.int64)
    rarity = built.count / allowed  # what is left over lies in more clusters
    probes = math.ceil(built.probes * rarity * max(1.0, count / built.judged_by))
    if built.on_gpu:
        wanted = min(_MOST_OF_A_GPU, math.ceil(1.5 * count * rarity) + 32)
        parameters = _faiss().SearchParametersIVF(nprobe=min(probes, built.clusters, _MOST_OF_A_GPU))
    else:
        wanted = count
        selector = _faiss().IDSelectorBitmap(np.packbits(indexed, bitorder="little"))
        parameters = _faiss().SearchParametersIVF(nprobe=min(probes, built.clusters), sel=selector)
    _, found = built.index.search(query[None], min(wanted, built.count), params=parameters)
    rows: IntArray = found[0][found[0] >= 0].astype(np.int64)
    return rows[indexed[rows]][:count]


def _build(rows: VectorRows, stamp: int, stopped: threading.Event) -> _Built | None:
    """An index of ``rows`` that finds enough; None: there is none. Whoever writes meanwhile does no harm."""
    faiss = _faiss()
    used, stamps = rows.used.copy(), rows.stamps.copy()
    members = used[: len(stamps)] & (stamps[: len(used)] <= stamp)
    places = np.flatnonzero(members)
    random = np.random.default_rng(len(places))
    clusters = max(16, round(2 * math.sqrt(len(places))))
    coarse = faiss.IndexFlatIP(rows.dimension)
    halves = faiss.ScalarQuantizer.QT_fp16  # embeddings come as such, so nothing is lost
    index = faiss.IndexIVFScalarQuantizer(coarse, rows.dimension, clusters, halves, faiss.METRIC_INNER_PRODUCT, False)
    index.cp.niter = _ITERATIONS
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _TRAINED_WITH
    sample = random.choice(places, min(len(places), clusters * _TRAINED_WITH), replace=False)
    index.train(rows.take(np.sort(sample)))
    for first, block in rows.blocks():
        if stopped.is_set():
            return None
        here = np.flatnonzero(members[first : first + len(block)])
        if len(here):
            index.add_with_ids(block[here], here + first)
    index, on_gpu = _moved_to_gpu(index)
    judged_by = min(_JUDGED_BY, max(10, len(places) // 500))
    built = _tuned(_Built(index, members, len(places), stamp, clusters, 0, judged_by, on_gpu), rows, random)
    if built is None:
        log.info("an approximate index would miss too much, searches stay exact", vectors=len(places))
    else:
        log.info("searches use an index", vectors=len(places), clusters=clusters, probes=built.probes, gpu=on_gpu)
    return built


def _moved_to_gpu(index: Any) -> tuple[Any, bool]:
    """The index on the first GPU, where faiss is built for one and there is one."""
    faiss = _faiss()
    if not (hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0):
        return index, False
    resources = faiss.StandardGpuResources()  # each index has its own: they must not be shared between threads
    resources.setTempMemory(_GPU_SCRATCH)
    return faiss.index_cpu_to_gpu(resources, 0, index), True


def _tuned(built: _Built, rows: VectorRows, random: np.random.Generator) -> _Built | None:
    """With the least number of clusters, in steps of two, with which trials find enough; None: that is too many."""
    places = np.flatnonzero(built.members)
    trials = rows.take(random.choice(places, _TRIALS))
    # Half of them lie off the stored ones, as pictures from elsewhere do.
    trials[::2] += 0.5 * rows.take(random.choice(places, len(trials[::2])))
    trials /= np.linalg.norm(trials, axis=1, keepdims=True)
    valid = built.members & (rows.stamps[: len(built.members)] <= built.stamp)  # what has changed meanwhile proves nothing
    exact = ExactIndex(rows)
    truths = [exact.search(trial, built.judged_by, valid).rows for trial in trials]
    truths = [truth[rows.stamps[truth] <= built.stamp] for truth in truths]
    probes = 4
    while probes <= built.clusters / 2:
        tuned = replace(built, probes=probes)
        found = (_search(tuned, trial, built.judged_by, valid) for trial in trials)
        if sum(np.isin(truth, row).sum() for truth, row in zip(truths, found, strict=True)) >= _TARGET * sum(map(len, truths)):
            return tuned
        probes *= 2
    return None
