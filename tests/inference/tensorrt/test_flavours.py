from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import Any

import pytest

from inference.errors import ModelError
from inference.tensorrt import flavours
from inference.tensorrt.flavours import FLAVOURS, TensorRT, load_tensorrt
from tests.support.fake_gpu import FakeGpu
from tests.support.fake_tensorrt import FakeApi, ILogger
from throughline.commands import _models_compile


@pytest.fixture(autouse=True)
def forget() -> Any:
    yield
    flavours._load.cache_clear()


def _module(name: str, version: str) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(ILogger=ILogger, __version__=version)
    return module


def test_tensorrt_comes_before_rtx_and_either_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    flavours._load.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorrt", _module("tensorrt", "10.13.0"))
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", _module("tensorrt_rtx", "1.7.1"))
    assert (load_tensorrt().flavour, load_tensorrt().version) == ("tensorrt", "10.13.0")
    assert load_tensorrt().types_are_optional
    assert load_tensorrt("tensorrt-rtx").is_rtx
    assert not load_tensorrt("tensorrt-rtx").types_are_optional
    assert load_tensorrt() is load_tensorrt("tensorrt")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    flavours._load.cache_clear()
    for name in ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModelError, match=r"TensorRT is not on this machine \(.*tensorrt_rtx_bindings.*\): pip install"):
        load_tensorrt()


def test_the_log_keeps_errors_until_they_are_taken(caplog: pytest.LogCaptureFixture) -> None:
    api = FakeApi(FakeGpu())
    log = flavours.make_log(api)
    with caplog.at_level(logging.DEBUG, "inference.tensorrt.flavours"):
        for severity in ("VERBOSE", "WARNING", "ERROR", "INTERNAL_ERROR", "ERROR"):
            log.native.log(getattr(ILogger.Severity, severity), f"this is\n  {severity}")
    assert log.take_errors() == "this is ERROR; this is INTERNAL_ERROR"
    assert log.take_errors() == "no reason given"
    assert [record.levelname for record in caplog.records] == ["DEBUG", "INFO", "ERROR", "INFO"]


def test_the_genuine_one_calls_the_log(rtx: TensorRT) -> None:
    rtx.log.take_errors()
    assert rtx.api.Runtime(rtx.log.native).deserialize_cuda_engine(b"no plan") is None
    assert rtx.log.take_errors() != "no reason given"


def test_the_command_knows_the_flavours() -> None:
    assert ("auto", *FLAVOURS) == _models_compile._FLAVOURS


def test_what_pybind_makes_of_no_object_is_an_error_of_the_model(rtx: TensorRT) -> None:
    with pytest.raises(ModelError, match=r"tensorrt-rtx .* makes no OnnxParser: no reason given"):
        rtx.new("OnnxParser", "no network")
