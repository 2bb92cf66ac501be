"""How many live cameras this machine carries: RTSP in, tracklets acknowledged by Kafka, everything on the same cores.

``python -m benchmarks.pipeline --cameras 4 --seconds 60`` plays a clip, enlarged to 1080p, from as many RTSP cameras, runs
the product as a user would (``throughline run``, embedded broker) and reads its own metrics. A delay that grows is shown by
comparing the first and the last third of the run. With ``--json`` the last line of stdout is one JSON object.

``python -m benchmarks.pipeline --compare 2,4,6`` sets it beside the script that one would write instead
(`benchmarks._peer_script`), with so many cameras, on the same footage, network and cores, one after the other. There the
product runs without embedders and matcher, since the script has neither, and once more with its embedder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._live_cameras import enlarged, live_cameras, site_file
from benchmarks._pipeline_peer import Contestant, Load, PipelineRun, Product, Script, as_json, measure, report
from benchmarks._processes import cpu_seconds, free_port, python_process, resident_megabytes, wait_until_ready
from inference.catalogue import resolve
from throughline.commands._shared_data import shared_data
from throughline.telemetry.scrape import Scrape

__all__ = ["main"]

_OURS = Product("Throughline")
_SCRIPT = Script("the script")
_TUNED = Script("the script, tuned", tuned=True)
_CONTESTANTS = ("product", "embedder", "script", "tuned")
_LATENCY = "throughline_capture_to_tracklet_seconds"


def main() -> int:
    """Runs the benchmark and prints its table."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        if options.compare:
            runs = _compare(options, Path(folder))
            print(report(runs, _OURS.name, _SCRIPT.name))
            if options.json:
                print(as_json(runs))
            return 0
        result = _measure(options, Path(folder))
    _print(result)
    if options.json:
        print(json.dumps(result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    data = shared_data()
    parser.add_argument("--clip", type=Path, default=data / "clips" / "highway.mp4", help="H.264 footage to play")
    parser.add_argument(
        "--detector", default=str(data / "models" / "yolox_nano.onnx"), help="absolute path of an ONNX file, or a name"
    )
    parser.add_argument("--embedder", default="colour-histogram", help="ONNX file, or a catalogue name")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--fps", type=float, default=10.0, help="analysed frames a second and camera")
    parser.add_argument("--source-fps", type=float, default=10.0, help="frames a second that each camera sends")
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=10.0)
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--compare", type=_counts, default=(), metavar="N,...", help="beside the script, with so many cameras")
    parser.add_argument("--contestants", nargs="+", choices=_CONTESTANTS, default=_CONTESTANTS, help="of the comparison")
    parser.add_argument("--only", choices=("streams",), help="leave the matcher out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.clip.is_file():
        parser.error(f"no footage at {options.clip}: name an H.264 file with --clip")
    return options


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    clip = enlarged(options.clip, (options.width, options.height), options.source_fps)
    log, site, port = folder / "run.log", folder / "site.yaml", free_port()
    with live_cameras(clip, options.cameras, folder) as cameras:
        text = site_file(
            cameras,
            detector=options.detector,
            embedders=[options.embedder],
            fps=options.fps,
            transport=options.transport,
            metrics_port=port,
        )
        site.write_text(text, encoding="utf-8")
        arguments = ["-m", "throughline.commands", "run", str(site), *(["--only", options.only] if options.only else [])]
        with python_process(arguments, log, output=subprocess.DEVNULL) as product:
            wait_until_ready(product, port, log)
            time.sleep(options.warm_up)
            return _observe(options, list(cameras.names), port, cameras.server, product.pid)


def _with_embedder(model: str) -> Product:
    return Product(f"Throughline with {model}", (model,))


def _compare(options: argparse.Namespace, folder: Path) -> list[PipelineRun]:
    clip = enlarged(options.clip, (options.width, options.height), options.source_fps)
    detector = resolve(options.detector, "detector").path
    if detector is None:
        raise SystemExit(f"{options.detector} has no file: the script needs one")
    everybody: tuple[Contestant, ...] = (_OURS, _with_embedder(options.embedder), _SCRIPT, _TUNED)
    contestants = dict(zip(_CONTESTANTS, everybody, strict=True))
    runs = []
    for count in options.compare:
        load = Load(clip, str(detector), count, options.fps, options.source_fps, options.transport)
        for contestant in (contestants[name] for name in options.contestants):
            runs.append(measure(contestant, load, folder, warm_up=options.warm_up, seconds=options.seconds))
            print(runs[-1], file=sys.stderr, flush=True)
    return runs


def _observe(options: argparse.Namespace, names: list[str], port: int, server: int, product: int) -> dict[str, Any]:
    marks = [Scrape.of(port)]
    cpu = [(time.monotonic(), cpu_seconds(server), cpu_seconds(product))]
    for _ in range(3):
        time.sleep(options.seconds / 3)
        marks.append(Scrape.of(port))
        cpu.append((time.monotonic(), cpu_seconds(server), cpu_seconds(product)))
    wall = cpu[-1][0] - cpu[0][0]
    first, last = marks[0], marks[-1]

    def rate(name: str, **labels: str) -> float:
        return (last.total(name, **labels) - first.total(name, **labels)) / wall

    return {
        "cameras": {
            name: {
                "decoded_fps": rate("throughline_frames_decoded_total", camera=name),
                "analysed_fps": rate("throughline_frames_analysed_total", camera=name),
                "dropped_busy_fps": sum(
                    rate("throughline_frames_dropped_total", camera=name, reason=reason) for reason in ("busy", "pressure")
                ),
                "records": last.total("throughline_tracklets_total", camera=name)
                - first.total("throughline_tracklets_total", camera=name),
            }
            for name in names
        },
        "seconds": wall,
        "latency_seconds": {
            "p50": last.quantile(_LATENCY, 0.5, first),
            "p99": last.quantile(_LATENCY, 0.99, first),
            "p50 of the first third": marks[1].quantile(_LATENCY, 0.5, marks[0]),
            "p50 of the last third": marks[3].quantile(_LATENCY, 0.5, marks[2]),
            "p99 of the first third": marks[1].quantile(_LATENCY, 0.99, marks[0]),
            "p99 of the last third": marks[3].quantile(_LATENCY, 0.99, marks[2]),
        },
        "inference_seconds_mean": {
            model: _mean(first, last, "throughline_inference_seconds", model)
            for model in sorted(
                {dict(labels)["model"] for name, labels in last.samples if name == "throughline_inference_seconds_count"}
            )
        },
        "cores": {"product, broker included": (cpu[-1][2] - cpu[0][2]) / wall, "RTSP server": (cpu[-1][1] - cpu[0][1]) / wall},
        "memory_megabytes": resident_megabytes(product),
        "matches": rate("throughline_matches_total") * wall,
        "matcher_records_behind": last.total("throughline_matcher_offset_lag_records"),
        "machine_cores": os.cpu_count(),
    }


def _mean(first: Scrape, last: Scrape, name: str, model: str) -> float:
    calls = last.total(f"{name}_count", model=model) - first.total(f"{name}_count", model=model)
    return (last.total(f"{name}_sum", model=model) - first.total(f"{name}_sum", model=model)) / max(calls, 1)


def _print(result: dict[str, Any]) -> None:
    print(f"| camera | decoded fps | analysed fps | dropped as busy, fps | tracklet records in {result['seconds']:.0f} s |")
    print("|---|---|---|---|---|")
    for name, row in result["cameras"].items():
        rates = " | ".join(f"{row[key]:.2f}" for key in ("decoded_fps", "analysed_fps", "dropped_busy_fps"))
        print(f"| {name} | {rates} | {row['records']:.0f} |")
    print()
    for name, value in result["latency_seconds"].items():
        print(f"capture to acknowledged tracklet, {name}: {value * 1000:.0f} ms")
    for name, value in result["inference_seconds_mean"].items():
        print(f"one call of {name}: {value * 1000:.1f} ms")
    for name, value in result["cores"].items():
        print(f"cores used by the {name}: {value:.2f} of {result['machine_cores']}")
    print(f"memory of the product: {result['memory_megabytes']:.0f} MB; match events: {result['matches']:.0f}")
    print(f"records that the matcher had still to read at the end: {result['matcher_records_behind']:.0f}")


if __name__ == "__main__":
    raise SystemExit(main())
