"""How many tracklet records the matcher takes a second on one core, what a record costs, and whether it decides well.

``python -m benchmarks.matcher`` drives a made-up city with known truth (`benchmarks._city`) past 500 cameras with ten vehicles
in view of each, and feeds the records, as bytes, to the matcher in one thread on one core: decoding and decisions are timed, the
making of records and Kafka are not. The time that progress records take is in the rate, their number is not. Then the same for
other numbers of cameras, and a hard case: two cameras with a hundred candidates for each vehicle.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._city import City, CityPlan, Message, busy_pair_plan
from matcher import Matcher
from throughline.messages import MatchEvent, decode_record

__all__ = ["main"]

_FINAL = ("confirmed", "revised", "retracted", "new")


@dataclass
class _Run:
    """Times of a run, in nanoseconds, and what was decided."""

    tracklets: list[int] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    events: list[MatchEvent] = field(default_factory=list)
    seconds_of_core: float = 0.0


def main() -> int:
    """Runs the benchmark and prints its tables."""
    options = _options()
    if options.one is not None:
        print(json.dumps(_measure(CityPlan(**json.loads(options.one)), options.warm_up, options.seconds, memory=options.memory)))
        return 0
    plan = CityPlan(options.cameras, options.in_view, options.stay, seed=options.seed)
    result: dict[str, Any] = {"city": _apart(plan, options)}
    _print("city", result["city"])
    if not options.quick:
        for cameras in options.curve:
            found = _apart(replace(plan, cameras=cameras), options)
            result.setdefault("curve", {})[cameras] = found
            _print(f"curve, {cameras} cameras", found)
        result["busy pair"] = _apart(busy_pair_plan(options.candidates, options.seed), options)
        _print(f"two cameras, {options.candidates} candidates for each vehicle", result["busy pair"])
        result["memory"] = _apart(replace(plan, cameras=min(50, options.cameras)), options, "--memory")
        _print("memory, 50 cameras", result["memory"])
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cameras", type=int, default=500)
    parser.add_argument("--in-view", type=float, default=10.0, help="vehicles in view of each camera")
    parser.add_argument("--stay", type=float, default=15.0, help="mean seconds that a vehicle is in view")
    parser.add_argument("--seconds", type=int, default=30, help="seconds of traffic that are timed")
    parser.add_argument("--warm-up", type=int, default=90, help="seconds of traffic before that")
    parser.add_argument("--candidates", type=int, default=100, help="of the hard case")
    parser.add_argument("--curve", type=int, nargs="*", default=[10, 50, 500, 5000], help="numbers of cameras")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="the city alone")
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _apart(plan: CityPlan, options: argparse.Namespace, *more: str) -> dict[str, Any]:
    """Each measurement in a process of its own, so that none inherits another's memory."""
    seconds = max(5, round(options.seconds * min(1.0, 500 / plan.cameras)))
    command = [sys.executable, "-m", "benchmarks.matcher", "--one", json.dumps(asdict(plan)), "--warm-up", str(options.warm_up)]
    with tempfile.TemporaryFile() as out:
        subprocess.run([*command, "--seconds", str(seconds), *more], check=True, stdout=out)
        out.seek(0)
        found: dict[str, Any] = json.loads(out.read())
    return found


def _measure(plan: CityPlan, warm_up: int, seconds: int, *, memory: bool) -> dict[str, Any]:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    city = City(replace(plan, travel=tuple(plan.travel), window=tuple(plan.window)))  # type: ignore[arg-type]  # lists, in JSON
    matcher = Matcher(city.site)
    before = _resident()
    if memory:
        tracemalloc.start()
    first, timed = _Run(), _Run()
    events = _feed(matcher, city.messages(warm_up + seconds), warm_up, first, timed)
    gallery = matcher.statistics.gallery
    in_view = plan.in_view * plan.cameras
    result = {
        "plan": asdict(plan),
        "seconds of traffic": {"before": warm_up, "timed": seconds},
        "tracklet records": len(timed.tracklets),
        "progress records": len(timed.progress),
        "records a second": len(timed.tracklets) / (sum(timed.tracklets) + sum(timed.progress)) * 1e9,
        "records a second of core time": len(timed.tracklets) / timed.seconds_of_core,
        "times real time": seconds / (sum(timed.tracklets) + sum(timed.progress)) * 1e9,
        "us a tracklet record": _quantiles(timed.tracklets),
        "us a progress record, decisions included": _quantiles(timed.progress),
        "events": dict(Counter(event.kind for event in timed.events)),
        "decisions": _quality(city, events),
        "tracklets in memory": gallery,
        "resident kB a vehicle in view": (_resident() - before) / in_view / 1e3,
        "resident kB a tracklet in memory": (_resident() - before) / max(1, gallery) / 1e3,
    }
    if memory:
        held = _held_by_matcher()
        result["held kB a vehicle in view"] = held / in_view / 1e3
        result["held kB a tracklet in memory"] = held / max(1, gallery) / 1e3
    return result


def _feed(matcher: Matcher, messages: Iterable[Message], warm_up: int, first: _Run, timed: _Run) -> list[MatchEvent]:
    clock, core, feeding = time.perf_counter_ns, time.thread_time_ns, None
    batch: list[Message] = []
    gc.collect()
    for message in messages:
        if feeding is None:
            feeding = message.second
        if message.second != feeding:
            _take(matcher, batch, timed if feeding >= warm_up else first, clock, core)
            batch, feeding = [], message.second
        batch.append(message)
    _take(matcher, batch, timed if (feeding or 0) >= warm_up else first, clock, core)
    return first.events + timed.events


def _take(matcher: Matcher, batch: list[Message], run: _Run, clock: Any, core: Any) -> None:
    begun = core()
    for message in batch:
        start = clock()
        events = matcher.process(decode_record(message.value))
        took = clock() - start
        (run.progress if message.is_progress else run.tracklets).append(took)
        run.events += events
    run.seconds_of_core += (core() - begun) / 1e9


def _quality(city: City, events: list[MatchEvent]) -> dict[str, Any]:
    """Joins as they stand at the end, against the truth; a tracklet with a former one in view should be joined to its vehicle."""
    final = {event.tracklet.tracklet: event for event in events if event.kind in _FINAL}
    guessed = {event.tracklet.tracklet: event for event in events if event.kind == "provisional"}
    return {"confirmed": _against_truth(city, final), "provisional": _against_truth(city, guessed)}


def _against_truth(city: City, said: dict[str, MatchEvent]) -> dict[str, float]:
    joins = {tracklet: event.joined.tracklet for tracklet, event in said.items() if event.joined is not None}
    right = sum(city.vehicle_of[one] == city.vehicle_of[other] for one, other in joins.items())
    wanted = sum(tracklet in city.before for tracklet in said)
    chances = [(e.probability or 0.0, city.vehicle_of[t] == city.vehicle_of[joins[t]]) for t, e in said.items() if t in joins]
    brier = float(np.mean([(chance - hit) ** 2 for chance, hit in chances])) if chances else 0.0
    return {
        "tracklets": len(said),
        "joins": len(joins),
        "precision": right / max(1, len(joins)),
        "recall": right / max(1, wanted),
        "mean probability of joins": float(np.mean([chance for chance, _ in chances])) if chances else 0.0,
        "brier": brier,
    }


def _quantiles(times: list[int]) -> dict[str, float]:
    if not times:
        return {}
    values = np.array(times) / 1e3
    return {
        "mean": float(values.mean()),
        **{f"p{q}": float(np.quantile(values, q / 100)) for q in (50, 99)},
        "max": float(values.max()),
    }


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _held_by_matcher() -> float:
    """Bytes that the matcher's own code, and the decoding for it, hold."""
    snapshot = tracemalloc.take_snapshot()
    own = [tracemalloc.Filter(True, "*/matcher/*"), tracemalloc.Filter(True, "*/throughline/messages/*")]
    without = tracemalloc.Filter(False, "*/benchmarks/*")
    return float(sum(trace.size for trace in snapshot.filter_traces([*own, without]).statistics("filename")))


def _print(name: str, found: dict[str, Any]) -> None:
    print(f"\n### {name}\n\n| | |\n|---|---|")
    for key, value in found.items():
        if key == "plan":
            continue
        shown = json.dumps(_rounded(value)).replace('"', "").strip("{}")
        print(f"| {key} | {shown} |", flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    raise SystemExit(main())
