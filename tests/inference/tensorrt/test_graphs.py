from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inference.errors import ModelError
from inference.networks.parity import drawn_pictures
from inference.networks.precision import quantise
from inference.tensorrt.graphs import chosen_precision, graph_for, int8_graph
from tests.support.onnx_models import write_embedder


@pytest.fixture
def quantised(tmp_path: Path) -> Path:
    source = write_embedder(tmp_path / "two.onnx", layers=2)
    quantise(source, tmp_path / "int8.onnx", drawn_pictures(2, (24, 20)), symmetric=True)
    return tmp_path / "int8.onnx"


def test_16_bits_unless_the_file_has_8(network: Path, quantised: Path) -> None:
    assert chosen_precision(network, "auto") == "float16"
    assert chosen_precision(quantised, "auto") == "int8"
    assert chosen_precision(network, "float32") == "float32"
    with pytest.raises(ModelError, match="builds float32, float16, int8, not bfloat16"):
        chosen_precision(network, "bfloat16")
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot be read \(No such file or directory\)"):
        chosen_precision(network.with_name("gone.onnx"), "auto")


def test_32_bits_is_the_file_itself(network: Path, tmp_path: Path) -> None:
    assert graph_for(network, "float32", tmp_path / "plans") == network
    assert not (tmp_path / "plans").exists()


def test_16_bits_are_made_once(network: Path, tmp_path: Path) -> None:
    made = graph_for(network, "float16", tmp_path / "plans")
    before = made.stat().st_mtime_ns
    assert graph_for(network, "float16", tmp_path / "plans") == made
    assert made.stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "plans").iterdir()] == [made.name]


def test_8_bits_are_taken_from_where_they_were_made(network: Path, quantised: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    assert graph_for(quantised, "int8", folder) == quantised
    with pytest.raises(ModelError, match=r"no 8-bit form .* models compile .*net\.onnx --precision int8 --pictures DIR"):
        graph_for(network, "int8", folder)
    folder.mkdir()
    quantised.rename(int8_graph(network, folder))
    assert graph_for(network, "int8", folder) == int8_graph(network, folder)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_8_bits_do_not_become_more(quantised: Path, tmp_path: Path, precision: str) -> None:
    with pytest.raises(ModelError, match="computes in 8 bits, so it cannot be built in float"):
        graph_for(quantised, precision, tmp_path)  # type: ignore[arg-type]  # one of the parameters


def test_16_bits_need_onnx_and_say_so(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "inference.networks.half", raising=False)
    with pytest.raises(ModelError, match=r"it needs onnx, which is not installed: pip install 'throughline\[tensorrt-rtx"):
        graph_for(network, "float16", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(network: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"file/plans: cannot be written \(Not a directory\), and the 16-bit form of net\.onnx"):
        graph_for(network, "float16", tmp_path / "file" / "plans")
