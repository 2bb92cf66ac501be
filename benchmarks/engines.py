"""Whether every engine of this machine finds and describes the same vehicles, and what fewer bits cost and bring.

``python -m benchmarks.engines`` runs detectors and embedders on real frames through each engine that can be had here, beside
torch in 32 bits on the same inputs: sure vehicles found again at an IoU of 0.5, and cosines of embeddings. Engines in 32
bits must agree within the tolerances printed; else the command fails. Speeds are pictures a second of processor time (on a GPU:
of wall time), as multiples of ONNX Runtime's in the same run. 8 bits are calibrated on every second picture, and not scored
on these.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.threads import limit_threads

limit_threads()  # before numpy is loaded, as the product does

import av  # noqa: E402 - after the limit
import numpy as np  # noqa: E402 - as above
import torch  # noqa: E402 - as above

from benchmarks._engine_parity import (  # noqa: E402 - as above
    DetectionParity,
    EmbeddingParity,
    compare_detections,
    compare_embeddings,
)
from inference.batcher import InferenceWorkers  # noqa: E402 - as above
from inference.catalogue import CATALOGUE, locate, model_folders, resolve  # noqa: E402 - as above
from inference.crop_preparation import CropPreparation  # noqa: E402 - as above
from inference.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: E402 - as above
from inference.engines.opening import open_engine  # noqa: E402 - as above
from inference.engines.openvino_engine import OpenVinoEngine  # noqa: E402 - as above
from inference.engines.protocol import DeviceEngine, Engine  # noqa: E402 - as above
from inference.engines.torch_engine import TorchEngine  # noqa: E402 - as above
from inference.errors import ModelError  # noqa: E402 - as above
from inference.letterbox import Placement, letterbox  # noqa: E402 - as above
from inference.networks.variants import write_variant_of_file  # noqa: E402 - as above
from inference.pictures.host import HostOperations  # noqa: E402 - as above
from inference.yolox import YoloxDetector, vehicle_classes  # noqa: E402 - as above
from inference.yolox_head import YoloxHead  # noqa: E402 - as above
from throughline.commands._shared_data import shared_data  # noqa: E402 - as above
from throughline.settings.models import EngineSettings  # noqa: E402 - as above
from throughline.telemetry.metrics import Metrics  # noqa: E402 - as above
from throughline.types import ClockSource, Detections, FloatArray, Frame, Image  # noqa: E402 - as above

__all__ = ["main"]

_FOUND, _COSINE = 0.99, 0.9999
"""What an engine in 32 bits must reach: share of sure vehicles found again, and least cosine."""
_LEAST_SCORE = 0.1
_SURE = 0.4
_LEAST_CROP = 24
_CROPS_AT_ONCE = 8
_MOST_CROPS = 200


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to run a network: its name, how it is opened, whether it must agree with the reference."""

    name: str
    open: Callable[[], Engine]
    exact: bool = False


@dataclass(frozen=True, slots=True)
class _Result:
    network: str
    way: str
    exact: bool
    parity: DetectionParity | EmbeddingParity
    pictures_per_second: float

    @property
    def agrees(self) -> bool:
        if isinstance(self.parity, DetectionParity):
            return self.parity.found >= _FOUND
        return self.parity.least >= _COSINE


def main() -> int:
    """Runs the benchmark and prints its tables; 1 if an engine in 32 bits does not agree."""
    options = _options()
    torch.set_num_threads(1)
    frames = list(_frames(options.clips, options.frames))
    print(f"{len(frames)} frames of {', '.join(clip.name for clip in options.clips)}\n")
    results: list[_Result] = []
    with tempfile.TemporaryDirectory() as folder:
        crops: list[Image] = []
        for number, path in enumerate(options.detectors):
            found, rows = _detector(path, frames, Path(folder) / f"detector-{number}.onnx", options.seconds)
            results += rows
            crops = crops or _crops(frames, found)
        for number, path in enumerate(options.embedders):
            results += _embedder(path, crops, Path(folder) / f"embedder-{number}.onnx", options.seconds)
    if options.json:
        rows_of_json = [asdict(row) | {"agrees": row.agrees} for row in results]
        options.json.write_text(json.dumps(rows_of_json, indent=1), encoding="utf-8")
    apart = [f"{row.network} with {row.way}" for row in results if row.exact and not row.agrees]
    limits = f"{_FOUND:.0%} of the sure vehicles found again, and no cosine below {_COSINE}"
    print(f"Engines in 32 bits must have {limits}: " + ("all have." if not apart else f"NOT SO: {', '.join(apart)}"))
    return 1 if apart else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    folder = shared_data() / "clips"
    parser.add_argument("--clips", type=Path, nargs="+", default=sorted(folder.glob("*.mp4")), help="footage to take frames from")
    parser.add_argument("--frames", type=int, default=12, help="frames of each clip (default: %(default)s)")
    parser.add_argument("--detectors", nargs="+", help="ONNX files or names (default: all that are on this machine)")
    parser.add_argument("--embedders", nargs="+", help="ONNX files or names (default: all that are on this machine)")
    parser.add_argument("--seconds", type=float, default=1.0, help="least time for each speed (default: %(default)g)")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    if not options.clips:
        parser.error(f"no footage in {folder}: name some with --clips")
    for kind in ("detector", "embedder"):
        given = getattr(options, f"{kind}s")
        entries = [entry for entry in CATALOGUE if entry.kind == kind]
        paths = [resolve(name, kind).path for name in given] if given else [locate(entry, model_folders()) for entry in entries]
        setattr(options, f"{kind}s", [path for path in paths if path is not None])
    return options


def _frames(clips: Sequence[Path], count: int) -> Iterator[Image]:
    """So many frames of each clip, evenly spread."""
    for clip in clips:
        with av.open(str(clip)) as footage:
            total = footage.streams.video[0].frames or 250
            wanted = set(np.linspace(0, total - 1, count).astype(int).tolist())
            for number, frame in enumerate(footage.decode(video=0)):
                if number in wanted:
                    yield frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def _ways(path: Path, pictures: FloatArray, small: Path) -> list[_Way]:
    """All that is to be tried, the reference first."""
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    eight = small.with_name(f"{small.stem}-symmetric.onnx")
    ways = [
        _Way(f"torch on {device}, 32 bits", lambda: TorchEngine(path, device=device, precision="float32"), exact=True),
        _Way(f"torch on {device}, 16 bits", lambda: TorchEngine(path, device=device, precision="float16")),
        _Way("ONNX Runtime", lambda: OnnxRuntimeEngine(path), exact=True),
        _Way("ONNX Runtime, 8 bits", lambda: OnnxRuntimeEngine(_eight_bits(path, small, pictures, "int8"))),
        _Way("OpenVINO", lambda: OpenVinoEngine(path, streams=1), exact=True),
        _Way("OpenVINO, bfloat16", lambda: OpenVinoEngine(path, precision="bfloat16", streams=1)),
        _Way("OpenVINO, 8 bits", lambda: OpenVinoEngine(_eight_bits(path, small, pictures, "int8"), streams=1)),
    ]
    for precision in ("float32", "float16"):
        settings = EngineSettings.model_validate({"kind": "tensorrt", "precision": precision})
        ways.append(_Way(f"TensorRT, {precision}", lambda of=settings: open_engine(path, of), exact=precision == "float32"))  # type: ignore[misc]
    settings = EngineSettings(kind="tensorrt", precision="int8")
    ways.append(_Way("TensorRT, int8", lambda: open_engine(_eight_bits(path, eight, pictures, "int8-symmetric"), settings)))
    return ways


def _eight_bits(path: Path, to: Path, pictures: FloatArray, precision: Any) -> Path:
    if not to.exists():
        write_variant_of_file(path, to, precision, pictures)
    return to


def _opened(network: str, ways: Sequence[_Way]) -> Iterator[tuple[_Way, Engine]]:
    """Each way that can be had here, and the reason of each that cannot."""
    for way in ways:
        try:
            engine = way.open()
        except (ModelError, ImportError, OSError) as error:
            print(f"{network}: no {way.name} here: {str(error).splitlines()[0]}")
            continue
        try:
            yield way, engine
        finally:
            engine.close()


def _detector(path: Path, frames: Sequence[Image], small: Path, seconds: float) -> tuple[list[Detections], list[_Result]]:
    """What the reference found, and a row for each way."""
    shape = OnnxRuntimeEngine(path).input_shape
    batch = np.stack([letterbox(frame, *shape[1:])[0] for frame in frames])
    placements = [Placement.of(frame.shape, *shape[1:]) for frame in frames]
    scored = slice(1, None, 2)
    reference: list[Detections] = []
    results = []
    for way, engine in _opened(path.stem, _ways(path, batch, small)):
        found = _found(engine, batch, placements)
        reference = reference or found
        parity = compare_detections(reference[scored], found[scored])
        results.append(_Result(path.stem, way.name, way.exact, parity, _rate(engine, batch[:1], seconds)))
    results.append(_live(path, frames, reference, scored, seconds))
    _print(results)
    return reference, results


def _live(path: Path, frames: Sequence[Image], reference: Sequence[Detections], scored: slice, seconds: float) -> _Result:
    """As cameras are analysed: nothing is computed where the input is grey, if the file can be had for other sizes."""
    workers = InferenceWorkers(1, Metrics())
    engine = OnnxRuntimeEngine(path)
    detector = YoloxDetector(engine, workers)

    async def detect_all() -> list[Detections]:
        return [await detector.detect(Frame("", k, k, ClockSource.FILE, 0.0, frame)) for k, frame in enumerate(frames)]

    found = asyncio.run(detect_all())
    height, width = detector.input_for(frames[0].shape)
    own = engine.resized(height, width) or engine
    rate = _rate(own, np.zeros((1, *own.input_shape), np.float32), seconds)
    detector.close()
    workers.close()
    return _Result(path.stem, "ONNX Runtime, live", False, compare_detections(reference[scored], found[scored]), rate)


def _found(engine: Engine, batch: FloatArray, placements: Sequence[Placement]) -> list[Detections]:
    """Decoded on this machine's memory for all engines alike: what is compared is the networks."""
    head = YoloxHead(engine.input_shape, vehicle_classes(engine), _LEAST_SCORE)
    find = HostOperations().finder(head, nms_iou=0.65, across_classes_iou=0.8)
    return [find(engine.infer(batch[k : k + 1])[0], placements[k : k + 1])[0] for k in range(len(batch))]


def _crops(frames: Sequence[Image], found: Sequence[Detections]) -> list[Image]:
    """Pictures of single vehicles, evenly taken from all there are."""
    crops = []
    for frame, detections in zip(frames, found, strict=True):
        for x1, y1, x2, y2 in detections.boxes[detections.scores >= _SURE].round().astype(int).tolist():
            if min(x2 - x1, y2 - y1) >= _LEAST_CROP:
                crops.append(frame[y1:y2, x1:x2])
    return crops[:: max(1, len(crops) // _MOST_CROPS)][:_MOST_CROPS]


def _embedder(path: Path, crops: Sequence[Image], small: Path, seconds: float) -> list[_Result]:
    batch = CropPreparation(OnnxRuntimeEngine(path))(crops)
    results: list[_Result] = []
    reference: FloatArray | None = None
    for way, engine in _opened(path.stem, _ways(path, batch, small)):
        vectors = engine.infer(batch)[0]
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        reference = vectors if reference is None else reference
        parity = compare_embeddings(reference[1::2], vectors[1::2])
        results.append(_Result(path.stem, way.name, way.exact, parity, _rate(engine, batch[:_CROPS_AT_ONCE], seconds)))
    _print(results)
    return results


def _rate(engine: Engine, batch: FloatArray, seconds: float) -> float:
    """Pictures a second of processor time; of wall time for what computes elsewhere."""
    elsewhere = isinstance(engine, DeviceEngine) and engine.device.type != "cpu"
    clock = time.perf_counter if elsewhere else time.process_time
    engine.infer(batch)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = clock()
        engine.infer(batch)
        times.append(clock() - began)
    return len(batch) / statistics.median(times)


def _print(results: Sequence[_Result]) -> None:
    speed = next((row.pictures_per_second for row in results if row.way == "ONNX Runtime"), float("nan"))
    if isinstance(results[0].parity, DetectionParity):
        print("\n| network | engine | sure vehicles | found again | agreement | mean IoU | score, mean diff. | speed |")
        print("|---|---|---:|---:|---:|---:|---:|---:|")
    else:
        print("\n| network | engine | crops | mean cosine | least cosine | same nearest | speed |")
        print("|---|---|---:|---:|---:|---:|---:|")
    for row in results:
        parity = row.parity
        if isinstance(parity, DetectionParity):
            figures = (
                f"{parity.vehicles} | {parity.found:.3f} | {parity.agreement:.3f} | {parity.overlap:.3f} | {parity.score:.4f}"
            )
        else:
            figures = f"{parity.crops} | {parity.mean:.5f} | {parity.least:.5f} | {parity.same_nearest:.3f}"
        print(f"| {row.network} | {row.way} | {figures} | {row.pictures_per_second / speed:.2f} |")
    print(flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
