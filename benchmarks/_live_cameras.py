"""Cameras for benchmarks: a clip, enlarged, played over RTSP by a process of its own, and the site file that names them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._processes import first_json_line, free_port, python_process
from simulation.virtual_cameras import View, cut_cameras
from throughline.cache import cache_folder

__all__ = ["LiveCameras", "enlarged", "live_cameras", "site_file"]


@dataclass(frozen=True, slots=True)
class LiveCameras:
    """Cameras that are being played.

    Attributes:
        names: Camera ids.
        port: Of the RTSP server.
        server: Process id of the server.
    """

    names: tuple[str, ...]
    port: int
    server: int

    def url(self, name: str) -> str:
        """Where one of them is."""
        return f"rtsp://127.0.0.1:{self.port}/{name}"


@contextmanager
def live_cameras(clip: Path, count: int, folder: Path) -> Iterator[LiveCameras]:
    """Plays ``clip`` from so many cameras, which begin a little apart, as real ones do; logs into ``folder``."""
    names = tuple(f"c{number:02d}" for number in range(1, count + 1))
    delays = [argument for k, name in enumerate(names) for argument in ("--delay", f"{name}={k * 0.025:g}")]
    log = folder / "rtsp.log"
    arguments = ["-m", "simulation.rtsp", "--port", "0", *(f"{name}={clip}" for name in names), *delays]
    with python_process(arguments, log, output=subprocess.PIPE) as server:
        yield LiveCameras(names, first_json_line(server, log)["port"], server.pid)


def enlarged(clip: Path, size: tuple[int, int], fps: float) -> Path:
    """The clip in another size and at another rate, at 4 Mbit/s; made once and kept."""
    view = View(id=f"enlarged-{size[0]}x{size[1]}", crop=None, size=size, fps=fps, bitrate=4_000_000)
    print(f"Preparing {size[0]}x{size[1]} footage at {fps:g} fps ...", file=sys.stderr)
    return cut_cameras(clip, [view], cache_folder("benchmarks"))[0].path


def site_file(
    cameras: LiveCameras, *, detector: str, embedders: Sequence[str], fps: float, transport: str, metrics_port: int
) -> str:
    """A site of these cameras, each linked to the next, with the embedded broker."""
    site: dict[str, Any] = {
        "site": "benchmark",
        "kafka": {"bootstrap_servers": "embedded", "embedded_port": free_port()},
        "models": {"detector": detector, "embedders": [{"model": embedder} for embedder in embedders]},
        "telemetry": {"port": metrics_port, "log_level": "warning"},
        "search": {"port": 0},
        "cameras": [{"id": name, "url": cameras.url(name), "fps": fps, "transport": transport} for name in cameras.names],
        "links": [
            {"from": one, "to": other, "travel": {"min": 0, "typical": 5, "max": 14}} for one, other in pairwise(cameras.names)
        ],
    }
    return json.dumps(site, indent=1)  # JSON is YAML
