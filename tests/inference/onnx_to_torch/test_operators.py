"""Each operator against ONNX Runtime, in graphs of one node or a few; and forms that are refused instead of guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from inference.onnx_to_torch import OnnxModule, UnknownOperatorError
from inference.onnx_to_torch.operators import OPERATORS

SHAPE = (2, 4, 6, 8)
WEIGHTS = Path(__file__).resolve().parents[3] / "inference" / "weights"


class Node(NamedTuple):
    """One node; constants are its further inputs."""

    operator: str
    constants: tuple[Any, ...] = ()
    attributes: dict[str, Any] = {}  # noqa: RUF012 - never written to
    outputs: int = 1


def graph(*nodes: Node, opset: int = 18, shape: Sequence[int] = SHAPE) -> onnx.ModelProto:
    """Nodes behind each other, each fed with the first output of the one before; all outputs of the last come out."""
    made, weights, value = [], [], "x"
    names: list[str] = []
    for number, node in enumerate(nodes):
        inputs = [value]
        for place, constant in enumerate(node.constants):
            name = "" if constant is None else f"c{number}_{place}"
            inputs.append(name)
            if constant is not None:
                weights.append(numpy_helper.from_array(np.asarray(constant), name))
        names = [f"y{number}_{place}" for place in range(node.outputs)]
        made.append(helper.make_node(node.operator, inputs, names, f"node{number}", **node.attributes))
        value = names[0]
    outputs = [onnx.ValueInfoProto(name=name) for name in names]
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape[1:]])
    one = helper.make_graph(made, "g", [taken], outputs, weights)
    return helper.make_model(one, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def picture(shape: Sequence[int] = SHAPE) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (np.random.default_rng(0).standard_normal(shape) * 2).astype(np.float32)


def expected_of(model: onnx.ModelProto, batch: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": batch}))


def assert_same(model: onnx.ModelProto, batch: np.ndarray[Any, Any], tolerance: float = 1e-5) -> None:
    found = OnnxModule(model)(torch.from_numpy(batch))
    expected = expected_of(model, batch)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        np.testing.assert_allclose(one.numpy(), other.astype(np.float32), atol=tolerance, rtol=1e-5)


def numbers(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def integers(*values: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, np.int64)


POSITIVE = Node("Clip", (np.float32(0.1), None))
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16

NODES: list[tuple[Node, ...]] = [
    (Node("Add", (numbers(4, 1, 1),)),),
    (Node("Sub", (np.float32(3),)),),
    (Node("Mul", (numbers(1, 4, 6, 1),)),),
    (Node("Div", (numbers(8) + 5,)),),
    (POSITIVE, Node("Pow", (np.float32(3),))),
    (POSITIVE, Node("Sqrt")),
    (Node("Exp"),),
    (Node("Relu"),),
    (Node("LeakyRelu", (), {"alpha": 0.2}),),
    (Node("Sigmoid"),),
    (Node("Tanh"),),
    (Node("Identity"),),
    (Node("Softmax", (), {"axis": 1}),),
    (Node("Softmax"),),
    (Node("Clip", (np.float32(-1), np.float32(1))),),
    (Node("Clip", (None, np.float32(1))),),
    (Node("Max", (numbers(8), numbers(6, 1))),),
    (Node("Min", (numbers(8),)),),
    (Node("Cast", (), {"to": TensorProto.INT32}), Node("Cast", (), {"to": FLOAT})),
    (Node("Concat", (numbers(*SHAPE),), {"axis": 1}),),
    (Node("Concat", (numbers(*SHAPE),), {"axis": -1}),),
    (Node("Conv", (numbers(5, 4, 3, 3), numbers(5)), {"pads": [1, 1, 1, 1], "strides": [2, 1]}),),
    (Node("Conv", (numbers(4, 1, 3, 3),), {"group": 4, "dilations": [2, 2], "pads": [2, 2, 2, 2]}),),
    (Node("Conv", (numbers(5, 4, 2, 2),), {"pads": [0, 1, 1, 0]}),),
    (Node("ConvTranspose", (numbers(4, 3, 4, 4), numbers(3)), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),),
    (Node("ConvTranspose", (numbers(4, 3, 3, 3),), {"strides": [2, 2], "output_padding": [1, 1]}),),
    (Node("MaxPool", (), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),),
    (Node("MaxPool", (), {"kernel_shape": [2, 3], "pads": [0, 0, 1, 2], "ceil_mode": 1}),),
    (Node("AveragePool", (), {"kernel_shape": [3, 2], "strides": [3, 2]}),),
    (Node("AveragePool", (), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),),
    (Node("AveragePool", (), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),),
    (Node("AveragePool", (), {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "count_include_pad": 1}),),
    (Node("GlobalAveragePool"),),
    (Node("BatchNormalization", (numbers(4), numbers(4), numbers(4), np.abs(numbers(4)) + 1), {"epsilon": 1e-3}),),
    (Node("Flatten"),),
    (Node("Flatten", (), {"axis": 3}),),
    (Node("Flatten"), Node("Gemm", (numbers(192, 5), numbers(5)), {"alpha": 0.5, "beta": 2.0})),
    (Node("Flatten"), Node("Gemm", (numbers(5, 192),), {"transB": 1})),
    (Node("MatMul", (numbers(8, 3),)),),
    (Node("Gather", (integers(2, 0, -1),), {"axis": 1}),),
    (Node("Gather", (np.array([[0, 1], [5, 3]]),), {"axis": 2}),),
    (Node("Gather", (np.array(-2),), {"axis": 1}),),
    (Node("Transpose", (), {"perm": [1, 0, 2, 3]}), Node("GatherND", (np.array([[2], [0]]),))),
    (Node("ReduceMean", (integers(2, 3),), {"keepdims": 0}),),
    (Node("ReduceMean"),),
    (Node("ReduceMean", (), {"noop_with_empty_axes": 1}),),
    (Node("ReduceSum", (integers(-1),)),),
    (Node("ReduceMax", (integers(1),)),),
    (Node("ReduceMin", (integers(1, 2),), {"keepdims": 0}),),
    (Node("ReduceL2", (integers(1),)),),
    (Node("Reshape", (integers(0, -1, 4),)),),
    (Node("Reshape", (integers(-1, 192),), {"allowzero": 1}),),
    (
        Node(
            "Resize",
            (None, np.array([1, 1, 2, 2], np.float32)),
            {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        ),
    ),
    (Node("Resize", (None, None, integers(2, 4, 18, 16)), {"mode": "nearest"}),),
    (Node("Resize", (None, np.array([1, 1, 0.5, 2], np.float32)), {"mode": "linear"}),),
    (Node("Resize", (None, None, integers(2, 4, 11, 9)), {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),),
    (Node("Shape", (), {"start": 1, "end": -1}), Node("Cast", (), {"to": FLOAT})),
    (Node("Slice", (integers(1, 0), integers(5, 100), integers(2, 3), integers(2, 3))),),
    (Node("Slice", (integers(-3), integers(-1), integers(-1))),),
    (Node("Slice", (integers(0, 1), integers(2, 3))),),
    (Node("SpaceToDepth", (), {"blocksize": 2}),),
    (Node("Split", (integers(1, 3),), {"axis": 1}, 2),),
    (Node("Split", (), {"axis": 2, "num_outputs": 4}, 4),),
    (Node("ReduceMean", (integers(2),)), Node("Squeeze", (integers(2),))),
    (Node("ReduceMean", (integers(1, 2),)), Node("Squeeze", (integers(1, -2),))),
    (Node("Unsqueeze", (integers(-1, 0),)),),
    (Node("Transpose", (), {"perm": [0, 2, 3, 1]}),),
    (Node("Transpose"),),
    (Node("ReduceMean", (integers(1),)), Node("Expand", (integers(1, 4, 1, 8),))),
    (Node("QuantizeLinear", (np.float32(0.05), np.uint8(120))), Node("DequantizeLinear", (np.float32(0.05), np.uint8(120)))),
    (Node("QuantizeLinear", (np.float32(0.03), np.int8(0))), Node("DequantizeLinear", (np.float32(0.03), np.int8(0)))),
]


def _named(nodes: tuple[Node, ...]) -> str:
    return "+".join(node.operator for node in nodes)


@pytest.mark.parametrize("nodes", NODES, ids=_named)
def test_it_computes_what_the_standard_says(nodes: tuple[Node, ...]) -> None:
    assert_same(graph(*nodes), picture())


def test_every_operator_is_tested() -> None:
    assert {node.operator for nodes in NODES for node in nodes} | {"Constant"} == set(OPERATORS)


@pytest.mark.parametrize(
    ("nodes", "opset"),
    [
        ((Node("Clip", (), {"min": -1.0, "max": 0.5}),), 9),
        ((Node("ReduceSum", (), {"axes": [1, 2], "keepdims": 0}),), 11),
        ((Node("Split", (), {"axis": 1, "split": [3, 1]}, 2),), 11),
        ((Node("Split", (), {"axis": 1}, 2),), 11),
        ((Node("Unsqueeze", (), {"axes": [0]}), Node("Squeeze", (), {"axes": [0]})), 11),
        ((Node("Resize", (np.zeros(0, np.float32), np.array([1, 1, 2, 2], np.float32)), {"mode": "nearest"}),), 11),
    ],
)
def test_older_forms_are_known_too(nodes: tuple[Node, ...], opset: int) -> None:
    assert_same(graph(*nodes, opset=opset), picture())


@pytest.mark.parametrize(
    "attribute", [{"value": numpy_helper.from_array(numbers(8))}, {"value_float": 2.5}, {"value_floats": [1.5] * 8}]
)
def test_constants_are_computed_once(attribute: dict[str, Any]) -> None:
    model = graph(Node("Add", ("placeholder",)))
    del model.graph.initializer[:]
    model.graph.node.insert(0, helper.make_node("Constant", [], ["c0_0"], **attribute))
    assert_same(model, picture())
    assert OnnxModule(model).operators == {"Add"}


def test_shapes_follow_the_batch() -> None:
    """As exporters write a normalised vector: its length, clipped, spread over the vector's shape."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("ReduceL2", ["x", "one"], ["length"]),
        helper.make_node("Clip", ["length", "tiny"], ["sure"]),
        helper.make_node("Expand", ["sure", "shape"], ["spread"]),
        helper.make_node("Div", ["x", "spread"], ["y"]),
    ]
    weights = [numpy_helper.from_array(integers(1), "one"), numpy_helper.from_array(np.array(1e-12, np.float32), "tiny")]
    taken = helper.make_tensor_value_info("x", FLOAT, ["batch", 6])
    one = helper.make_graph(nodes, "g", [taken], [onnx.ValueInfoProto(name="y")], weights)
    model = helper.make_model(one, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for count in (1, 3):
        assert_same(model, picture((count, 6)))


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ((Node("Erf"),), "unknown operators: Erf"),
        ((Node("Erf"), Node("HardSwish")), "unknown operators: Erf, HardSwish"),
        ((Node("Resize", (None, np.array([1, 1, 2, 2], np.float32)), {"mode": "cubic"}),), r"Resize \(node0\): mode = cubic"),
        (
            (Node("Resize", (None, np.array([1, 1, 2, 2], np.float32)), {"mode": "nearest", "nearest_mode": "ceil"}),),
            r"Resize \(node0\): nearest_mode = ceil",
        ),
        ((Node("MaxPool", (), {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}),), r"MaxPool \(node0\): auto_pad = SAME_UPPER"),
        ((Node("MaxPool", (), {"kernel_shape": [2, 2]}, 2),), r"MaxPool \(node0\): places of the largest values"),
        ((Node("AveragePool", (), {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}),), r"AveragePool \(node0\): uneven padding"),
        ((Node("ConvTranspose", (numbers(4, 3, 2, 2),), {"pads": [0, 0, 1, 1]}),), r"ConvTranspose \(node0\): uneven padding"),
        ((Node("Cast", (), {"to": TensorProto.COMPLEX64}),), r"Cast \(node0\): to = COMPLEX64"),
        ((Node("GatherND", (np.array([[0]]),), {"batch_dims": 1}),), r"GatherND \(node0\): batch_dims"),
    ],
)
def test_what_is_not_known_is_named(nodes: tuple[Node, ...], text: str) -> None:
    with pytest.raises(UnknownOperatorError, match=text):
        OnnxModule(graph(*nodes))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (Node("Slice", (integers(5), integers(0), integers(2), integers(-1))), "steps below one"),
        (Node("Resize", (None, None, integers(2, 4, 9, 12)), {"mode": "nearest"}), "nearest by a broken factor"),
    ],
)
def test_what_shows_only_in_a_pass_is_named_then(node: Node, text: str) -> None:
    with pytest.raises(UnknownOperatorError, match=text):
        OnnxModule(graph(node))(torch.from_numpy(picture()))


def test_a_foreign_operator_is_named_with_its_domain() -> None:
    model = graph(Node("Relu"))
    model.graph.node[0].domain = "com.microsoft"
    with pytest.raises(UnknownOperatorError, match=r"com\.microsoft\.Relu"):
        OnnxModule(model)


def test_in_16_bits_products_are_and_what_would_overflow_is_not() -> None:
    model = graph(
        Node("Conv", (numbers(4, 4, 1, 1) * 40,)),
        Node("ReduceL2", (integers(1, 2, 3),)),
    )
    batch = picture() * 300  # a sum of squares beyond 65504 in 16 bits
    (found,) = OnnxModule(model, half=True)(torch.from_numpy(batch / 100))
    (expected,) = expected_of(model, batch / 100)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-3)
    assert OnnxModule(model, half=True).get_buffer("weight0").dtype == torch.float16
    assert OnnxModule(model).get_buffer("weight0").dtype == torch.float32


def test_a_file_in_16_bits_computes_in_32_where_that_is_asked() -> None:
    weight = numbers(4, 4, 3, 3)
    model = graph(
        Node("Cast", (), {"to": HALF}),
        Node("Conv", (weight.astype(np.float16),), {"pads": [1, 1, 1, 1]}),
        Node("Cast", (), {"to": FLOAT}),
    )
    exact = graph(Node("Conv", (weight.astype(np.float16).astype(np.float32),), {"pads": [1, 1, 1, 1]}))
    batch = picture()
    (full,) = OnnxModule(model)(torch.from_numpy(batch))
    np.testing.assert_allclose(full.numpy(), expected_of(exact, batch)[0], atol=1e-5)
    (half,) = OnnxModule(model, half=True)(torch.from_numpy(batch))
    assert 1e-5 < np.abs(half.numpy() - full.numpy()).max() < 0.05


def test_indices_are_moved_with_the_module_and_lengths_are_not() -> None:
    """On a GPU an index in memory would have to go up in each pass, and a length there would have to come down."""
    picking = OnnxModule(graph(Node("Gather", (integers(1, 0),), {"axis": 1}), Node("Reshape", (integers(0, -1),))))
    moved = picking.to("meta")
    assert [buffer.device.type for buffer in moved.buffers()] == ["meta"]
    assert moved(torch.zeros(SHAPE, device="meta"))[0].shape == (2, 96)
    lengths = OnnxModule(graph(Node("Shape"), Node("Gather", (integers(2, 0),)), Node("Cast", (), {"to": FLOAT})))
    assert not list(lengths.buffers())
    assert lengths.to("meta")(torch.zeros(SHAPE, device="meta"))[0].tolist() == [6, 2]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("file", ["vehicle_detector.onnx", "vehicle_embedder.onnx"])
def test_no_pass_of_a_network_that_ships_asks_for_a_value(file: str, half: bool) -> None:
    """Without memory there is nothing to ask for: it would fail, as recording on a GPU would."""
    model = onnx.load(WEIGHTS / file)
    module = OnnxModule(model, half=half).to("meta")
    shape = [axis.dim_value or 3 for axis in model.graph.input[0].type.tensor_type.shape.dim]
    outputs = module(torch.zeros(shape, device="meta"))
    assert [len(output) for output in outputs] == [3] * len(model.graph.output)
    assert {output.dtype for output in outputs} == {torch.float32}


@pytest.mark.parametrize("nodes", NODES, ids=_named)
def test_no_operator_asks_for_a_value(nodes: tuple[Node, ...]) -> None:
    outputs = OnnxModule(graph(*nodes)).to("meta")(torch.zeros(SHAPE, device="meta"))
    assert len(outputs) == nodes[-1].outputs


def test_values_are_let_go_when_nobody_takes_them_any_more() -> None:
    module = OnnxModule(graph(*[Node("Relu")] * 3, Node("Split", (integers(1, 3),), {"axis": 1}, 2)))
    done = [step.done_with for step in module._steps]
    assert done == [(), ("y0_0",), ("y1_0",), ("y2_0",)]
