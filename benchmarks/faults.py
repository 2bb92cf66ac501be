"""How the product takes faults: cameras killed, hung and sending rubbish, while others go on.

``python -m benchmarks.faults`` runs the product on two RTSP cameras, each served by a process of its own, and one that sends
bytes which are no video. It kills one camera's server (SIGKILL) and starts it again, then stops one (SIGSTOP) and lets it go on
(SIGCONT), and reads from the product's metrics when it noticed and when frames were analysed again. It fails (exit code 1) when
a camera does not come back, when the other camera suffered, or when the product's process was replaced or a worker restarted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._processes import first_json_line, free_port, python_process, wait_until, wait_until_ready
from simulation.virtual_cameras import View, cut_cameras
from throughline.commands._shared_data import shared_data
from throughline.telemetry.scrape import Scrape

__all__ = ["main"]

_BACK_WITHIN = 30.0


def main() -> int:
    """Runs the faults and prints a table."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        rows = _run(options, Path(folder))
    print("| fault | noticed after, s | back after its end, s | reconnects counted | the other camera's frames | verdict |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            " | ".join(["", *(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()), ""]).strip()
        )
    if options.json:
        print(json.dumps(rows))
    return 0 if all(row["verdict"] == "recovered" for row in rows) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    data = shared_data()
    parser.add_argument("--clip", type=Path, default=data / "clips" / "highway.mp4", help="H.264 footage to play")
    parser.add_argument("--away", type=float, default=6.0, help="seconds that a camera stays away")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.clip.is_file():
        parser.error(f"no footage at {options.clip}: name an H.264 file with --clip")
    return options


def _run(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    footage = cut_cameras(options.clip, [View("faults", None, (640, 360))], folder)[0].path
    ports = {name: free_port() for name in ("c01", "c02")}
    metrics_port = free_port()
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(_camera(name, port, footage, folder)) for name, port in ports.items()}
        rubbish = stack.enter_context(_rubbish())
        site = folder / "site.yaml"
        site.write_text(_site({**ports, "broken": rubbish}, metrics_port))
        log = folder / "run.log"
        product = stack.enter_context(python_process(["-m", "throughline.commands", "run", str(site)], log))
        wait_until_ready(product, metrics_port, log)
        watch = _Watch(metrics_port, product)
        wait_until(lambda: watch.analysed("c01") > 20 and watch.analysed("c02") > 20, 30, "frames of both cameras")

        def killed() -> None:
            servers["c01"].kill()
            servers["c01"].wait()

        def started_again() -> None:
            servers["c01"] = stack.enter_context(_camera("c01", ports["c01"], footage, folder))

        rows = [watch.row("camera's server killed (SIGKILL), started again", "c01", "c02", options.away, killed, started_again)]
        rows.append(
            watch.row(
                "camera's server hung (SIGSTOP), went on (SIGCONT)",
                "c02",
                "c01",
                options.away,
                lambda: servers["c02"].send_signal(signal.SIGSTOP),
                lambda: servers["c02"].send_signal(signal.SIGCONT),
            )
        )
        tried = watch.scrape().total("throughline_camera_reconnects_total", camera="broken")
        tracebacks = log.read_text().count("Traceback")
        print(f"A third camera sent rubbish all the time: tried {tried:.0f} times, {tracebacks} tracebacks in the log.\n")
    return rows


class _Watch:
    """Looks at the product through its metrics."""

    def __init__(self, port: int, product: subprocess.Popen[str]) -> None:
        self._port = port
        self._product = product

    def scrape(self) -> Scrape:
        return Scrape.of(self._port)

    def analysed(self, camera: str) -> float:
        return self.scrape().total("throughline_frames_analysed_total", camera=camera)

    def row(self, fault: str, camera: str, other: str, away: float, begin: Any, end: Any) -> dict[str, Any]:
        """Begins a fault, ends it after ``away`` seconds, and tells how the product took it."""
        before = self.scrape()
        began = time.monotonic()
        begin()
        noticed = wait_until(
            lambda: self.scrape().total("throughline_camera_connected", camera=camera) == 0, 20, f"{camera} to be seen as away"
        )
        time.sleep(max(0.0, away - (time.monotonic() - began)))
        count = self.analysed(camera)
        end()
        try:
            back: float | str = wait_until(lambda: self.analysed(camera) > count + 5, _BACK_WITHIN, f"frames of {camera}")
        except TimeoutError:
            back = f"not within {_BACK_WITHIN:g}"
        after = self.scrape()
        others = after.total("throughline_frames_analysed_total", camera=other) - before.total(
            "throughline_frames_analysed_total", camera=other
        )
        expected = 0.8 * 10 * (time.monotonic() - began)
        restarts = after.total("throughline_worker_restarts_total") - before.total("throughline_worker_restarts_total")
        lost = "the product ended" if self._product.poll() is not None else "a worker was restarted" if restarts else ""
        suffered = f"{other} suffered" if others < expected else ""
        return {
            "fault": fault,
            "noticed": noticed,
            "back": back,
            "reconnects": int(
                after.total("throughline_camera_reconnects_total", camera=camera)
                - before.total("throughline_camera_reconnects_total", camera=camera)
            ),
            "other": int(others),
            "verdict": lost or suffered or ("recovered" if isinstance(back, float) else "lost"),
        }


@contextlib.contextmanager
def _camera(name: str, port: int, footage: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    log = folder / f"{name}.log"
    arguments = ["-m", "simulation.rtsp", "--port", str(port), f"{name}={footage}"]
    with python_process(arguments, log, output=subprocess.PIPE) as process:
        first_json_line(process, log)
        yield process


@contextlib.contextmanager
def _rubbish() -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(bytes(range(256)) * 64)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _site(ports: dict[str, int], metrics_port: int) -> str:
    site = {
        "site": "faults",
        "kafka": {"bootstrap_servers": "embedded", "embedded_port": free_port()},
        "models": {"detector": "motion", "embedders": [{"model": "colour-histogram"}]},
        "telemetry": {"port": metrics_port, "log_level": "warning"},
        "search": {"port": 0},
        "cameras": [{"id": name, "url": f"rtsp://127.0.0.1:{port}/{name}"} for name, port in ports.items()],
    }
    return json.dumps(site)


if __name__ == "__main__":
    raise SystemExit(main())
