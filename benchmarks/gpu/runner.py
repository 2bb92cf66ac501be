"""Runs sections one after the other, each in a process of its own and for no longer than its share of the time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.schedule import Section, allotment

__all__ = ["run_section", "run_sections", "verified_engines"]

_ROOT = Path(__file__).resolve().parents[2]
_GRACE = 5.0
"""Seconds that a section may need to notice that its time is over."""
_SHOWN = 300


def run_sections(sections: Sequence[Section], job: Job, seconds: float, tell: Callable[[str], None]) -> list[Line]:
    """All sections within a time.

    Args:
        sections: In their order.
        job: What all of them are told.
        seconds: For all of them.
        tell: Takes a line about what is being done.
    """
    lines: list[Line] = []
    end = time.monotonic() + seconds
    for number, section in enumerate(sections):
        later = sections[number + 1 :]
        left = end - time.monotonic()
        share = allotment(left, section, later)
        # A section that hangs is ended only when its grace is over as well.
        share = max(0.0, min(share, left - _GRACE))
        if share < section.least:
            lines.append(Line(section.table, {"what": section.name}, "not run", note=f"{share:.0f} s were left for it"))
            continue
        tell(f"{section.name} (at most {share:.0f} s)")
        lines += run_section(
            section, replace(job, section=section.name, table=section.table, seconds=share, verified=verified_engines(lines))
        )
    return lines


def verified_engines(lines: Sequence[Line]) -> tuple[str, ...]:
    """``<engine>, <precision>`` of those whose networks are both right."""
    right: dict[str, set[str]] = {}
    for line in lines:
        if line.table == "engines" and line.state == "ok" and "engine" in line.labels:
            right.setdefault(f"{line.labels['engine']}, {line.labels['precision']}", set()).add(line.labels["network"])
    return tuple(name for name, networks in right.items() if networks == {"detector", "embedder"})


def run_section(section: Section, job: Job) -> list[Line]:
    """One section; what it has told before it crashes or is ended counts."""
    stem = job.work / section.name.replace(" ", "-")
    orders, told, log = (stem.with_suffix(ending) for ending in (".job", ".lines", ".log"))
    orders.write_text(job.to_json(), encoding="utf-8")
    began = time.monotonic()
    arguments = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.gpu.child", section.function, str(orders), str(told)]
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code: int | None = process.wait(job.seconds + _GRACE)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    lines = _read(told)
    seconds = time.monotonic() - began
    if code is None:
        note = f"ended after {seconds:.0f} s, which is more than its share; what it had told by then stands"
        lines.append(Line(section.table, {"what": section.name}, "not run", note=note))
    elif code != 0:
        lines.append(Line(section.table, {"what": section.name}, "failed", note=_why(code, log)))
    return lines


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the section and whatever it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(path: Path) -> list[Line]:
    """Lines that were told; the last one may have been cut by a crash."""
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    lines = []
    for text in texts:
        try:
            lines.append(Line.from_json(text))
        except ValueError:
            break
    return lines


def _why(code: int, log: Path) -> str:
    try:
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        cause = f"signal {-code}"
    texts = [text.strip() for text in log.read_text(encoding="utf-8", errors="replace").splitlines() if text.strip()]
    # faulthandler tells the cause first and the stack behind it; Python's own errors come last.
    fatal = [text for text in texts if text.startswith("Fatal Python error")]
    last = (fatal or texts or ["it said nothing"])[-1]
    return f"{cause}: {last}"[:_SHOWN]
