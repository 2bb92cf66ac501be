"""The process of one section: ``python -m benchmarks.gpu.child MODULE:FUNCTION JOB LINES``."""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Runs the section and writes each line as soon as it is there."""
    name, orders, told = arguments
    job = Job.from_json(Path(orders).read_text(encoding="utf-8"))
    job = replace(job, began=time.monotonic())
    sys.path[0:0] = job.paths_ahead
    sys.path += job.paths_behind
    with Path(told).open("w", encoding="utf-8") as file:
        for line in _run(name, job):
            file.write(line.to_json() + "\n")
            file.flush()
    return 0


def _run(name: str, job: Job) -> Iterator[Line]:
    module, _, function = name.partition(":")
    what = {"what": job.section}
    try:
        from inference.threads import limit_threads

        limit_threads()  # before numpy is loaded, as the product does
        run: Callable[[Job], Iterator[Line]] = getattr(importlib.import_module(module), function)
        yield from run(job)
    except ModuleNotFoundError as error:
        yield Line(job.table, what, "missing", note=f"needs {error.name}, which is not here: bring it as a wheel (--wheels)")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this section's result, and the others go on
        traceback.print_exc()
        text = " ".join(str(error).split())
        yield Line(job.table, what, "failed", note=f"{type(error).__name__}: {text[:300]}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
