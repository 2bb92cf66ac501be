"""Plans of the genuine TensorRT-RTX, which builds on machines without a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from inference.errors import ModelError
from inference.networks.precision import quantise
from inference.tensorrt.building import BuildOptions, build_plan
from inference.tensorrt.flavours import TensorRT
from inference.tensorrt.loading import PlanError, load_plan
from inference.tensorrt.plans import Plan
from tests.inference.tensorrt.conftest import WEIGHTS, pictures_for
from tests.support.fake_gpu import FakeGpu
from tests.support.fake_tensorrt import fake_tensorrt
from tests.support.onnx_models import write_embedder, write_yolox

SHIPPED = ("vehicle_detector.onnx", "vehicle_embedder.onnx")


@pytest.mark.parametrize("file", SHIPPED)
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_every_shipped_network_builds_with_a_dynamic_batch(
    rtx: TensorRT, in_precision: Callable[[Path, str], Path], file: str, precision: str
) -> None:
    options = BuildOptions(max_batch=8, exact=precision == "float32")
    plan, cache = build_plan(rtx, in_precision(WEIGHTS / file, precision), options)
    assert len(plan) > 1_000_000
    assert cache is None
    if precision == "float16":
        full, _ = build_plan(rtx, WEIGHTS / file, options)
        assert len(plan) < 0.8 * len(full)


@pytest.mark.shared_data
def test_a_published_detector_with_a_fixed_batch_builds(rtx: TensorRT, shared_data: Path) -> None:
    assert build_plan(rtx, shared_data / "models" / "yolox_nano.onnx", BuildOptions())[0]


@pytest.mark.parametrize("batch", ["batch", 1, 3])
def test_small_networks_of_every_batch_axis_build(rtx: TensorRT, tmp_path: Path, batch: int | str) -> None:
    for path in (write_embedder(tmp_path / "net.onnx", batch=batch), write_yolox(tmp_path / "head.onnx", batch=batch)):
        assert build_plan(rtx, path, BuildOptions(max_batch=5))[0]


def test_the_parsers_errors_are_one_line_that_names_the_node(rtx: TensorRT, tmp_path: Path) -> None:
    """Biases in 8 bits, which TensorRT refuses: what ONNX Runtime's quantiser does unless told otherwise."""
    target = tmp_path / "int8.onnx"
    source = WEIGHTS / "vehicle_embedder.onnx"
    quantise(source, target, pictures_for(source), symmetric=False)
    with pytest.raises(ModelError) as caught:
        build_plan(rtx, target, BuildOptions())
    text = str(caught.value)
    assert "int8.onnx: tensorrt-rtx" in text
    assert "(DequantizeLinear): " in text
    assert "\n" not in text


def test_a_file_that_is_no_network_is_one_line(rtx: TensorRT, tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("no network")
    with pytest.raises(ModelError, match=r"text\.onnx: tensorrt-rtx .* cannot read this network: .*"):
        build_plan(rtx, path, BuildOptions())


@pytest.mark.parametrize("option", ["height", "inputs"])
def test_a_network_of_another_kind_is_refused(rtx: TensorRT, tmp_path: Path, option: str) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    model = onnx.load(path)
    if option == "height":
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    else:
        model.graph.input.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1]))
        model.graph.node.append(onnx.helper.make_node("Identity", ["more"], ["again"]))
        model.graph.output.append(onnx.helper.make_tensor_value_info("again", onnx.TensorProto.FLOAT, [1]))
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"expected one input \(batch, channels, height, width\) of fixed height and width"):
        build_plan(rtx, path, BuildOptions())


@pytest.mark.parametrize("content", [b"", b"no plan", bytes(4096)])
def test_a_plan_that_cannot_be_loaded_is_an_error_of_ours(rtx: TensorRT, content: bytes) -> None:
    with pytest.raises(PlanError, match=r"tensorrt-rtx .* does not load the plan: "):
        load_plan(rtx, Plan(content, ("vector",)), cuda_graphs=False)


def test_the_largest_number_of_errors_is_told_and_not_all_of_them(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.node.extend(onnx.helper.make_node("Unknown", ["images"], [f"o{n}"], f"node {n}") for n in range(8))
    for number, node in enumerate(model.graph.node):
        if node.op_type == "Unknown":
            node.name = f"unknown-{number}"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"node unknown-\d \(Unknown\): no importer for this; .* and 3 more"):
        build_plan(fake_tensorrt(FakeGpu()), path, BuildOptions())


def test_a_failed_build_tells_what_the_log_said(tmp_path: Path) -> None:
    tensorrt = fake_tensorrt(FakeGpu())
    tensorrt.api.fail.append("build_serialized_network")
    with pytest.raises(ModelError, match=r"cannot build this network: build_serialized_network: Error Code 1: made to fail"):
        build_plan(tensorrt, write_embedder(tmp_path / "net.onnx"), BuildOptions())


@pytest.mark.parametrize(("version", "flags"), [("11.4.0.106", 0), ("10.13.3.9", 2)])
def test_tensorrt_10_is_told_to_keep_the_types_of_the_file(tmp_path: Path, version: str, flags: int) -> None:
    tensorrt = fake_tensorrt(FakeGpu(), version=version)
    build_plan(tensorrt, write_embedder(tmp_path / "net.onnx"), BuildOptions())
    assert tensorrt.api.creation_flags == [flags]


def test_a_timing_cache_is_handed_on_and_a_foreign_one_replaced(tmp_path: Path) -> None:
    tensorrt = fake_tensorrt(FakeGpu())
    path = write_embedder(tmp_path / "net.onnx")
    assert build_plan(tensorrt, path, BuildOptions(), timing_cache=b"")[1] == b"measured;"
    assert build_plan(tensorrt, path, BuildOptions(), timing_cache=b"measured;")[1] == b"measured;measured;"
    tensorrt.api.fail.append("create_timing_cache")
    assert build_plan(tensorrt, path, BuildOptions(), timing_cache=b"foreign;")[1] == b"measured;"
