"""What the contract of engines leaves open, of the OpenVINO engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'throughline[openvino]'")

from inference.catalogue import find, locate, model_folders
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.openvino_engine import OpenVinoEngine
from inference.errors import ModelError
from tests.support.onnx_models import write_embedder, write_fixed_detector, write_yolox
from throughline.types import FloatArray

_TELLS_NOBODY = """
import socket, sys, urllib.request
def refuse(*arguments, **keywords):
    told.append(arguments)
    raise OSError("no network")
told = []
socket.socket.connect = socket.getaddrinfo = urllib.request.urlopen = refuse
import numpy, pathlib, threading, time
from inference.engines.openvino_engine import OpenVinoEngine
engine = OpenVinoEngine(pathlib.Path(sys.argv[1]))
engine.infer(numpy.zeros((1, *engine.input_shape), numpy.float32))
engine.close()
time.sleep(0.5)  # whoever tells does so in a thread
assert not told, told
assert threading.active_count() == 1, threading.enumerate()
assert "openvino_telemetry" not in sys.modules
"""


def _pictures(count: int, shape: tuple[int, int, int] = (3, 24, 20)) -> FloatArray:
    return np.random.default_rng(count).standard_normal((count, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", ["vehicle-detector", "vehicle-embedder"])
def test_what_ships_gives_what_onnx_runtime_gives(name: str) -> None:
    path = locate(find(name), model_folders())
    assert path is not None
    reference, engine = OnnxRuntimeEngine(path), OpenVinoEngine(path)
    assert (engine.input_shape, engine.output_shapes) == (reference.input_shape, reference.output_shapes)
    assert (engine.output_names, engine.hash) == (reference.output_names, reference.hash)
    assert dict(engine.metadata) == dict(reference.metadata)
    pictures = np.random.default_rng(1).uniform(0, 255 if "detector" in name else 1, (3, *engine.input_shape)).astype(np.float32)
    for ours, expected in zip(engine.infer(pictures), reference.infer(pictures), strict=True):
        np.testing.assert_allclose(ours, expected, atol=2e-3 * float(np.ptp(expected)))


def test_it_computes_in_32_bits_unless_asked_otherwise(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    exact = OnnxRuntimeEngine(path).infer(_pictures(4))[0]

    def error(engine: OpenVinoEngine) -> float:
        return float(np.abs(engine.infer(_pictures(4))[0] - exact).max() / np.abs(exact).max())

    assert error(OpenVinoEngine(path)) < 1e-5
    assert error(OpenVinoEngine(path, precision="float32")) < 1e-5
    try:
        rounded = OpenVinoEngine(path, precision="bfloat16")
    except ModelError as refusal:
        pytest.skip(f"this processor has no bfloat16: {refusal}")
    assert 1e-4 < error(rounded) < 0.05


def test_a_precision_that_the_processor_lacks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        def get_property(self, *_: str) -> list[str]:
            return ["FP32", "INT8"]

    from inference.engines.openvino_engine import _hint

    with pytest.raises(ModelError, match=r"does not compute in bfloat16, only in FP32, INT8; take float32"):
        _hint(Core(), "bfloat16", "net", {})


def test_8_bits_need_a_file_that_has_them(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=r"net has no 8-bit convolutions; .*--precision int8"):
        OpenVinoEngine(path, precision="int8")
    write_embedder(path, metadata={"precision": "int8"})
    OpenVinoEngine(path, precision="int8")


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x08\x09" + bytes(range(256))])
def test_a_broken_file_gets_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        OpenVinoEngine(tmp_path / "broken.onnx")
    assert "broken.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_another_kind_of_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        OpenVinoEngine(tmp_path / "none.onnx")
    path = write_embedder(tmp_path / "net.onnx", height="height")  # type: ignore[arg-type]  # an open height is the error
    with pytest.raises(ModelError, match=r"expected one float32 input \(batch, channels, height, width\) of fixed height"):
        OpenVinoEngine(path)


def test_without_openvino_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r"pip install 'throughline\[openvino\]'"):
        OpenVinoEngine(write_embedder(tmp_path / "net.onnx"))


def test_it_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    done = subprocess.run([sys.executable, "-c", _TELLS_NOBODY, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_can_be_had_for_another_size(tmp_path: Path) -> None:
    path = write_yolox(tmp_path / "net.onnx")
    engine, reference = OpenVinoEngine(path).resized(32, 64), OnnxRuntimeEngine(path).resized(32, 64)
    assert engine is not None
    assert reference is not None
    assert (
        (engine.input_shape, engine.output_shapes)
        == (reference.input_shape, reference.output_shapes)
        == ((3, 32, 64), ((42, 85),))
    )
    pictures = 255 * np.abs(_pictures(2, (3, 32, 64)))
    np.testing.assert_allclose(engine.infer(pictures)[0], reference.infer(pictures)[0], rtol=1e-3, atol=1e-3)


def test_a_network_with_its_sizes_written_into_it_cannot(tmp_path: Path) -> None:
    assert OpenVinoEngine(write_fixed_detector(tmp_path / "fixed.onnx")).resized(384, 512) is None
