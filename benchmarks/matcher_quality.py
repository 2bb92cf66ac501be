"""How well the matcher puts vehicles together, what each kind of evidence is worth to it, and how much it takes amiss.

``python -m benchmarks.matcher_quality`` runs recorded tracks with a truth through the very same matcher as ``throughline
associate``, as they are and changed: each switch of ``matching`` turned (*ablation*); links taken out of the site file, clocks
2 s wrong, windows twice as wide, embeddings missing (*robustness*). It prints cross-camera IDF1 and F1 over pairs of tracks in
per cent, and what is lost against the same set as it is. What chance decides (which links, clocks, embeddings) is the mean
over ``--seeds``. As one set of embeddings is one throw of dice, ``--redraws N`` runs everything on N other draws of them
instead, and gives the mean.

The sets are not part of the repository: name their folder with ``--data`` or ``$THROUGHLINE_SHARED_DATA``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from inference.threads import available_cores, limit_threads

limit_threads()  # before numpy is imported: every job runs in one thread

from benchmarks._association_report import Findings, markdown_tables  # noqa: E402 - see above
from benchmarks._association_sets import (  # noqa: E402
    AssociationSet,
    QualityScore,
    add_set_options,
    load_set,
    parse_set_options,
    quality_of,
    redrawn,
)
from benchmarks._association_variants import Variant, ablations, robustness  # noqa: E402
from evaluation.matching_changes import with_matching  # noqa: E402
from matcher.associate import associate  # noqa: E402
from throughline.settings import MatchingSettings, Site  # noqa: E402

__all__ = ["main"]


def main() -> int:
    """Runs the benchmark and prints its tables."""
    options = _options()
    began = time.monotonic()
    findings = _measure(options)
    print(markdown_tables(findings))
    draws = f"mean of {options.redraws} other draws of the embeddings, " if options.redraws else ""
    print(f"{draws}seeds {', '.join(map(str, options.seeds))}; {time.monotonic() - began:.0f} s with {options.jobs} jobs.")
    if options.json:
        options.json.write_text(json.dumps([finding.to_json() for finding in findings], indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_set_options(parser)
    parser.add_argument("--only", choices=["ablation", "robustness"], help="one table; default: both")
    parser.add_argument("--variant", metavar="TEXT", help="only changes with this text in their name")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of what chance decides")
    parser.add_argument("--redraws", type=int, default=0, metavar="N", help="on N other draws of the embeddings instead")
    parser.add_argument("--jobs", type=int, default=available_cores(), help="processes; default: one for each core")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures as one JSON list")
    return parse_set_options(parser)


def _variants(matching: dict[str, Any]) -> list[Variant]:
    return [Variant("as is", "as is"), *ablations(MatchingSettings.model_validate(matching)), *robustness()]


def _measure(options: argparse.Namespace) -> list[Findings]:
    variants = _variants(options.matching)
    chosen = [
        number
        for number, variant in enumerate(variants)
        if variant.kind == "as is"
        or (options.only in (None, variant.kind) and (options.variant is None or options.variant in variant.name))
    ]
    draws = range(1, options.redraws + 1) if options.redraws else (0,)
    jobs = [
        (number, name, draw, seed)
        for number in chosen
        for name in options.sets
        for draw in draws
        for seed in (options.seeds if variants[number].drawn else options.seeds[:1])
    ]
    findings = {number: Findings(variants[number].name, variants[number].kind, {}) for number in chosen}
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_run, options.data, options.matching, *job) for job in jobs]
        for done, ((number, name, *_), job) in enumerate(zip(jobs, running, strict=True), 1):
            findings[number].scores.setdefault(name, []).append(job.result())
            print(f"\r{done} of {len(jobs)} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return list(findings.values())


def _run(data: Path, matching: dict[str, Any], number: int, name: str, draw: int, seed: int) -> QualityScore:
    """One set, changed."""
    variant = _variants(matching)[number]

    def changed(site: Site) -> Site:
        return variant.site(with_matching(site, matching), seed)

    recorded = variant.recorded(_drawn(data / name, changed, draw), seed)
    return quality_of(recorded, associate(recorded.site, recorded.tracks))


def _drawn(folder: Path, changed: Any, draw: int) -> AssociationSet:
    recorded = load_set(folder, changed)
    return redrawn(recorded, draw) if draw else recorded


if __name__ == "__main__":
    raise SystemExit(main())
