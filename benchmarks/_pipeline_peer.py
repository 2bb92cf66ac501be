"""The live product and the script that one would write instead, each alone on the same cores with the same cameras."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from benchmarks._live_cameras import LiveCameras, live_cameras, site_file
from benchmarks._processes import cpu_seconds, free_port, python_process, wait_until, wait_until_ready
from throughline.telemetry.scrape import Scrape

__all__ = ["Contestant", "Load", "PipelineRun", "Product", "Script", "as_json", "measure", "report", "sustained"]

_LATE = 0.05
"""Share of the wanted frames that a camera may miss and still count as carried."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for.

    Attributes:
        clip: What each camera plays, over and over.
        detector: ONNX file.
        cameras: How many.
        fps: Frames to analyse a second and camera.
        source_fps: Frames that each camera sends.
        transport: ``tcp`` or ``udp``.
    """

    clip: Path
    detector: str
    cameras: int
    fps: float
    source_fps: float
    transport: str = "tcp"


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """What came of it.

    Attributes:
        contestant: Who ran.
        cameras: How many.
        analysed_fps: Frames analysed a second, all cameras together.
        slowest_fps: Of the camera that got least.
        cores: Processor time, user and system, for each second.
        wanted_fps: What was asked for of each camera.
    """

    contestant: str
    cameras: int
    analysed_fps: float
    slowest_fps: float
    cores: float
    wanted_fps: float

    @property
    def milliseconds_a_frame(self) -> float:
        """Processor time for each analysed frame, decoding included."""
        return 1000 * self.cores / self.analysed_fps if self.analysed_fps else float("inf")

    @property
    def carried(self) -> bool:
        """Whether no camera fell behind."""
        return self.slowest_fps >= (1 - _LATE) * self.wanted_fps


class Running(Protocol):
    """A contestant at work."""

    @property
    def pid(self) -> int:
        """Its process; children count with it."""
        ...

    def analysed(self) -> list[float]:
        """Frames analysed so far, by camera."""
        ...


class Contestant(Protocol):
    """Something that analyses cameras."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @contextmanager
    def running(self, load: Load, cameras: LiveCameras, folder: Path) -> Iterator[Running]:
        """Starts it, and ends it on leaving."""
        ...


@dataclass(frozen=True, slots=True)
class Product:
    """``throughline run --only streams``: decodes, detects, tracks, and sends tracklets to the embedded broker.

    Attributes:
        name: What tables call it.
        embedders: Appearance models; none: what the script does, and tracklets besides.
    """

    name: str
    embedders: tuple[str, ...] = ()

    @contextmanager
    def running(self, load: Load, cameras: LiveCameras, folder: Path) -> Iterator[Running]:
        """See `Contestant.running`."""
        port, log, site = free_port(), folder / "run.log", folder / "site.yaml"
        text = site_file(
            cameras,
            detector=load.detector,
            embedders=self.embedders,
            fps=load.fps,
            transport=load.transport,
            metrics_port=port,
        )
        site.write_text(text, encoding="utf-8")
        arguments = ["-m", "throughline.commands", "run", str(site), "--only", "streams"]
        with python_process(arguments, log, output=subprocess.DEVNULL) as process:
            wait_until_ready(process, port, log)
            yield _RunningProduct(process.pid, port, cameras.names)


@dataclass(frozen=True, slots=True)
class _RunningProduct:
    pid: int
    port: int
    names: Sequence[str]

    def analysed(self) -> list[float]:
        """See `Running.analysed`."""
        scrape = Scrape.of(self.port)
        return [scrape.total("throughline_frames_analysed_total", camera=name) for name in self.names]


@dataclass(frozen=True, slots=True)
class Script:
    """`benchmarks._peer_script`.

    Attributes:
        name: What tables call it.
        tuned: With the settings that spare the processor.
    """

    name: str
    tuned: bool = False

    @contextmanager
    def running(self, load: Load, cameras: LiveCameras, folder: Path) -> Iterator[Running]:
        """See `Contestant.running`."""
        arguments = ["-m", "benchmarks._peer_script", load.detector, *map(cameras.url, cameras.names)]
        arguments += ["--every", str(round(load.source_fps / load.fps)), "--fps", str(load.fps)]
        output, log = folder / "script.out", folder / "script.log"
        with output.open("w") as stdout:
            arguments += ["--tuned"] if self.tuned else []
            with python_process(arguments, log, output=stdout.fileno()) as process:
                running = _RunningScript(process.pid, output)
                wait_until(lambda: process.poll() is not None or min(running.analysed(), default=0), 60, "the script's frames")
                if process.poll() is not None:
                    raise RuntimeError(f"the script ended: {log.read_text()[-2000:]}")
                yield running


@dataclass(frozen=True, slots=True)
class _RunningScript:
    pid: int
    output: Path

    def analysed(self) -> list[float]:
        """See `Running.analysed`."""
        lines = self.output.read_text().splitlines()
        return [float(count) for count in json.loads(lines[-1])["analysed"]] if lines else []


def measure(contestant: Contestant, load: Load, folder: Path, *, warm_up: float, seconds: float) -> PipelineRun:
    """Runs one contestant on cameras of its own."""
    with live_cameras(load.clip, load.cameras, folder) as cameras, contestant.running(load, cameras, folder) as running:
        time.sleep(warm_up)
        began, cpu, counts = time.monotonic(), cpu_seconds(running.pid), running.analysed()
        time.sleep(seconds)
        wall, used = time.monotonic() - began, cpu_seconds(running.pid) - cpu
        rates = [(now - before) / wall for now, before in zip(running.analysed(), counts, strict=True)]
    return PipelineRun(contestant.name, load.cameras, sum(rates), min(rates), used / wall, load.fps)


def sustained(runs: Sequence[PipelineRun], contestant: str) -> tuple[int, float]:
    """Most cameras that a contestant carried, and the most frames a second that it analysed with any number of them."""
    own = [run for run in runs if run.contestant == contestant]
    return max((run.cameras for run in own if run.carried), default=0), max((run.analysed_fps for run in own), default=0.0)


def report(runs: Sequence[PipelineRun], ours: str, theirs: str) -> str:
    """Tables of all runs, and how many times better ``ours`` is than ``theirs``."""
    lines = [
        "| | cameras | analysed, fps in all | slowest camera, fps | cores | CPU a frame, ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {run.contestant} | {run.cameras} | {run.analysed_fps:.1f} | {run.slowest_fps:.2f} of {run.wanted_fps:g} "
        f"| {run.cores:.2f} | {run.milliseconds_a_frame:.1f} |"
        for run in runs
    ]
    lines += ["", "| | cameras carried | most frames a second | as many times those of the script |", "|---|---:|---:|---:|"]
    for name in dict.fromkeys(run.contestant for run in runs):
        cameras, rate = sustained(runs, name)
        of_theirs = sustained(runs, theirs)[1]
        lines.append(f"| {name} | {cameras} | {rate:.1f} | {f'{rate / of_theirs:.2f}' if of_theirs else '-'} |")
    lines.append("")
    for count in dict.fromkeys(run.cameras for run in runs):
        cost = {run.contestant: run.milliseconds_a_frame for run in runs if run.cameras == count}
        if ours in cost and theirs in cost:
            lines.append(f"CPU a frame with {count} cameras: {theirs} takes {cost[theirs] / cost[ours]:.2f} times that of {ours}")
    return "\n".join(lines)


def as_json(runs: Sequence[PipelineRun]) -> str:
    """All runs as one JSON object."""
    rows = [asdict(run) | {"milliseconds_a_frame": run.milliseconds_a_frame, "carried": run.carried} for run in runs]
    return json.dumps({"runs": rows, "machine_cores": os.cpu_count()})
