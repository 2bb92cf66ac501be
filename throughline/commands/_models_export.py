"""`throughline models export`: a trained network becomes an ONNX file."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from throughline.commands._arguments import count
from throughline.commands._exit import BAD_INPUT, FAILED, CommandError
from throughline.commands._output import print_json, print_table, say

if TYPE_CHECKING:
    from inference.networks.network import Network
    from inference.networks.parity import OutputLoss

__all__ = ["add_arguments"]

_PRECISIONS = ("float32", "float16", "float16-weights", "int8", "int8-symmetric")  # a test holds them to `PRECISIONS`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.description = (
        "Writes a network that `throughline train` fitted as an ONNX file with a dynamic batch, compares it with torch, and says "
        "what it loses: as share of the distance between different pictures, and as least cosine. Needs throughline[train]."
    )
    parser.add_argument(
        "network",
        help="file network.pt of a training; or an ONNX file, to make a smaller one of it; or the name of a network: with random "
        "weights, to measure or compile it",
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="ONNX file to write")
    parser.add_argument(
        "--precision",
        choices=_PRECISIONS,
        default="float32",
        help="float16: computes in 16 bits, for GPUs; float16-weights: half the file, computes in 32 bits; int8: 8-bit "
        "convolutions for CPUs; int8-symmetric: the same as TensorRT takes them (default: %(default)s)",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="pictures like those it will see: the loss is measured on them, and 8 bits need them for their scales",
    )
    parser.add_argument("--limit", type=count, default=256, metavar="N", help="most pictures (default: %(default)s)")
    parser.add_argument("--outputs", type=_names, metavar="NAME,...", help="outputs of the file, in order (default: all)")
    parser.add_argument(
        "--temperature",
        type=_temperature,
        action="append",
        default=[],
        metavar="NAME=T",
        help="divide the logits of a classifier by T before their softmax, so that its probabilities are calibrated",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    try:
        import inference.networks.variants  # noqa: F401 - asks whether torch is there
    except ModuleNotFoundError as error:
        raise CommandError(f"export needs {error.name}, which is not installed: pip install 'throughline[train]'") from error
    from inference.errors import ModelError

    if not options.to.parent.is_dir():
        raise CommandError(f"{options.to.parent}: no such folder; make it first", BAD_INPUT)
    if options.precision.startswith("int8") and options.pictures is None:
        raise CommandError("8 bits need pictures to set their scales: give a folder with --pictures", BAD_INPUT)
    write = _of_file(options) if options.network.endswith(".onnx") else _of_network(options)
    try:
        losses = write()
    except (ModelError, OSError, ValueError) as error:
        raise CommandError(str(error), FAILED) from error
    size = options.to.stat().st_size
    say(f"{options.to}: {size / 1e6:.1f} MB, {options.precision}, outputs {', '.join(losses)}")
    if options.json:
        found = {name: dataclasses.asdict(loss) for name, loss in losses.items()}
        print_json({"path": str(options.to), "precision": options.precision, "bytes": size, "loss": found})
    else:
        rows = [[name, loss.largest, loss.spread, loss.cosine, loss.same_best] for name, loss in losses.items()]
        print_table(("output", "largest difference", "share of spread", "least cosine", "same best"), rows)
    return 0


def _of_network(options: argparse.Namespace) -> Callable[[], dict[str, OutputLoss]]:
    """What writes the file of a network of torch; wrong use is found before."""
    from inference.errors import ModelError
    from inference.networks.export import ExportedNetwork
    from inference.networks.parity import read_pictures
    from inference.networks.variants import write_variant

    network, facts = _load(options.network)
    try:
        exported = ExportedNetwork(network, options.outputs, dict(options.temperature))
        pictures = None if options.pictures is None else read_pictures(options.pictures, network.input_size, options.limit)
    except (ValueError, ModelError) as error:
        raise CommandError(str(error), BAD_INPUT) from error
    return partial(write_variant, exported, options.to, options.precision, pictures=pictures, metadata=facts)


def _of_file(options: argparse.Namespace) -> Callable[[], dict[str, OutputLoss]]:
    """What writes a smaller file of an ONNX file."""
    from inference.engines.onnx_runtime import OnnxRuntimeEngine
    from inference.errors import ModelError
    from inference.networks.parity import read_prepared_pictures
    from inference.networks.variants import write_variant_of_file

    if options.outputs or options.temperature or options.pictures is None:
        raise CommandError("of an ONNX file only --precision can be chosen, and it needs --pictures", BAD_INPUT)
    source = Path(options.network)
    try:
        engine = OnnxRuntimeEngine(source)
        pictures = read_prepared_pictures(options.pictures, engine, options.limit)
    except ModelError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    engine.close()
    return partial(write_variant_of_file, source, options.to, options.precision, pictures)


def _load(given: str) -> tuple[Network, dict[str, str | int | float]]:
    from inference.networks.parity import settle
    from inference.networks.registry import REGISTRY, build
    from inference.networks.weights import load_network

    if given in REGISTRY:
        say(f"{given} with random weights: good for measuring and compiling it, not for recognising anything")
        network = build(given)
        settle(network)
        return network, {"weights": "random"}
    path = Path(given)
    if path.suffix != ".pt" and not path.exists():
        names = ", ".join(REGISTRY)
        raise CommandError(f"{given} is neither a file of weights nor the name of a network: {names}", BAD_INPUT)
    try:
        return load_network(path)
    except (ValueError, RuntimeError) as error:
        raise CommandError(str(error), BAD_INPUT) from error


def _names(text: str) -> Sequence[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("expected names, separated by commas")
    return names


def _temperature(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        temperature = float(number)
    except ValueError:
        temperature = 0.0
    if not name or not 0 < temperature < float("inf"):
        raise argparse.ArgumentTypeError(f"expected NAME=T with T above zero, such as type=1.5, found {text!r}")
    return name, temperature
