"""How large and how fast the networks are, and whether their ONNX files compute what torch computes.

``python -m benchmarks.networks`` builds every network of the registry for 333 identities, writes it as an ONNX file, compares
both on drawn pictures, and counts the pictures that one CPU core takes in a second, through the product's engine and, as a
peer in the same run, through torch. ``--variants`` adds the smaller files with what they lose. Weights are random (their
batch statistics are settled first): sizes, speeds and rounding are those of trained weights, accuracies would mean nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from inference.threads import limit_threads

limit_threads()  # before numpy is loaded, as the product does

import torch  # noqa: E402 - after the limit

from inference.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: E402 - as above
from inference.networks.export import ExportedNetwork  # noqa: E402 - as above
from inference.networks.network import Network  # noqa: E402 - as above
from inference.networks.parity import drawn_pictures, read_pictures, run_torch, settle  # noqa: E402 - as above
from inference.networks.registry import REGISTRY, build  # noqa: E402 - as above
from inference.networks.variants import PRECISIONS, Precision, write_variant  # noqa: E402 - as above
from inference.networks.weights import load_network  # noqa: E402 - as above
from throughline.types import FloatArray  # noqa: E402 - as above

__all__ = ["main"]

_IDENTITIES = 333
_BATCH = 2
_COMPARED = 3


def main() -> int:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", help="names, or files of trained networks (default: all names)")
    parser.add_argument("--variants", action="store_true", help="also the smaller files, and what they lose")
    parser.add_argument("--pretrained", action="store_true", help="backbones with ImageNet's weights instead of random ones")
    parser.add_argument("--pictures", type=Path, help="folder of pictures for the variants (default: drawn ones)")
    parser.add_argument("--seconds", type=float, default=1.0, help="least processor time for each speed (default: %(default)g)")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for given in options.networks or list(REGISTRY):
            results += _measure(given, options, Path(folder) / "network.onnx")
            gc.collect()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0


def _measure(given: str, options: argparse.Namespace, path: Path) -> list[dict[str, Any]]:
    network = _network(given, pretrained=options.pretrained)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    exported = ExportedNetwork(network)
    pictures = _pictures(options.pictures, network.input_size, options.variants)
    torch_rate = _rate(partial(run_torch, exported), pictures, options.seconds)
    print(f"\n{given}: {parameters / 1e6:.2f} M parameters, input {network.input_size}; torch {torch_rate:.2f} images/s")
    print(f"{'precision':16} {'MB':>7} {'images/s':>9} {'largest diff.':>13} {'of spread':>9} {'least cosine':>12}  outputs")
    results: list[dict[str, Any]] = []
    precisions: tuple[Precision, ...] = PRECISIONS if options.variants else ("float32",)
    for precision in sorted(precisions, key=lambda one: one == "float16"):  # it turns the network to 16 bits: last
        losses = write_variant(exported, path, precision, pictures=pictures)
        engine = OnnxRuntimeEngine(path)
        first = next(iter(losses.values()))
        result = {
            "network": given,
            "precision": precision,
            "parameters": parameters,
            "outputs": dict(zip(exported.names, engine.output_shapes, strict=True)),
            "megabytes": path.stat().st_size / 1e6,
            "largest_difference": max(loss.largest for loss in losses.values()),
            "spread": first.spread,
            "cosine": first.cosine,
            "torch_per_second": torch_rate,
            "onnx_per_second": _rate(engine.infer, pictures, options.seconds),
        }
        engine.close()
        path.unlink()
        _print(result)
        results.append(result)
    return results


def _network(given: str, *, pretrained: bool) -> Network:
    if given not in REGISTRY:
        return load_network(Path(given))[0]
    torch.manual_seed(0)
    network = build(
        given,
        _IDENTITIES if "identity" in REGISTRY[given].classes else 0,
        **({"pretrained": True} if pretrained else {}),
    )
    if not pretrained:
        settle(network)
    return network


def _pictures(folder: Path | None, input_size: tuple[int, int], variants: bool) -> FloatArray:
    count = 16 * _COMPARED if variants else _COMPARED
    return drawn_pictures(count, input_size) if folder is None else read_pictures(folder, input_size, count)


def _rate(run: Callable[[FloatArray], object], pictures: FloatArray, seconds: float) -> float:
    """Pictures in a second of processor time, of the fastest of several batches.

    Both run in this thread alone, so its processor time is what a core that does nothing else would need.
    """
    batch = pictures[:_BATCH]
    run(batch)
    times: list[float] = []
    while len(times) < 2 or sum(times) < seconds:
        start = time.thread_time()
        run(batch)
        times.append(time.thread_time() - start)
    return len(batch) / min(times)


def _print(result: dict[str, Any]) -> None:
    outputs = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in result["outputs"].items())
    print(
        f"{result['precision']:16} {result['megabytes']:7.1f} {result['onnx_per_second']:9.2f} "
        f"{result['largest_difference']:13.1e} {result['spread']:9.1e} {result['cosine']:12.6f}  {outputs}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
