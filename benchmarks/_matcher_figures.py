"""What the figures of the matcher's benchmark are made of: how hard a city is, how well it was decided, how long records took."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks._city import City
from throughline.messages import MatchEvent, Tracklet, decode_record
from throughline.times import to_instant
from throughline.types import FloatArray

__all__ = ["difficulty", "judged", "quantiles"]

_FINAL = ("confirmed", "revised", "retracted", "new")


def difficulty(city: City, seconds: int, asked: int = 500) -> dict[str, float]:
    """How many tracklets could be each one's former by road and time, and how many of these look more alike than the true one.

    Args:
        city: A city that has given out nothing yet.
        seconds: Of traffic; those that came in its last quarter are asked about.
        asked: How many of them at most.
    """
    closed = [
        record
        for message in city.messages(seconds)
        if not message.is_progress and isinstance(record := decode_record(message.value), Tracklet) and record.state == "closed"
    ]
    looks = {record.tracklet: record.embeddings[0].vector() for record in closed}
    by_camera: dict[str, list[Tracklet]] = defaultdict(list)
    for record in sorted(closed, key=lambda record: record.end):
        by_camera[record.camera].append(record)
    last = max((record.start for record in closed), default=0)
    late = [record for record in closed if record.start > last - to_instant(0.25 * seconds)]
    candidates, above, same = [], [], []
    for record in late[:: max(1, -(-len(late) // asked))]:
        rivals = _candidates(city, record, by_camera)
        former = city.before.get(record.tracklet)
        candidates.append(len(rivals))
        if former in looks:
            alike = _cosines(looks[record.tracklet], [looks[rival] for rival in rivals if rival != former])
            true = float(looks[record.tracklet] @ looks[former])
            above.append(int((alike >= true).sum()))
            same.append(float((alike < true).mean()) if len(alike) else 1.0)
    return {
        "tracklets asked about": len(candidates),
        "candidates by road and time": _mean(candidates),
        "of them more alike than the true one": _mean(above),
        "true one is the most alike": _mean([count == 0 for count in above]),
        "area under the ROC curve": _mean(same),
    }


def _candidates(city: City, record: Tracklet, by_camera: Mapping[str, Sequence[Tracklet]]) -> list[str]:
    here, found = int(record.camera[1:]), []
    for one in city.ways_to(here):
        least, _, most = city.travel(one, here)
        others = by_camera[f"c{one}"]
        low = bisect_left(others, record.start - to_instant(most), key=lambda other: other.end)
        high = bisect_right(others, record.start - to_instant(least), key=lambda other: other.end)
        found += [other.tracklet for other in others[low:high] if other.start <= record.start]
    return found


def _cosines(one: FloatArray, others: Sequence[FloatArray]) -> FloatArray:
    return np.stack(others) @ one if others else np.zeros(0, np.float32)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def judged(city: City, events: Sequence[MatchEvent]) -> dict[str, dict[str, float]]:
    """Joins as they stand at the end, against the truth; a tracklet with a former one in view should be joined to its vehicle."""
    final = {event.tracklet.tracklet: event for event in events if event.kind in _FINAL}
    guessed = {event.tracklet.tracklet: event for event in events if event.kind == "provisional"}
    return {"confirmed": _against_truth(city, final), "provisional": _against_truth(city, guessed)}


def _against_truth(city: City, said: Mapping[str, MatchEvent]) -> dict[str, float]:
    joins = {tracklet: event.joined.tracklet for tracklet, event in said.items() if event.joined is not None}
    right = sum(city.vehicle_of[one] == city.vehicle_of[other] for one, other in joins.items())
    wanted = sum(tracklet in city.before for tracklet in said)
    chances = [(e.probability or 0.0, city.vehicle_of[t] == city.vehicle_of[joins[t]]) for t, e in said.items() if t in joins]
    return {
        "tracklets": len(said),
        "joins": len(joins),
        "precision": right / max(1, len(joins)),
        "recall": right / max(1, wanted),
        "mean probability of joins": float(np.mean([chance for chance, _ in chances])) if chances else 0.0,
        "brier": float(np.mean([(chance - hit) ** 2 for chance, hit in chances])) if chances else 0.0,
    }


def quantiles(nanoseconds: Sequence[int]) -> dict[str, float]:
    """Mean, median, 99th percentile and most, in microseconds."""
    if not nanoseconds:
        return {}
    values = np.array(nanoseconds) / 1e3
    return {
        "mean": float(values.mean()),
        **{f"p{q}": float(np.quantile(values, q / 100)) for q in (50, 99)},
        "max": float(values.max()),
    }
