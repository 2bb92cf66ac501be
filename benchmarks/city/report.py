"""Tables of what was measured in a city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.city.measured import LearnedTravel, Measured
from evaluation.delays import Delays
from evaluation.mtmc import MtmcReport

__all__ = ["calibration_table", "delay_table", "links_table", "quality_table", "travel_table"]

Row = tuple[str, MtmcReport, MtmcReport, Measured | None]
"""Name, all vehicles, those of several cameras, and what else was measured where the matcher ran."""


def quality_table(rows: Sequence[Row]) -> str:
    """Identities and passages, a line for each run."""
    lines = [
        "| | IDF1 | IDF1, AI City | pairs F1 | passages: precision | recall | wrong joins | ECE |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, every, several, run in rows:
        figures = [f"{every.identity.f1:.3f}", f"{several.identity.f1:.3f}", f"{every.pairs.f1:.3f}"]
        if run is None:
            figures += [""] * 4
        else:
            score = run.matches.passages
            figures += [
                f"{score.precision:.3f}",
                f"{score.recall:.3f}",
                str(len(score.wrong)),
                f"{run.matches.calibration.error:.3f}",
            ]
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def links_table(run: Measured) -> str:
    """Passages by link."""
    lines = [
        "| link | true passages | matched | not tracked | wrong joins | precision | recall |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    untracked = [(passage.from_, passage.to) for passage in run.matches.untracked]
    for (origin, destination), score in run.matches.passages.by_link.items():
        true = len(score.matched) + len(score.missed)
        lines.append(
            f"| {origin} -> {destination} | {true} | {len(score.matched)} | {untracked.count((origin, destination))} "
            f"| {len(score.wrong)} | {score.precision:.3f} | {score.recall:.3f} |"
        )
    return "\n".join(lines) + "\n"


def delay_table(run: Measured) -> str:
    """Seconds from the first good frame."""
    kinds: Mapping[str, Delays] = {
        "first weighed against others": run.judged,
        "first provisional event": run.provisional,
        "first right event": run.matches.provisional_delays,
        "first right confirmed event": run.matches.confirmed_delays,
    }
    lines = ["| from the first good frame to the | tracklets | p50 | p90 | p99 |", "|---|--:|--:|--:|--:|"]
    for name, delays in kinds.items():
        figures = " | ".join(f"{value:.1f} s" for value in delays.quantiles().values())
        lines.append(f"| {name} | {len(delays.seconds)} | {figures} |")
    return "\n".join(lines) + "\n"


def calibration_table(run: Measured) -> str:
    """Reliability of confirmed joins."""
    return run.matches.calibration.to_markdown()


def travel_table(learned: Sequence[LearnedTravel]) -> str:
    """Learned travel times."""
    lines = [
        "| link | true passages | true median | site file | learned | error |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.link} | {one.passages} | {one.true:.1f} s | {one.said:.1f} s | {one.learned:.1f} s | {one.error:.1%} |"
        for one in learned
    ]
    return "\n".join(lines) + "\n"
