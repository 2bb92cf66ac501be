"""Networks on the CPU through OpenVINO: one thread for each call, and the arithmetic that was asked for.

Left to itself OpenVINO computes in 16 bits wherever the processor can, starts a thread for each core, ties threads to cores,
and tells its makers over the network that it has been imported. None of that happens here.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from inference.engines.described import DescribedEngine, NetworkFacts, named_file, rows_of
from inference.engines.protocol import weights_hash
from inference.errors import InferenceError, ModelError
from inference.threads import available_cores
from throughline.types import FloatArray

__all__ = ["CpuPrecision", "OpenVinoEngine"]

CpuPrecision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16", "int8"]

_ADVICE: Final = "`throughline models list` shows the models there are"
_INSTALL: Final = "models.engine.kind: openvino needs the package `openvino`: pip install 'throughline[openvino]'"
_TELEMETRY: Final = "openvino_telemetry"
_MOST_STREAMS: Final = 4
_ARITHMETIC: Final = {"bfloat16": ("BF16", "bf16"), "float16": ("FP16", "f16")}
"""What OpenVINO calls a precision: among the processor's abilities, and as a hint."""


class OpenVinoEngine(DescribedEngine):
    """An ONNX file compiled by OpenVINO.

    Up to ``streams`` calls run side by side, each in one thread; more wait for each other.

    Args:
        path: ONNX file with one float32 input (batch, channels, height, width); only the batch may vary.
        name: Name of the model; default: the file's name without its ending.
        precision: ``auto`` and ``float32``: as the file says; 8-bit convolutions are computed in 8 bits. ``bfloat16`` and
            ``float16`` round everything else to 16 bits, where the processor can. ``int8``: as ``auto``, of such a file only.
        streams: Calls side by side; 0: as many as there are inference workers by default, one for each core, four at most.
        max_batch: Most pictures in one pass where the file leaves it open.
        size: Height and width of its pictures, where they are not to be those of the file; see `resized`.

    Raises:
        ModelError: OpenVINO is not installed, the file is missing, broken or of another kind, or the processor cannot compute in
            that precision.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        precision: CpuPrecision = "auto",
        streams: int = 0,
        max_batch: int | None = 16,
        size: tuple[int, int] | None = None,
    ) -> None:
        name = named_file(path, name)
        core = _core()
        self._precision: CpuPrecision = precision
        self._streams = streams or min(available_cores(), _MOST_STREAMS)
        model = _read(path, size)
        metadata = _metadata(model)
        input_shape, fixed = _picture_input(path, model)
        self._compiled: Any = _compile(core, model, path, _hint(core, precision, name, metadata), self._streams)
        self._requests = threading.local()
        super().__init__(
            NetworkFacts(
                name,
                weights_hash(path),
                path,
                metadata,
                input_shape,
                self._probe(path, fixed or 1, input_shape),
                tuple(_any_name(output, index) for index, output in enumerate(self._compiled.outputs)),
                fixed,
                fixed or max_batch,
            )
        )

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """Runs the network; see `inference.engines.protocol.Engine.infer`."""
        return self._run_in_passes(batch, self._pass)

    def resized(self, height: int, width: int) -> OpenVinoEngine | None:
        """The same network for pictures of another size; see `inference.engines.protocol.ResizableEngine.resized`."""
        try:
            return OpenVinoEngine(
                self.path,
                name=self.name,
                precision=self._precision,
                streams=self._streams,
                max_batch=self.max_batch,
                size=(height, width),
            )
        except ModelError:  # sizes are written into its inner parts, too
            return None

    def close(self) -> None:
        """Frees the network; what runs is finished first."""
        self._compiled = None
        self._requests = threading.local()

    def _pass(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        compiled, requests = self._compiled, self._requests  # locals: another thread may close the engine meanwhile
        if compiled is None:
            raise self._closed()
        try:
            if getattr(requests, "of_this_thread", None) is None:
                requests.of_this_thread = compiled.create_infer_request()
            return _run(requests.of_this_thread, batch)
        except RuntimeError as error:
            raise InferenceError(f"{self.name} failed on a batch of {len(batch)}: {_reason(error)}") from error

    def _probe(self, path: Path, count: int, input_shape: tuple[int, int, int]) -> tuple[tuple[int, ...], ...]:
        """One pass over blank pictures: proves that the network runs, and tells the true shapes of its outputs."""
        try:
            outputs = _run(self._compiled.create_infer_request(), np.zeros((count, *input_shape), np.float32))
        except RuntimeError as error:
            raise ModelError(f"{path}: the network does not run: {_reason(error)}; export it again") from error
        return rows_of(path, count, [output.shape for output in outputs])


def _core() -> Any:
    try:
        with _without_telemetry():
            import openvino  # noqa: F401 - late: it is optional, and takes a second to load
    except ImportError as error:
        raise ModelError(f"{_INSTALL} ({error})") from error
    return _loaded()[0]


@functools.cache
def _loaded() -> tuple[Any, Any]:
    """OpenVINO's core and its reader of ONNX files, kept for as long as the process lives.

    With the last of them OpenVINO unloads its libraries, and calls into what is not there any more end the process later.
    """
    import openvino
    from openvino.frontend import FrontEndManager

    manager = FrontEndManager()
    return openvino.Core(), (manager.load_by_framework("onnx"), manager)


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Inside, the package that reports to OpenVINO's makers cannot be imported; OpenVINO does without it then."""
    before = {name: sys.modules[name] for name in (_TELEMETRY,) if name in sys.modules}
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # what makes an import fail
    try:
        yield
    finally:
        del sys.modules[_TELEMETRY]
        sys.modules.update(before)


def _read(path: Path, size: tuple[int, int] | None) -> Any:
    """The model; only OpenVINO's reader of ONNX files looks at it.

    Left to choose, it shows what it cannot read to its readers of all other kinds, which are loaded for that and unloaded again.
    """
    reader, _ = _loaded()[1]
    try:
        model = reader.convert(reader.load(str(path)))
        if size is not None:
            batch, channels, *_ = model.inputs[0].partial_shape
            model.reshape([batch, channels, *size])
    except Exception as error:  # its exceptions share no base class below Exception
        raise ModelError(
            f"{path}: not an ONNX model that OpenVINO can load ({_reason(error)}); get the file again: {_ADVICE}"
        ) from error
    if not model.outputs:
        raise ModelError(f"{path}: not an ONNX model that OpenVINO can load (it is empty); get the file again: {_ADVICE}")
    return model


def _compile(core: Any, model: Any, path: Path, hint: str, streams: int) -> Any:
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,  # one for each stream
        "ENABLE_CPU_PINNING": False,  # other programs and our own decoders use these cores too
    }
    try:
        return core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise ModelError(
            f"{path}: OpenVINO cannot compile the network: {_reason(error)}; use another models.engine.kind"
        ) from error


def _run(request: Any, batch: FloatArray) -> tuple[FloatArray, ...]:
    outputs = request.infer([batch], share_inputs=True, share_outputs=False)
    return tuple(outputs.values())


def _hint(core: Any, precision: CpuPrecision, name: str, metadata: Mapping[str, str]) -> str:
    if precision in _ARITHMETIC:
        ability, hint = _ARITHMETIC[precision]
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if ability not in able:
            raise ModelError(
                f"models.engine.precision: this processor does not compute in {precision}, only in {', '.join(sorted(able))}; "
                "take float32"
            )
        return hint
    if precision == "int8" and not metadata.get("precision", "").startswith("int8"):
        raise ModelError(
            f"models.engine.precision: {name} has no 8-bit convolutions; `throughline models export --precision int8` makes such "
            "a file"
        )
    return "f32"


def _picture_input(path: Path, model: Any) -> tuple[tuple[int, int, int], int | None]:
    """(channels, height, width) of the one input, and its fixed batch, or None."""
    found = ", ".join(f"{_any_name(one, 0)} {one.partial_shape} {one.element_type.get_type_name()}" for one in model.inputs)
    if len(model.inputs) == 1 and model.inputs[0].element_type.get_type_name() == "f32":
        shape = model.inputs[0].partial_shape
        if shape.rank.is_static and len(shape) == 4 and all(shape[axis].is_static for axis in (1, 2, 3)):
            fixed = shape[0].get_length() if shape[0].is_static else None
            return (shape[1].get_length(), shape[2].get_length(), shape[3].get_length()), fixed
    raise ModelError(
        f"{path}: expected one float32 input (batch, channels, height, width) of fixed height and width, found {found}; "
        "export the network with these"
    )


def _metadata(model: Any) -> dict[str, str]:
    if not model.has_rt_info("framework"):
        return {}
    return {str(key): str(value) for key, value in model.get_rt_info("framework").value.items()}


def _any_name(port: Any, index: int) -> str:
    names = sorted(port.names)
    return str(names[0]) if names else f"output {index}"


def _reason(error: Exception) -> str:
    """The line of OpenVINO's message that says something; most name places in its sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or [type(error).__name__])[0]
