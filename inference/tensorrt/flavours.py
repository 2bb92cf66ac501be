"""TensorRT and TensorRT-RTX behind one handle: their Python modules are alike but for what is asked here."""

from __future__ import annotations

import functools
import importlib
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from inference.errors import ModelError

__all__ = ["FLAVOURS", "Flavour", "Log", "TensorRT", "load_tensorrt", "make_log"]

Flavour: TypeAlias = Literal["tensorrt", "tensorrt-rtx"]
FLAVOURS: Final[tuple[Flavour, ...]] = get_args(Flavour)

_MODULES: dict[Flavour, tuple[str, ...]] = {
    "tensorrt": ("tensorrt",),
    "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),  # the second where only the parts were installed
}
_KEPT = 6
# What fails is raised with the errors in it; warnings are of the kind that a user can do nothing about.
_LEVELS = {"INTERNAL_ERROR": logging.ERROR, "ERROR": logging.INFO, "WARNING": logging.DEBUG}
_ERRORS = ("INTERNAL_ERROR", "ERROR")

_logger = logging.getLogger(__name__)


class Log:
    """What TensorRT says: forwarded to logging, the last errors kept for exceptions.

    TensorRT returns None or False where something fails, and tells why only here.

    Attributes:
        native: The object that TensorRT's own constructors take.
    """

    def __init__(self) -> None:
        self.native: Any = None
        self._errors: deque[str] = deque(maxlen=_KEPT)

    def record(self, severity: str, message: str) -> None:
        """Takes a message; never raises, for it is called from within TensorRT."""
        level = _LEVELS.get(severity)
        if level is None:
            return
        line = " ".join(message.split())
        if severity in _ERRORS:
            self._errors.append(line)
        _logger.log(level, "%s", line)

    def take_errors(self) -> str:
        """The last errors in one line, ``no reason given`` if there are none; they are forgotten then."""
        found = list(dict.fromkeys(self._errors))
        self._errors.clear()
        return "; ".join(found) or "no reason given"


@dataclass(frozen=True, eq=False)
class TensorRT:
    """One TensorRT on this machine.

    Attributes:
        api: Its Python module.
        flavour: Which of the two it is; plans of one are nothing to the other.
        version: All of it, such as ``11.4.0.106``.
        log: What it says.
    """

    api: Any
    flavour: Flavour
    version: str
    log: Log

    @property
    def is_rtx(self) -> bool:
        """Whether kernels are compiled where they run, so that a plan serves other GPUs too."""
        return self.flavour == "tensorrt-rtx"

    @property
    def types_are_optional(self) -> bool:
        """Whether a network computes as its ONNX file says only if that is asked for: TensorRT 10."""
        return not self.is_rtx and int(self.version.split(".")[0]) < 11

    def new(self, kind: str, *arguments: Any) -> Any:
        """An object of TensorRT that takes the log as its last argument.

        Raises:
            ModelError: it cannot be made, such as a builder of TensorRT where there is no GPU.
        """
        self.log.take_errors()
        try:
            return getattr(self.api, kind)(*arguments, self.log.native)
        except (TypeError, RuntimeError) as error:  # TypeError: what pybind11 makes of no object
            raise ModelError(f"{self.flavour} {self.version} makes no {kind}: {self.log.take_errors()}") from error


def load_tensorrt(flavour: Flavour | None = None) -> TensorRT:
    """The TensorRT of this machine, the same object each time.

    Args:
        flavour: Which one; default: TensorRT where it is, else TensorRT-RTX.

    Raises:
        ModelError: there is none.
    """
    missing = []
    for one in FLAVOURS if flavour is None else (flavour,):
        for module in _MODULES[one]:
            found = _load(module, one)
            if isinstance(found, TensorRT):
                return found
            missing.append(found)
    wanted = "TensorRT" if flavour is None else flavour
    extra = "gpu" if flavour == "tensorrt" else "tensorrt-rtx"
    raise ModelError(f"{wanted} is not on this machine ({'; '.join(missing)}): pip install 'throughline[{extra}]'")


def make_log(api: Any) -> Log:
    """A log with the object that TensorRT calls."""
    log = Log()

    class Native(api.ILogger):  # type: ignore[misc]  # the class is TensorRT's, which has no types
        def __init__(self) -> None:
            api.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            log.record(severity.name, message)

    log.native = Native()
    return log


@functools.cache
def _load(module: str, flavour: Flavour) -> TensorRT | str:
    """The handle, or why there is none. TensorRT wants one logger for a process, so handles are kept."""
    try:
        api = importlib.import_module(module)
        return TensorRT(api, flavour, str(api.__version__), make_log(api))
    except (ImportError, OSError, AttributeError) as error:  # OSError: a library of it does not load
        text = " ".join(str(error).split())
        return text if module in text else f"{module}: {text}"
