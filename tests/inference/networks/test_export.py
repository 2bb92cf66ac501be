from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch

from inference.batcher import InferenceWorkers
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import ModelError
from inference.networks import variants
from inference.networks.export import ExportedNetwork, export_onnx
from inference.networks.parity import compare, drawn_pictures, read_pictures, run_onnx, run_torch, settle
from inference.networks.precision import keep_weights_in_half
from inference.networks.registry import build
from inference.networks.variants import write_variant
from inference.onnx_embedder import OnnxEmbedder

SIZE = (64, 96)
TINY: dict[str, dict[str, Any]] = {
    "resnet101": {},
    "efficientnet-lite0": {"pretrained": True},
    "mgn-resnet101": {},
    "key-point-se-resnext101": {"key_point_backbone": "resnet18", "key_point_input_size": (64, 64), "points": 3},
    "attributes-and-identity": {},
}
"""One of each definition that the live path would run, on a small backbone; all of them on their own: benchmarks/networks.py."""


@dataclass(frozen=True)
class Exported:
    network: ExportedNetwork
    path: Path


def _exported(name: str, folder: Path) -> Exported:
    torch.manual_seed(0)
    backbone = {} if name == "efficientnet-lite0" else {"backbone": "resnet18"}
    network = build(name, 5, input_size=SIZE, **backbone, **TINY[name])
    if name != "efficientnet-lite0":  # whose statistics are those of ImageNet
        settle(network)
    exported = ExportedNetwork(network)
    path = folder / f"{name}.onnx"
    export_onnx(exported, path, metadata={"seed": 0})
    return Exported(exported, path)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported("efficientnet-lite0", tmp_path_factory.mktemp("embedder"))


def _check(exported: Exported) -> None:
    for count in (1, 2, 5):
        pictures = drawn_pictures(count, SIZE, seed=count)
        losses = compare(run_torch(exported.network, pictures), run_onnx(exported.path, exported.network.names, pictures))
        assert set(losses) == set(exported.network.names)
        assert max(loss.largest for loss in losses.values()) < 2e-5


def test_the_file_of_an_embedder_computes_what_torch_computes_for_any_batch(embedder: Exported) -> None:
    assert embedder.network.names == ("embedding", "type")
    _check(embedder)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TINY if name != "efficientnet-lite0"])
def test_the_file_of_any_network_computes_what_torch_computes_for_any_batch(name: str, tmp_path: Path) -> None:
    _check(_exported(name, tmp_path))


def test_probabilities_are_calibrated_by_a_temperature() -> None:
    torch.manual_seed(0)
    network = build("type", backbone="resnet18", input_size=SIZE)
    settle(network)
    pictures = torch.from_numpy(drawn_pictures(3, SIZE))
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (network.mean, network.std))
    with torch.no_grad():
        logits = network.eval()((pictures / 255 - mean) / std)["type"]
        (probabilities,) = ExportedNetwork(network, temperatures={"type": 0.01})(pictures)
    torch.testing.assert_close(probabilities, torch.softmax(logits / 0.01, 1), rtol=1e-3, atol=1e-4)
    assert float((probabilities - torch.softmax(logits, 1)).abs().max()) > 1e-3


def test_outputs_are_chosen_and_training_keeps_its_own() -> None:
    network = build("sac-resnet50", 5, backbone="resnet18", input_size=SIZE)
    assert ExportedNetwork(network).names == ("embedding",)
    with pytest.raises(ValueError, match="does not give identity; it gives embedding"):
        ExportedNetwork(network, ["identity"])


async def test_the_live_path_feeds_the_file_as_it_was_trained(embedder: Exported, workers: InferenceWorkers) -> None:
    rng = np.random.default_rng(0)
    crop = np.repeat(np.repeat(rng.integers(0, 255, (8, 12, 3), dtype=np.uint8), 8, 0), 8, 1)
    rgb = torch.from_numpy(crop[:, :, ::-1].transpose(2, 0, 1).astype(np.float32))[None]
    with torch.no_grad():
        expected = embedder.network(rgb)[0][0].numpy()
    live = OnnxEmbedder(OnnxRuntimeEngine(embedder.path), workers)
    np.testing.assert_allclose((await live.embed([crop]))[0], expected, atol=1e-4)
    assert live.dimension == 256


def test_the_file_says_what_it_is_and_nothing_of_this_machine(embedder: Exported) -> None:
    metadata = OnnxRuntimeEngine(embedder.path).metadata
    assert (metadata["network"], metadata["seed"], metadata["color"]) == ("efficientnet-lite0", "0", "rgb")
    content = embedder.path.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[3]).encode() not in content
    assert [path.name for path in embedder.path.parent.iterdir()] == [embedder.path.name]


def _convolutions(path: Path) -> tuple[list[onnx.NodeProto], set[str]]:
    graph = onnx.load(path).graph
    dequantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return [node for node in graph.node if node.op_type == "Conv"], dequantised


@pytest.mark.parametrize(
    ("precision", "most", "share"), [("float16-weights", 0.02, 0.52), ("int8", 0.6, 0.45), ("int8-symmetric", 0.6, 0.45)]
)
def test_smaller_variants_lose_little(
    precision: variants.Precision, most: float, share: float, embedder: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(network: ExportedNetwork, path: Path, *, metadata: object) -> None:  # exporting again takes its time
        path.write_bytes(embedder.path.read_bytes())

    monkeypatch.setattr(variants, "export_onnx", copy)
    path = tmp_path / "small.onnx"
    losses = write_variant(embedder.network, path, precision, pictures=drawn_pictures(24, SIZE))
    assert 0 < losses["embedding"].spread < most
    assert path.stat().st_size < share * embedder.path.stat().st_size
    convolutions, dequantised = _convolutions(path)
    eight_bits = [set(node.input[:2]) <= dequantised for node in convolutions]
    assert eight_bits == [precision != "float16-weights" and number > 0 for number in range(len(eight_bits))]
    biases = {node.input[2] for node in convolutions[1:]}
    assert bool(biases & dequantised) == (precision == "int8")  # TensorRT takes no bias of 8 or 32 bits with a scale
    assert OnnxRuntimeEngine(path).metadata["color"] == "rgb"


def test_half_precision_computes_in_16_bits_and_gives_32(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build("type", backbone="resnet18", input_size=(32, 32))
    settle(network)
    path = tmp_path / "half.onnx"
    losses = write_variant(ExportedNetwork(network), path, "float16")
    assert 0 < losses["type"].largest < 0.01
    graph = onnx.load(path).graph
    assert {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4} == {onnx.TensorProto.FLOAT16}
    assert {one.type.tensor_type.elem_type for one in (*graph.input, *graph.output)} == {onnx.TensorProto.FLOAT}


def test_8_bits_need_pictures(embedder: Exported, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="8 bits need pictures"):
        write_variant(embedder.network, tmp_path / "small.onnx", "int8", pictures=drawn_pictures(1, SIZE))


def test_a_file_that_computes_something_else_is_not_kept(
    embedder: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(network: ExportedNetwork, path: Path, *, metadata: object) -> None:
        model = onnx.load(embedder.path)
        for tensor in model.graph.initializer:
            if len(tensor.dims) == 4:
                tensor.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(tensor), tensor.name))
        onnx.save(model, path)

    monkeypatch.setattr(variants, "export_onnx", wrong)
    with pytest.raises(ModelError, match="embedding, type of the ONNX file differ from torch"):
        write_variant(embedder.network, tmp_path / "wrong.onnx", "float32")
    assert not list(tmp_path.iterdir())


def test_weights_too_large_for_16_bits_are_an_error(tmp_path: Path, embedder: Exported) -> None:
    model = onnx.load(embedder.path)
    tensor = next(one for one in model.graph.initializer if len(one.dims) == 4)
    tensor.CopyFrom(onnx.numpy_helper.from_array(1e6 * np.ones(tuple(tensor.dims), np.float32), tensor.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(ValueError, match="too large for 16 bits"):
        keep_weights_in_half(tmp_path / "large.onnx", tmp_path / "half.onnx")


def test_losses_are_told_as_shares_of_what_parts_pictures() -> None:
    one = np.array([[0.0, 1.0], [3.0, 5.0]], np.float32)
    (loss,) = compare({"embedding": one}, {"embedding": one + np.float32(0.3)}).values()
    assert dataclasses.astuple(loss) == pytest.approx((0.3, 0.3 * 2**0.5 / 5, 1.3 / np.hypot(0.3, 1.3), 1.0), rel=1e-5)
    with pytest.raises(ValueError, match="expected the outputs embedding, found type"):
        compare({"embedding": one}, {"type": one})
    with pytest.raises(ValueError, match="expected the shape"):
        compare({"embedding": one}, {"embedding": one[:1]})


def _png(path: Path, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), colour, np.uint8))


def test_pictures_are_read_as_the_live_path_gives_them(tmp_path: Path) -> None:
    _png(tmp_path / "a.png", (20, 30), (10, 20, 30))
    _png(tmp_path / "inner" / "b.png", (300, 300), (40, 50, 60))
    (tmp_path / "notes.txt").write_text("no picture")
    pictures = read_pictures(tmp_path, SIZE, 10)
    assert pictures.shape == (2, 3, *SIZE)
    assert [tuple(picture[:, 5, 5]) for picture in pictures] == [(30, 20, 10), (60, 50, 40)]
    assert len(read_pictures(tmp_path, SIZE, 1)) == 1


def test_folders_without_readable_pictures_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no pictures in this folder"):
        read_pictures(tmp_path, SIZE, 10)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ModelError, match="not a picture that can be read"):
        read_pictures(tmp_path, SIZE, 10)
