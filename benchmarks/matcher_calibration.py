"""Whether the matcher's probabilities mean what they say, on recorded tracks with a truth.

``python -m benchmarks.matcher_calibration`` runs sets through the very same matcher as ``throughline associate`` and judges each
tracklet's first decision where it is a join (``confirmed``): probabilities in ten bins of equal mass against the share of joins
that were right, for each set and for sets pooled. As one set is one throw of dice, `--redraws` adds runs of the same trajectories
with embeddings drawn anew from the same distribution, and pools them.

The sets are not part of the repository: name their folder with ``--data`` or ``$THROUGHLINE_SHARED_DATA``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks._association_sets import (
    AssociationSet,
    add_set_options,
    load_set,
    parse_set_options,
    quality_of,
    redrawn,
)
from evaluation.calibration import JudgedJoins, judge_joins
from evaluation.matching_changes import with_matching
from evaluation.pairs import pair_score
from matcher.associate import associate

__all__ = ["main"]

_BAR = 0.05


def main() -> int:
    """Runs the benchmark and prints its tables."""
    options = _options()
    sets = {name: load_set(options.data / name) for name in options.sets}
    result: dict[str, Any] = {"sets": {}, "pooled": options.pool}
    judged = {}
    for name, recorded in sets.items():
        recorded = _with_settings(recorded, options.matching)
        found, scores = _run(recorded, whole=True)
        judged[name] = found
        print(f"\n### {name}\n\nIDF1 {scores['idf1']:.4f}, pairwise F1 {scores['pair_f1']:.4f}.\n", flush=True)
        result["sets"][name] = scores | {"calibration": _print(found)}
    pool = [judged[name] for name in options.pool if name in judged]
    if pool:
        print(f"\n### {' + '.join(options.pool)} pooled\n")
        result["calibration"] = _print(JudgedJoins.pooled(pool))
    if options.redraws:
        result["redraws"] = _redraws(sets, options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_set_options(parser)
    parser.add_argument("--pool", nargs="*", default=["S01", "S03"], metavar="SET", help="those judged together")
    parser.add_argument("--redraws", type=int, default=0, help="runs of each set with embeddings drawn anew")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures as one JSON object")
    return parse_set_options(parser)


def _with_settings(recorded: AssociationSet, matching: Mapping[str, Any]) -> AssociationSet:
    return replace(recorded, site=with_matching(recorded.site, matching))


def _run(recorded: AssociationSet, *, whole: bool) -> tuple[JudgedJoins, dict[str, float]]:
    association = associate(recorded.site, recorded.tracks)
    if whole:
        scores = quality_of(recorded, association)._asdict()
    else:
        scores = {"pair_f1": pair_score(recorded.vehicle_of, association.ids).f1}
    return judge_joins(association.events, recorded.vehicle_of), scores


def _print(judged: JudgedJoins) -> dict[str, Any]:
    report = judged.report()
    print(report.to_markdown(), flush=True)
    return report.to_json()


def _redraws(sets: Mapping[str, AssociationSet], options: argparse.Namespace) -> dict[str, Any]:
    """Runs with other embeddings; the error of a run alone contains that of small numbers, the pooled one hardly."""
    result: dict[str, Any] = {}
    everything: list[JudgedJoins] = []
    for name, recorded in sets.items():
        runs = [_run(redrawn(_with_settings(recorded, options.matching), seed), whole=False) for seed in range(options.redraws)]
        joins = [found for found, _ in runs]
        everything += joins if name in options.pool else []
        mean = sum(scores["pair_f1"] for _, scores in runs) / len(runs)
        print(f"\n### {name}, {options.redraws} other draws of its embeddings\n\nPairwise F1 {mean:.4f} in the mean.\n")
        result[name] = {"pair_f1": mean, "calibration": _print(JudgedJoins.pooled(joins))}
    if everything:
        print(f"\n### {' + '.join(options.pool)} pooled, {options.redraws} other draws of their embeddings\n")
        result["pooled"] = _print(JudgedJoins.pooled(everything))
    return result


if __name__ == "__main__":
    raise SystemExit(main())
