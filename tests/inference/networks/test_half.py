from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import ModelError
from inference.networks.half import compute_in_half
from inference.networks.parity import compare, drawn_pictures, run_onnx
from inference.networks.precision import keep_weights_in_half, quantise
from tests.support.onnx_models import write_embedder, write_yolox

WEIGHTS = Path(__file__).resolve().parents[3] / "inference" / "weights"


def _types(path: Path) -> dict[str, int]:
    """Element type of every value."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path), check_type=True, strict_mode=True)
    graph = model.graph
    found = {one.name: one.type.tensor_type.elem_type for one in (*graph.input, *graph.output, *graph.value_info)}
    return found | {one.name: one.data_type for one in graph.initializer}


@pytest.mark.parametrize("file", ["vehicle_detector.onnx", "vehicle_embedder.onnx"])
def test_networks_that_ship_lose_little(tmp_path: Path, file: str) -> None:
    source, target = WEIGHTS / file, tmp_path / "half.onnx"
    compute_in_half(source, target)
    engine = OnnxRuntimeEngine(source)
    pictures = drawn_pictures(3, engine.input_shape[1:])
    names = engine.output_names
    losses = compare(run_onnx(source, names, pictures), run_onnx(target, names, pictures))
    assert all(0 < loss.spread < 0.02 and loss.cosine > 0.9999 for loss in losses.values())
    found = OnnxRuntimeEngine(target)
    assert found.metadata == {**engine.metadata, "precision": "float16"}
    assert (found.output_names, found.output_shapes) == (engine.output_names, engine.output_shapes)


@pytest.mark.parametrize("file", ["vehicle_detector.onnx", "vehicle_embedder.onnx"])
def test_all_heavy_nodes_and_none_of_the_sums_compute_in_16_bits(tmp_path: Path, file: str) -> None:
    compute_in_half(WEIGHTS / file, tmp_path / "half.onnx")
    types = _types(tmp_path / "half.onnx")
    nodes = onnx.load(tmp_path / "half.onnx").graph.node
    heavy = {types[node.output[0]] for node in nodes if node.op_type in ("Conv", "Gemm")}
    light = {types[node.output[0]] for node in nodes if node.op_type in ("Softmax", "ReduceL2", "AveragePool")}
    assert heavy == {TensorProto.FLOAT16}
    assert light <= {TensorProto.FLOAT}


def test_weights_kept_in_16_bits_are_used_as_they_are(tmp_path: Path) -> None:
    source = write_embedder(tmp_path / "net.onnx")
    keep_weights_in_half(source, tmp_path / "small.onnx")
    compute_in_half(tmp_path / "small.onnx", tmp_path / "half.onnx")
    model = onnx.load(tmp_path / "half.onnx")
    assert {one.name for one in model.graph.initializer} == {"w_half", "b_in_half"}
    assert sum(node.op_type == "Cast" for node in model.graph.node) == 2  # in and out


def test_a_detectors_head_stays_behind_its_last_convolution(tmp_path: Path) -> None:
    source = write_yolox(tmp_path / "head.onnx", batch="batch")
    compute_in_half(source, tmp_path / "half.onnx")
    types = _types(tmp_path / "half.onnx")
    assert {types[name] for name in ("cells", "probability", "output")} == {TensorProto.FLOAT}
    pictures = drawn_pictures(2, (64, 64))
    (loss,) = compare(run_onnx(source, ("output",), pictures), run_onnx(tmp_path / "half.onnx", ("output",), pictures)).values()
    assert loss.cosine > 0.999


def _network(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, Any]) -> Path:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


WEIGHT = np.random.default_rng(0).standard_normal((3, 3, 1, 1)).astype(np.float32)


def test_powers_between_convolutions_do_not_overflow(tmp_path: Path) -> None:
    """Generalised mean pooling: values of 100 are 1e6 to the third power, and 16 bits end at 65504."""
    source = _network(
        tmp_path / "gem.onnx",
        [
            helper.make_node("Conv", ["images", "w"], ["c"]),
            helper.make_node("Clip", ["c", "low"], ["k"]),
            helper.make_node("Pow", ["k", "three"], ["p"]),
            helper.make_node("GlobalAveragePool", ["p"], ["m"]),
            helper.make_node("Pow", ["m", "third"], ["g"]),
            helper.make_node("Conv", ["g", "w"], ["out"]),
        ],
        {"w": WEIGHT, "low": np.float32(1e-6), "three": np.float32(3), "third": np.float32(1 / 3)},
    )
    compute_in_half(source, tmp_path / "half.onnx")
    pictures = drawn_pictures(2, (8, 8))
    (loss,) = compare(run_onnx(source, ("out",), pictures), run_onnx(tmp_path / "half.onnx", ("out",), pictures)).values()
    assert loss.cosine > 0.9999


def test_sizes_of_a_resize_stay_as_they_are(tmp_path: Path) -> None:
    source = _network(
        tmp_path / "resize.onnx",
        [
            helper.make_node("Conv", ["images", "w"], ["c"]),
            helper.make_node("Resize", ["c", "", "scales"], ["r"], mode="nearest"),
            helper.make_node("Conv", ["r", "w"], ["out"]),
        ],
        {"w": WEIGHT, "scales": np.array([1, 1, 2, 2], np.float32)},
    )
    compute_in_half(source, tmp_path / "half.onnx")
    types = _types(tmp_path / "half.onnx")
    assert types["scales"] == TensorProto.FLOAT
    assert types["r_in_half"] == TensorProto.FLOAT16
    assert run_onnx(tmp_path / "half.onnx", ("out",), drawn_pictures(1, (8, 8)))["out"].shape == (1, 3, 16, 16)


def test_a_value_wanted_in_both_forms_is_cast_once(tmp_path: Path) -> None:
    source = _network(
        tmp_path / "both.onnx",
        [
            helper.make_node("Conv", ["images", "w"], ["c"]),
            helper.make_node("Exp", ["c"], ["e"]),
            helper.make_node("Softmax", ["c"], ["s"], axis=1),
            helper.make_node("Mul", ["e", "s"], ["m"]),
            helper.make_node("Conv", ["m", "w"], ["d"]),
            helper.make_node("Add", ["d", "c"], ["out"]),
        ],
        {"w": WEIGHT},
    )
    compute_in_half(source, tmp_path / "half.onnx")
    casts = [node.output[0] for node in onnx.load(tmp_path / "half.onnx").graph.node if node.op_type == "Cast"]
    assert sorted(casts) == ["c", "d", "e_in_half", "images_in_half", "s_in_half"]


@pytest.mark.parametrize("value", [1e6, np.inf, np.nan])
def test_weights_too_large_for_16_bits_are_an_error(tmp_path: Path, value: float) -> None:
    weight = WEIGHT.copy()
    weight[0, 0] = value
    source = _network(tmp_path / "large.onnx", [helper.make_node("Conv", ["images", "w"], ["out"])], {"w": weight})
    with pytest.raises(ModelError, match="the weight w is too large for 16 bits"):
        compute_in_half(source, tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()


def test_what_cannot_be_turned_is_told(tmp_path: Path) -> None:
    source = write_embedder(tmp_path / "net.onnx", layers=2)
    quantise(source, tmp_path / "int8.onnx", drawn_pictures(2, (24, 20)), symmetric=True)
    light = _network(tmp_path / "light.onnx", [helper.make_node("Relu", ["images"], ["out"])], {})
    branch = helper.make_graph([helper.make_node("Relu", ["images"], ["a"])], "a", [], [helper.make_empty_tensor_value_info("a")])
    flow = _network(
        tmp_path / "flow.onnx",
        [helper.make_node("If", ["yes"], ["out"], then_branch=branch, else_branch=branch)],
        {"yes": np.array(True)},
    )
    for path, message in ((light, "no convolution"), (flow, "control flow"), (tmp_path / "int8.onnx", "8 bits already")):
        with pytest.raises(ModelError, match=message):
            compute_in_half(path, tmp_path / "half.onnx")
