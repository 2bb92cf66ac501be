"""How long our tracker takes for a frame, beside its peers in the same run.

``python -m benchmarks.tracker_speed`` gives our tracker and those of roboflow's ``trackers`` (SORT, ByteTrack, OC-SORT,
BoT-SORT without pictures, so without camera motion) the same synthetic crowds of 20, 100 and 300 vehicles, in several
rounds, tracker after tracker within each, all in one thread. Detections are ready in the form that each of them reads.
Milliseconds are those of the clock, the median and p99 of all timed frames. Ratios to ByteTrack mean more: they are of the
processor's time, which does not count the pauses that other work on the machine causes, the longer a frame, the more. It also
states the memory that 1 000 tracks take.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from inference.threads import limit_threads

limit_threads()  # before numpy is imported: everything runs in one thread

import numpy as np  # noqa: E402 - see above
from trackers.core.base import BaseTracker  # noqa: E402

from benchmarks._crowd import crowd, parked  # noqa: E402
from benchmarks._tracker_peers import PEERS, to_supervision  # noqa: E402
from streams.tracker import Tracker  # noqa: E402
from throughline.settings import TrackingSettings  # noqa: E402
from throughline.times import to_instant  # noqa: E402
from throughline.types import Detections  # noqa: E402

__all__ = ["main", "memory_per_thousand_tracks"]

Step: TypeAlias = Callable[[], object]
Starter: TypeAlias = Callable[[tuple[int, int], list[Detections]], list[Step]]
"""Gives a new tracker of a picture of that size the frames; each step is one update."""

_Times: TypeAlias = dict[str, dict[int, list[tuple[int, int]]]]
"""Nanoseconds of each timed frame, by the clock and of the processor, by tracker and size of the crowd."""

_OURS, _REFERENCE = "Throughline", "ByteTrack"
_FPS = 10.0
_WARM_UP = 10
"""Frames at the start that are not timed: the tracks are not confirmed yet, and memory is still cold."""
_EMBEDDING_SIZE = 256
_TO_REACH = {20: 0.2, 100: 1.0, 300: 5.0}
"""Milliseconds a frame."""
_RATIO_TO_REACH = 3.0


def main() -> int:
    """Runs the benchmark and prints its table."""
    options = _options()
    times = _measure(options)
    memory = {name: memory_per_thousand_tracks(start) for name, start in _starters().items() if name in (_OURS, _REFERENCE)}
    result = _summary(times, memory, options)
    _print(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--detections", nargs="+", type=int, default=[20, 100, 300], help="vehicles in the crowds")
    parser.add_argument("--frames", type=int, default=200, help="timed frames in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result as one JSON object")
    return parser.parse_args()


def memory_per_thousand_tracks(start: Starter, frames: int = 10) -> int:
    """Bytes that a tracker holds once it follows 1 000 vehicles, beyond what it holds of nothing."""
    size, detections = parked(1000)
    steps = start(size, [Detections.empty(), *([detections] * frames)])
    steps[0]()
    gc.collect()
    tracemalloc.start()
    try:
        for step in steps[1:]:
            step()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _starters() -> dict[str, Starter]:
    with_appearance = TrackingSettings.model_validate({"appearance": {"enabled": True}})
    return {
        _OURS: _ours(TrackingSettings()),
        "Throughline, with appearance": _ours(with_appearance, embeddings=True),
        **{name: _peer(peer) for name, peer in PEERS.items()},
    }


def _ours(settings: TrackingSettings, *, embeddings: bool = False) -> Starter:
    def start(size: tuple[int, int], frames: list[Detections]) -> list[Step]:
        tracker = Tracker(settings, size)

        def step(detections: Detections, captured: int) -> Step:
            return lambda: tracker.update(detections, captured)

        plain = frames if embeddings else [Detections(one.boxes, one.scores, one.classes) for one in frames]
        return [step(one, to_instant(number / _FPS)) for number, one in enumerate(plain)]

    return start


def _peer(peer: type[BaseTracker]) -> Starter:
    def start(size: tuple[int, int], frames: list[Detections]) -> list[Step]:  # noqa: ARG001 - one signature for all
        tracker = peer()  # without pictures BoT-SORT leaves camera motion alone

        def step(detections: Any) -> Step:
            return lambda: tracker.update(detections)

        return [step(to_supervision(one)) for one in frames]

    return start


def _measure(options: argparse.Namespace) -> _Times:
    starters = _starters()
    times: _Times = {name: {count: [] for count in options.detections} for name in starters}
    for number in range(options.rounds):
        for count in options.detections:
            size, frames = crowd(
                count, _WARM_UP + options.frames, options.seed + number, embedding_size=_EMBEDDING_SIZE, fps=_FPS
            )
            for name, start in starters.items():
                times[name][count] += _time(start(size, frames))[_WARM_UP:]
    return times


def _time(steps: list[Step]) -> list[tuple[int, int]]:
    gc.collect()
    spent = []
    for step in steps:
        wall, processor = time.perf_counter_ns(), time.thread_time_ns()
        step()
        spent.append((time.perf_counter_ns() - wall, time.thread_time_ns() - processor))
    return spent


def _summary(times: _Times, memory: dict[str, int], options: argparse.Namespace) -> dict[str, Any]:
    medians = {name: {count: np.median(spent, axis=0) for count, spent in sizes.items()} for name, sizes in times.items()}
    return {
        "frames": options.frames * options.rounds,
        "seed": options.seed,
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "milliseconds": {
            name: {
                str(count): {
                    "median": float(medians[name][count][0]) / 1e6,
                    "p99": float(np.percentile([wall for wall, _ in spent], 99)) / 1e6,
                    "processor": float(medians[name][count][1]) / 1e6,
                    "ratio": float(medians[name][count][1] / medians[_REFERENCE][count][1]),
                }
                for count, spent in sizes.items()
            }
            for name, sizes in times.items()
        },
        "bytes_per_1000_tracks": memory,
    }


def _print(result: dict[str, Any]) -> None:
    rows: dict[str, dict[str, dict[str, float]]] = result["milliseconds"]
    counts = list(rows[_OURS])
    titles = [f"{count} detections, ms (p99) | ratio" for count in counts]
    print(f"| tracker | {' | '.join(titles)} |")
    print(f"|---|{'---:|---:|' * len(counts)}")
    for name, sizes in rows.items():
        cells = [f"{one['median']:.3g} ({one['p99']:.3g}) | {one['ratio']:.2f}" for one in sizes.values()]
        print(f"| {name} | {' | '.join(cells)} |")
    print(
        f"\nMedian (p99) of {result['frames']} frames by the clock; ratio to {_REFERENCE} of the processor's time, which "
        f"other work does not stretch: {result['load']:.1f} processes ran or waited on {result['cores']} cores at the end.\n"
    )
    for count in counts:
        one = rows[_OURS][count]
        target = f", to reach: {_TO_REACH[int(count)]:g} ms" if int(count) in _TO_REACH else ""
        print(
            f"- {count} detections: {one['median']:.3g} ms{target}; {1 / one['ratio']:.1f} times as fast as {_REFERENCE}, "
            f"to reach: {_RATIO_TO_REACH:g}"
        )
    for name, size in result["bytes_per_1000_tracks"].items():
        print(f"- memory of 1 000 tracks, {name}: {size} bytes")


if __name__ == "__main__":
    raise SystemExit(main())
