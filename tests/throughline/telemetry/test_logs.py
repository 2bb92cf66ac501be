from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from throughline.settings.telemetry import TelemetrySettings
from throughline.telemetry.logs import LibraryFilter, configure_logging

CAMERA_URL = "rtsp://admin:hunter2@10.0.0.11/stream1"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Logging is global: what a test sets up must not reach the next one."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    names = ("aiokafka", "aiohttp", "asyncio", "kafka", "libav")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:], (sys.excepthook, threading.excepthook) = handlers, hooks
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_carry_utc_time_level_logger_and_what_is_bound() -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(), stream)
    with structlog.contextvars.bound_contextvars(site="harbour"):
        structlog.get_logger("streams.worker").bind(camera="c01").info("camera connected", fps=10.0)
        logging.getLogger("matcher.service").warning("late by %d s", 3)
    own, foreign = json_lines(stream)
    at = datetime.fromisoformat(own.pop("timestamp"))
    assert at.utcoffset() == timedelta(0)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    assert own == {
        "event": "camera connected",
        "level": "info",
        "logger": "streams.worker",
        "site": "harbour",
        "camera": "c01",
        "fps": 10.0,
    }
    assert (foreign["event"], foreign["level"], foreign["logger"]) == ("late by 3 s", "warning", "matcher.service")
    assert foreign["site"] == "harbour"


@pytest.mark.parametrize(
    ("chosen", "stream", "is_json"),
    [
        ("auto", Terminal(), False),
        ("auto", io.StringIO(), True),
        ("json", Terminal(), True),
        ("console", io.StringIO(), False),
    ],
)
def test_the_format_follows_settings_and_stream(chosen: Any, stream: io.StringIO, is_json: bool) -> None:
    configure_logging(TelemetrySettings(log_format=chosen), stream)
    structlog.get_logger("x").info("hello", camera="c01")
    assert stream.getvalue().startswith("{") == is_json
    assert "hello" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) == (not is_json and stream.isatty())


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_credentials_never_appear(log_format: Any) -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(log_format=log_format), stream)
    log = structlog.get_logger("streams.source").bind(url=CAMERA_URL)
    message, named = f"cannot open {CAMERA_URL}", {"sasl_password": "hunter2"}
    log.warning(message, tried=[{"url": CAMERA_URL}], error=OSError(CAMERA_URL), **named)
    log.info("opening %s", CAMERA_URL)
    logging.getLogger("libav").error("%s: 401 Unauthorized", CAMERA_URL)
    try:
        try:
            raise ConnectionError(f"refused: {CAMERA_URL}")
        except ConnectionError as error:
            raise RuntimeError(f"camera c01: {CAMERA_URL}") from error
    except RuntimeError:
        log.exception("camera failed")
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    text = stream.getvalue()
    assert "hunter2" not in text
    assert text.count("RuntimeError: camera c01: rtsp://***@10.0.0.11/stream1") == 2
    assert text.count("ConnectionError: refused: rtsp://***@10.0.0.11/stream1") == 2


def test_an_exception_stays_on_one_line_of_json() -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(), stream)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    (line,) = json_lines(stream)
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: broken")


def test_levels() -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(log_level="info"), stream)
    structlog.get_logger("x").debug("own debug")
    logging.getLogger("aiohttp.access").info("GET /metrics")
    logging.getLogger("aiokafka.cluster").info("metadata")
    assert stream.getvalue() == ""
    configure_logging(TelemetrySettings(log_level="debug"), stream)
    structlog.get_logger("x").debug("own debug")
    logging.getLogger("aiokafka.cluster").debug("every fetch")
    assert [line["event"] for line in json_lines(stream)] == ["own debug"]


def test_configuring_again_does_not_double_lines() -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(), io.StringIO())
    configure_logging(TelemetrySettings(), stream)
    structlog.get_logger("x").info("once")
    assert len(json_lines(stream)) == 1


def test_errors_of_kafkas_client_are_warnings_and_repetitions_are_thinned_and_counted() -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(), stream)
    now = 0.0
    handler = logging.getLogger().handlers[-1]
    handler.filters[:] = [LibraryFilter(clock=lambda: now)]
    log = logging.getLogger("aiokafka.conn")
    for second in range(60):
        now = float(second)
        log.error("Unable connect to node with id %d", 1)
        structlog.get_logger("streams").warning("camera away")  # own records are never thinned
    lines = [line for line in json_lines(stream) if line["logger"] == "aiokafka.conn"]
    assert [line["level"] for line in lines] == ["warning"] * 6
    assert [line.get("held_back") for line in lines] == [None, None, None, 27, None, None]
    assert sum(line["logger"] == "streams" for line in json_lines(stream)) == 60


PROGRAM = """
import threading
from throughline.settings.telemetry import TelemetrySettings
from throughline.telemetry.logs import configure_logging
configure_logging(TelemetrySettings())
def work():
    raise OSError("cannot open rtsp://admin:hunter2@host/1")
thread = threading.Thread(target=work, name="decode c01")
thread.start()
thread.join()
raise RuntimeError("lost rtsp://admin:hunter2@host/1")
"""


def test_uncaught_exceptions_go_to_the_log_on_standard_error() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    thread, process = (json.loads(line) for line in result.stderr.splitlines())
    assert thread["event"] == "thread decode c01 ends by an error of its own"
    assert thread["exception"].endswith("OSError: cannot open rtsp://***@host/1")
    assert process["level"] == "critical"
    assert "hunter2" not in result.stderr
