"""Sections for the GPU measurement's own tests: each ends in another way."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line

TABLE = "machine"


def good(job: Job) -> Iterator[Line]:
    yield Line(TABLE, {"what": "part"}, figures={"seconds": job.left(), "verified": ", ".join(job.verified)})


def crash(_: Job) -> Iterator[Line]:
    yield Line(TABLE, {"what": "before the crash"})
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_: Job) -> Iterator[Line]:
    yield Line(TABLE, {"what": "before it hangs"})
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=False)


def fail(_: Job) -> Iterator[Line]:
    yield Line(TABLE, {"what": "before it fails"})
    raise RuntimeError("the part\nis broken")


def miss(_: Job) -> Iterator[Line]:
    importlib.import_module("a_library_that_is_not_here")
    yield Line(TABLE, {"what": "part"})


def wrong(_: Job) -> Iterator[Line]:
    yield Line(TABLE, {"what": "part"}, "wrong", note="it adds up to five")


def slow(_: Job) -> Iterator[Line]:
    time.sleep(0.5)
    yield Line(TABLE, {"what": "part"})


def engines(_: Job) -> Iterator[Line]:
    for engine, states in {"one": ("ok", "ok"), "two": ("ok", "wrong")}.items():
        for network, state in zip(("detector", "embedder"), states, strict=True):
            labels = {"engine": engine, "precision": "float16", "network": network}
            yield Line("engines", labels, "wrong" if state == "wrong" else "ok")
