"""Logs: lines for people on a terminal, one JSON object a line elsewhere, never with credentials."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from throughline.redaction import redact_value
from throughline.settings.telemetry import TelemetrySettings

__all__ = ["LibraryFilter", "configure_logging"]

_LIBRARIES: Final = ("aiokafka", "aiohttp", "asyncio", "kafka", "libav")
_REPEAT_SECONDS: Final = 30.0
_REPEATS: Final = 3


def configure_logging(settings: TelemetrySettings, stream: TextIO | None = None) -> None:
    """Sends every log record of the process, its libraries' included, through one renderer.

    Own parts log with ``structlog.get_logger(__name__)`` and bind what they are about: ``log.bind(site=..., camera=...)``, or
    ``structlog.contextvars.bound_contextvars(site=..., camera=...)`` for everything below a task. Uncaught exceptions of
    threads and of the process are logged as well. Call it once, in the command; later calls replace the set-up.

    Args:
        settings: Format and level.
        stream: Where to write; default: standard error.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(_wants_console(settings, stream), colours=stream.isatty()))
    handler.addFilter(LibraryFilter())
    root = logging.getLogger()
    for former in root.handlers[:]:
        if isinstance(former.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(former)
    root.addHandler(handler)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root.setLevel(level)
    for name in _LIBRARIES:  # their information is of use to those who debug only, and their debug output to nobody
        logging.getLogger(name).setLevel(logging.INFO if level == logging.DEBUG else max(level, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class LibraryFilter(logging.Filter):
    """Calms libraries: aiokafka's errors become warnings, since it tries again by itself, and repetitions are thinned.

    Of one message of a library three pass in thirty seconds. The next one that passes says how many did not.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}  # start of the window, records in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is shown."""
        library = record.name.partition(".")[0]
        if library not in _LIBRARIES:
            return True
        if library == "aiokafka" and record.levelno == logging.ERROR:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        now = self._clock()
        key = (record.name, str(record.msg)[:200])
        with self._lock:
            start, count = self._windows.get(key, (now, 0))
            held_back = 0
            if now - start >= _REPEAT_SECONDS:
                start, count, held_back = now, 0, max(0, count - _REPEATS)
            if len(self._windows) > 1000:  # messages that carry numbers are all different
                self._windows.clear()
            self._windows[key] = start, count + 1
        if held_back:
            record.held_back = held_back
        return count < _REPEATS


def _wants_console(settings: TelemetrySettings, stream: TextIO) -> bool:
    return settings.log_format == "console" or (settings.log_format == "auto" and stream.isatty())


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(console: bool, colours: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(allow=("held_back",))],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # before the redaction: exceptions carry URLs too
            _redact,
            renderer,
        ],
    )


def _redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: redact_value(value, name) for name, value in event.items()}


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("throughline").critical("the process ends by an error of its own", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> Any:
    if arguments.exc_value is None or issubclass(arguments.exc_type, SystemExit):
        return
    name = "?" if arguments.thread is None else arguments.thread.name
    logging.getLogger("throughline").error(
        "thread %s ends by an error of its own",
        name,
        exc_info=(arguments.exc_type, arguments.exc_value, arguments.exc_traceback),
    )
