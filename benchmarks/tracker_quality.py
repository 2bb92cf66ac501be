"""How well our tracker follows vehicles, beside its peers, on the same detections.

``python -m benchmarks.tracker_quality`` runs our tracker and those of roboflow's ``trackers`` (SORT, ByteTrack, OC-SORT,
BoT-SORT) over real footage of a toll road (detections by YOLOX-nano) and over true boxes, degraded with seeds, of the same
road and of two real scenes; with all frames, with every second and with a random 30 % of them dropped. Each peer runs with its
defaults, told the true frame rate and capture times, and told besides our thresholds of confidence. A frame that was
dropped is not scored. It prints one table, and for each rate who leads. With ``--switches`` it compares our tracker with
itself, each of its switches turned.

The footage is not part of the repository: name its folder with ``--data`` or ``$THROUGHLINE_SHARED_DATA``. The detector
runs once; what it saw is kept in the user's cache.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

from inference.threads import available_cores, limit_threads

limit_threads()  # before numpy is imported: every job runs in one thread

from benchmarks._tracker_peers import quality_trackers, switched_trackers  # noqa: E402 - see above
from benchmarks._tracking_report import MEAN, Scores, markdown_table, verdicts, with_mean  # noqa: E402
from benchmarks._tracking_scores import TrackingScore, score  # noqa: E402
from benchmarks._tracking_sets import DROPS, GROUPS, Drop, Group, TrackingSequence, drop_frames, load_sets  # noqa: E402
from throughline.commands._shared_data import shared_data  # noqa: E402

__all__ = ["main"]

_OURS = "Throughline"
_ALSO_OURS = frozenset({"Throughline, live only"})


def main() -> int:
    """Runs the benchmark and prints its table."""
    options = _options()
    began = time.monotonic()
    scores = with_mean(_measure(options))
    print(markdown_table(scores))
    findings = verdicts(scores, _OURS, _ALSO_OURS) if _comparable(options.trackers) else []
    for one in findings:
        if one.group == MEAN or one.lead < 0:
            print(f"- {one}")
    print(f"\nSeeds {', '.join(map(str, options.seeds))}; {time.monotonic() - began:.0f} s with {options.jobs} jobs.")
    if options.json:
        result = {
            "seeds": options.seeds,
            "scores": {
                group: {name: {drop: asdict(one) for drop, one in rates.items()} for name, rates in trackers.items()}
                for group, trackers in scores.items()
            },
            "verdicts": [{**asdict(one), "lead": one.lead} for one in findings],
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    peers, switches = list(quality_trackers()), list(switched_trackers())
    names = [*peers, *switches]
    parser.add_argument("--data", type=Path, default=shared_data(), help="folder that holds mot, association and models")
    parser.add_argument("--sets", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="SET", help=f"of: {'; '.join(GROUPS)}")
    parser.add_argument("--trackers", nargs="+", choices=names, metavar="NAME", help=f"of: {'; '.join(names)}")
    parser.add_argument("--switches", action="store_true", help="our tracker alone, with each of its switches turned")
    parser.add_argument("--drops", nargs="+", choices=DROPS, default=list(DROPS), help="which frames are dropped")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of degradation and of random drops")
    parser.add_argument("--jobs", type=int, default=available_cores(), help="processes; default: one for each core")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all scores as one JSON object")
    options = parser.parse_args()
    options.trackers = options.trackers or (switches if options.switches else peers)
    if not (options.data / "mot").is_dir():
        parser.error(f"no footage with truth in {options.data}: name its folder with --data")
    return options


def _comparable(trackers: list[str]) -> bool:
    return _OURS in trackers and not set(trackers) <= {_OURS, *_ALSO_OURS}


def _measure(options: argparse.Namespace) -> Scores:
    inputs = options.data, tuple(options.sets), tuple(options.seeds)
    print("Preparing detections ...", file=sys.stderr)
    _sequences(*inputs)  # here first: the detector runs once, not in every process
    jobs = [(tracker, drop) for tracker in options.trackers for drop in options.drops]
    found: dict[str, dict[str, dict[Drop, TrackingScore]]] = {
        group: {tracker: {} for tracker in options.trackers} for group in options.sets
    }
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_run, tracker, drop, *inputs) for tracker, drop in jobs]
        for number, ((tracker, drop), job) in enumerate(zip(jobs, running, strict=True), 1):
            for group, one in job.result().items():
                found[group][tracker][drop] = one
            print(f"{number} of {len(jobs)}: {tracker}, {drop}", file=sys.stderr)
    return found


@lru_cache(maxsize=1)  # one load for all jobs that a process runs
def _sequences(data: Path, groups: tuple[Group, ...], seeds: tuple[int, ...]) -> list[TrackingSequence]:
    return load_sets(data, groups, seeds)


def _run(tracker: str, drop: Drop, data: Path, groups: tuple[Group, ...], seeds: tuple[int, ...]) -> dict[Group, TrackingScore]:
    """Scores of one tracker by group."""
    runner = {**quality_trackers(), **switched_trackers()}[tracker]
    scores = {}
    for group in groups:
        shown = [
            drop_frames(drawn, drop)
            for sequence in _sequences(data, groups, seeds)
            if sequence.group == group
            for drawn in _drawn(sequence, drop, seeds)
        ]
        scores[group] = score(shown, [runner.run(sequence) for sequence in shown])
    return scores


def _drawn(sequence: TrackingSequence, drop: Drop, seeds: tuple[int, ...]) -> list[TrackingSequence]:
    """What a detector saw is there once, but chance drops other frames of it with each seed."""
    if drop == "random" and not sequence.seed:
        return [replace(sequence, seed=seed) for seed in seeds]
    return [sequence]


if __name__ == "__main__":
    raise SystemExit(main())
