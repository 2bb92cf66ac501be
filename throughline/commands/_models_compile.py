"""`throughline models compile`: builds networks for TensorRT before they are needed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pydantic import ValidationError

from throughline.commands._arguments import count
from throughline.commands._exit import BAD_INPUT, FAILED, CommandError
from throughline.commands._output import print_json, print_table, say
from throughline.settings import load_site
from throughline.settings.models import EngineSettings, ModelsSettings
from throughline.types import FloatArray

if TYPE_CHECKING:
    from inference.tensorrt.flavours import TensorRT
    from inference.tensorrt.opening import Place
    from inference.tensorrt.plans import PlanCache, PlanState

__all__ = ["add_arguments"]

_FLAVOURS = ("auto", "tensorrt", "tensorrt-rtx")  # a test holds them to `FLAVOURS`
_COMPARED = 8


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What became of one network; `cosine` and `difference` against 32 bits on the CPU, None where it could not run."""

    model: str
    precision: str
    tensorrt: str
    gpu: str
    max_batch: int
    state: str
    seconds: float
    megabytes: float
    cosine: float | None
    difference: float | None
    path: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.description = (
        "Builds networks for TensorRT and keeps the plans, so that `run` need not. Where there is a GPU each one is loaded and "
        "compared with 32 bits on the CPU. TensorRT-RTX also builds on a machine without a GPU; copy its plans together with the "
        "folder they are in."
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names in the catalogue, or ONNX files")
    parser.add_argument("--site", type=Path, metavar="SITE", help="site file (YAML): compile what it names, as it says")
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "float16", "int8"),
        help="arithmetic; int8 needs --pictures once (default: as the site file says, else auto: 16 bits)",
    )
    parser.add_argument("--max-batch", type=count, metavar="N", help="most pictures in one pass (default: as the site file says)")
    parser.add_argument("--gpu", type=int, metavar="N", help="number of the GPU (default: as the site file says)")
    parser.add_argument("--flavour", choices=_FLAVOURS, default="auto", help="which TensorRT (default: the first one found)")
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="pictures like those a network will see, to set the scales of 8 bits: crops for an embedder, frames for a detector; "
        "one network at a time",
    )
    parser.add_argument("--limit", type=count, default=256, metavar="N", help="most pictures (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="build even what is there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_compile)


def _compile(options: argparse.Namespace) -> int:
    from inference.errors import ModelError
    from inference.tensorrt.flavours import load_tensorrt
    from inference.tensorrt.plans import PlanCache

    settings, files = _wanted(options)
    cache = PlanCache()
    rows = []
    try:
        tensorrt = load_tensorrt(None if options.flavour == "auto" else options.flavour)
        place = _place(settings, tensorrt, cache)
        for path in files:
            if options.pictures is not None:
                _calibrate(path, options.pictures, options.limit, cache)
            rows.append(_one(path, settings, tensorrt, place, cache, again=options.again))
            say(f"{rows[-1].model}: {rows[-1].path}")
    except ModelError as error:
        raise CommandError(str(error), FAILED) from error
    if options.json:
        print_json({"plans": [asdict(row) for row in rows]})
    else:
        columns = ("model", "precision", "tensorrt", "gpu", "max_batch", "state", "seconds", "megabytes", "cosine", "difference")
        print_table(columns, [[_shown(getattr(row, column)) for column in columns] for row in rows])
    return 0


def _wanted(options: argparse.Namespace) -> tuple[EngineSettings, list[Path]]:
    """Engine settings with what the command line changes, and the files of the networks."""
    from inference.errors import ModelError

    if bool(options.models) == (options.site is not None):
        raise CommandError("say which networks: names or files, or --site with a site file", BAD_INPUT)
    site = ModelsSettings() if options.site is None else load_site(options.site).models
    changes: dict[str, Any] = {"precision": options.precision, "max_batch": options.max_batch, "gpu": options.gpu}
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        settings = EngineSettings.model_validate({**site.engine.model_dump(), **given})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise CommandError(wrong, BAD_INPUT) from error
    try:
        files = _files_of(site) if options.site is not None else [_file(model) for model in options.models]
    except ModelError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if options.pictures is not None and (settings.precision != "int8" or len(files) != 1):
        raise CommandError("--pictures set the scales of 8 bits: they need --precision int8 and one network", BAD_INPUT)
    return settings, files


def _files_of(settings: ModelsSettings) -> list[Path]:
    """Files of all networks that a site names."""
    from inference.catalogue import resolve

    chosen = [resolve(settings.detector, "detector"), *(resolve(one.model, "embedder") for one in settings.embedders)]
    files = [one.path for one in chosen if one.path is not None]
    return list(dict.fromkeys([*files, *(Path(file).expanduser() for file in settings.attribute_networks)]))


def _file(model: str) -> Path:
    from inference.catalogue import find, resolve
    from inference.errors import ModelError

    is_file = "/" in model or model.endswith(".onnx")
    path = resolve(model, "detector" if is_file else find(model).kind).path
    if path is None:
        raise ModelError(f"{model} has no weights: there is nothing to compile")
    return path


def _calibrate(path: Path, pictures: Path, limit: int, cache: PlanCache) -> None:
    """Makes the 8-bit form of a network and tells what it loses."""
    try:
        from inference.networks.parity import read_prepared_pictures
        from inference.networks.variants import write_variant_of_file
    except ModuleNotFoundError as error:
        raise CommandError(f"8 bits need {error.name}, which is not installed: pip install 'throughline[train]'") from error
    from inference.engines.onnx_runtime import OnnxRuntimeEngine
    from inference.tensorrt.graphs import int8_graph, is_quantised

    engine = OnnxRuntimeEngine(path)
    prepared = read_prepared_pictures(pictures, engine, limit)
    engine.close()
    cache.make_folder()
    target = int8_graph(path, cache.folder)
    losses = write_variant_of_file(path, target, "int8-symmetric", prepared)
    if not is_quantised(target):
        target.unlink()
        raise CommandError(f"{path}: no layer of this network stands 8 bits; use float16")
    for name, loss in losses.items():
        say(f"{path.name} in 8 bits, {name}: least cosine {loss.cosine:.4f}, {loss.spread:.3f} of the distance between pictures")


def _place(settings: EngineSettings, tensorrt: TensorRT, cache: PlanCache) -> Place | None:
    """Where plans can run; None: nowhere here, which is no matter to TensorRT-RTX."""
    from inference.engines.gpu import NoGpuError, find_gpu
    from inference.errors import ModelError
    from inference.tensorrt.opening import Place, provide_memory

    try:
        return Place(tensorrt, find_gpu(settings.gpu), provide_memory(settings), cache)
    except (NoGpuError, ModelError) as error:
        if not tensorrt.is_rtx:
            raise ModelError(f"TensorRT builds only where its plans will run, and here they cannot: {error}") from error
        say(f"plans are built and not run: {error}")
        return None


def _one(
    path: Path, settings: EngineSettings, tensorrt: TensorRT, place: Place | None, cache: PlanCache, *, again: bool
) -> _Compiled:
    from inference.tensorrt.compiling import compile_plan

    with nullcontext() if place is None else place.memory.current():
        compiled = compile_plan(path, settings, tensorrt, None if place is None else place.gpu, cache, again=again)
    cosine, difference = (None, None) if place is None else _compare(path, settings, place)
    return _Compiled(
        path.stem,
        compiled.key.precision,
        f"{tensorrt.flavour} {tensorrt.version}",
        compiled.key.gpu,
        settings.max_batch,
        _state(compiled.state, again=again),
        round(compiled.seconds, 1),
        round(len(compiled.plan.content) / 1e6, 1),
        cosine,
        difference,
        str(compiled.path),
    )


def _state(found: PlanState, *, again: bool) -> str:
    if found == "cached":
        return "built again" if again else "cached"
    return "built" if found == "missing" else f"built, was {found}"


def _compare(path: Path, settings: EngineSettings, place: Place) -> tuple[float, float]:
    """Least cosine and largest difference of an output on drawn pictures, against the file on the CPU."""
    from inference.engines.onnx_runtime import OnnxRuntimeEngine
    from inference.tensorrt.opening import open_on

    reference = OnnxRuntimeEngine(path)
    pictures = _drawn(_COMPARED, reference.input_shape)
    expected = reference.infer(pictures)
    reference.close()
    engine = open_on(place, path, settings, name=path.stem)
    found = engine.infer(pictures)
    engine.close()
    cosines = [_least_cosine(one, other) for one, other in zip(expected, found, strict=True)]
    differences = [float(np.abs(one - other).max()) for one, other in zip(expected, found, strict=True)]
    return min(cosines), max(differences)


def _least_cosine(one: FloatArray, other: FloatArray) -> float:
    rows, others = one.reshape(len(one), -1), other.reshape(len(other), -1)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    return float(((rows * others).sum(1) / np.maximum(lengths, 1e-12)).min())


def _drawn(number: int, shape: tuple[int, int, int]) -> FloatArray:
    """(N, C, H, W) smooth blots from 0 to 255: what every network here takes, or near enough to compare two forms of it."""
    random = np.random.default_rng(0)
    channels, height, width = shape
    coarse = random.uniform(0, 255, (number * channels, 5, 8)).astype(np.float32)
    smooth: Sequence[FloatArray] = [cv2.resize(one, (width, height)).astype(np.float32) for one in coarse]
    return np.stack(smooth).reshape(number, channels, height, width)


def _shown(value: object) -> object:
    return "not run" if value is None else value
