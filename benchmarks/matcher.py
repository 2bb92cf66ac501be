"""How many records and tracklets the matcher takes a second on one core, what they cost, and whether it decides well.

``python -m benchmarks.matcher`` drives a made-up city with known truth (`benchmarks._city`) past 500 cameras with ten vehicles
in view of each, and feeds the records, as bytes, to the matcher in one thread on one core, with one thread for matrix products:
decoding and decisions are timed, the making of records and Kafka are not. The time that progress records take is in the rates,
their number is not. Rates are by core time (the processor's, not the wall's), which other work on the machine disturbs less.

A tracklet is published as several records: opened, updated every second, closed. So there are two rates: *records* a second, and
*tracklets* a second, which are so many times fewer as a tracklet has records. ``whole tracklets`` is the same city with one
record for each, as recorded tracks are: there the two are one.

Then the same for other numbers of cameras, and what is harder: two networks, overlapping views, and two cameras with a hundred
candidates for each vehicle. What makes a city hard is told too, and what the same comparisons cost one by one.
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

from benchmarks._city import City, CityPlan, Message, busy_pair_plan
from benchmarks._matcher_figures import difficulty, judged, quantiles
from benchmarks._matcher_peer import one_by_one
from matcher import Matcher
from matcher.deciding import spare_collector
from throughline.messages import MatchEvent, Tracklet, decode_record

__all__ = ["main"]

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_DIFFICULTY_CAMERAS, _DIFFICULTY_SECONDS = 50, 120


@dataclass
class _Run:
    """Times of a run by the wall's clock, in nanoseconds, and what was decided."""

    tracklets: list[int] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    events: list[MatchEvent] = field(default_factory=list)
    closed: int = 0
    seconds_of_core: float = 0.0


def main() -> int:
    """Runs the benchmark and prints its tables."""
    options = _options()
    if options.one is not None:
        print(json.dumps(_measure(CityPlan(**json.loads(options.one)), options.warm_up, options.seconds, memory=options.memory)))
        return 0
    plan = CityPlan(options.cameras, options.in_view, options.stay, whole=options.whole, seed=options.seed)
    result: dict[str, Any] = {"city": _apart(plan, options)}
    _print("city", result["city"])
    if not options.quick:
        result["difficulty"] = difficulty(City(replace(plan, cameras=_DIFFICULTY_CAMERAS)), _DIFFICULTY_SECONDS)
        _print("how hard the city is", result["difficulty"])
        result["whole"] = _apart(replace(plan, whole=True), options)
        _print("city, whole tracklets", result["whole"])
        for cameras in options.curve:
            found = _apart(replace(plan, cameras=cameras), options)
            result.setdefault("curve", {})[cameras] = found
            _print(f"curve, {cameras} cameras", found)
        result["busy pair"] = _apart(busy_pair_plan(options.candidates, options.seed), options)
        _print(f"two cameras, {options.candidates} candidates for each vehicle", result["busy pair"])
        few = replace(plan, cameras=min(50, options.cameras))
        for name, other in (("two networks", replace(few, models=2)), ("overlapping views", replace(few, overlap=4.0))):
            result[name] = _apart(other, options)
            _print(f"{name}, {few.cameras} cameras", result[name])
        result["memory"] = _apart(few, options, "--memory")
        _print(f"memory, {few.cameras} cameras", result["memory"])
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
    parser.add_argument("--whole", action="store_true", help="tracklets as one record each, everywhere")
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
        subprocess.run([*command, "--seconds", str(seconds), *more], check=True, stdout=out, env=os.environ | _ONE_THREAD)
        out.seek(0)
        found: dict[str, Any] = json.loads(out.read())
    return found


def _measure(plan: CityPlan, warm_up: int, seconds: int, *, memory: bool) -> dict[str, Any]:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    city = City(replace(plan, travel=tuple(plan.travel), window=tuple(plan.window)))  # type: ignore[arg-type]  # lists, in JSON
    matcher = Matcher(city.site)
    spare_collector()  # as in the process of its own that the product gives it
    before = _resident()
    if memory:
        tracemalloc.start()
    first, timed = _Run(), _Run()
    events = _feed(matcher, city.messages(warm_up + seconds), warm_up, first, timed)
    resident = _resident() - before  # the city's own traffic and the events are in it
    gallery = matcher.statistics.gallery
    in_view = plan.in_view * plan.cameras
    result = {
        "plan": asdict(plan),
        "seconds of traffic": {"before": warm_up, "timed": seconds},
        "tracklet records": len(timed.tracklets),
        "tracklets": timed.closed,
        "progress records": len(timed.progress),
        "records a second of core time": len(timed.tracklets) / timed.seconds_of_core,
        "tracklets a second of core time": timed.closed / timed.seconds_of_core,
        "records a second by the wall": len(timed.tracklets) / (sum(timed.tracklets) + sum(timed.progress)) * 1e9,
        "times real time, by core time": seconds / timed.seconds_of_core,
        "us a tracklet record": quantiles(timed.tracklets),
        "us a progress record, decisions included": quantiles(timed.progress),
        "events": dict(Counter(event.kind for event in timed.events)),
        "decisions": judged(city, events),
        "provisional events a tracklet": sum(event.kind == "provisional" for event in timed.events) / max(1, timed.closed),
        "the same, one by one": one_by_one(matcher)._asdict(),
        "tracklets in memory": gallery,
        "resident kB a vehicle in view": resident / in_view / 1e3,
        "resident kB a tracklet in memory": resident / max(1, gallery) / 1e3,
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
        record = decode_record(message.value)
        events = matcher.process(record)
        took = clock() - start
        run.closed += isinstance(record, Tracklet) and record.state == "closed"
        (run.progress if message.is_progress else run.tracklets).append(took)
        run.events += events
    run.seconds_of_core += (core() - begun) / 1e9


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
