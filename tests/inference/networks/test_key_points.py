from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.networks.key_point_pooled import KeyPointPooledNetwork
from inference.networks.key_points import KEY_POINTS, MIRRORED_KEY_POINTS, KeyPointDetector
from inference.networks.network import Network, Outputs
from inference.networks.registry import build
from inference.networks.weights import save_network

SIZE = (64, 96)
POINTS = 5


def _images(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def _pooled(**options: object) -> KeyPointPooledNetwork:
    torch.manual_seed(0)
    network = build(
        "key-point-se-resnext101",
        3,
        backbone="resnet18",
        key_point_backbone="resnet18",
        key_point_input_size=(64, 64),
        input_size=SIZE,
        **{"points": POINTS, **options},
    )
    assert isinstance(network, KeyPointPooledNetwork)
    return network


class _Planted(Network):
    """A detector that finds what the test says."""

    def __init__(self, heatmaps: torch.Tensor) -> None:
        super().__init__(input_size=(64, 64))
        self.heatmaps = heatmaps

    def forward(self, images: torch.Tensor) -> Outputs:
        heatmaps = self.heatmaps.expand(len(images), -1, -1, -1)
        return {"heatmaps": heatmaps, "visibility": heatmaps.amax((2, 3)).clamp(0, 1)}


def _peaks(values: list[float]) -> torch.Tensor:
    heatmaps = torch.zeros(1, len(values), 16, 16)
    for point, value in enumerate(values):
        heatmaps[0, point, 4:8, 2 + 2 * point : 4 + 2 * point] = value
    return heatmaps


def test_left_and_right_points_change_places_when_a_picture_is_flipped() -> None:
    assert len(KEY_POINTS) == len(set(KEY_POINTS)) == 20
    for point, mirrored in enumerate(MIRRORED_KEY_POINTS):
        assert MIRRORED_KEY_POINTS[mirrored] == point
        assert KEY_POINTS[mirrored].replace("left", "right") == KEY_POINTS[point].replace("left", "right")
    assert [KEY_POINTS[point] for point, mirrored in enumerate(MIRRORED_KEY_POINTS) if point == mirrored] == [
        "front logo",
        "front plate",
        "rear logo",
        "rear plate",
    ]


def test_heat_maps_have_a_quarter_of_the_size() -> None:
    with torch.device("meta"):
        network = build("key-points")
        outputs = network(torch.empty(3, 3, 256, 256))
    assert outputs["heatmaps"].shape == (3, 20, 64, 64)
    assert outputs["visibility"].shape == (3, 20)


def test_a_detector_can_learn_where_a_point_is() -> None:
    torch.manual_seed(0)
    network = build("key-points", backbone="resnet18", input_size=(64, 64), points=1, filters=16).train()
    images = torch.zeros(4, 3, 64, 64)
    target = torch.zeros(4, 1, 16, 16)
    for row, (y, x) in enumerate([(3, 3), (12, 4), (5, 12), (10, 10)]):
        images[row, :, 4 * y - 6 : 4 * y + 6, 4 * x - 6 : 4 * x + 6] = 3
        target[row, 0, y, x] = 1
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(20):
        optimiser.zero_grad()
        found = network(images)["heatmaps"]
        assert isinstance(found, torch.Tensor)
        torch.autograd.backward((found - target).square().sum())
        optimiser.step()
    places = found.flatten(1).argmax(1)
    assert places.tolist() == target.flatten(1).argmax(1).tolist()


def test_each_point_has_its_classifier_and_feature() -> None:
    outputs = _pooled().train()(_images())
    assert [tuple(one.shape) for one in outputs["identity"]] == [(2, 3)] * POINTS
    assert [tuple(one.shape) for one in outputs["feature"]] == [(2, 128)] * POINTS
    assert outputs["embedding"].shape == (2, POINTS * 128)


def test_the_detector_stays_as_it_is() -> None:
    network = _pooled().train()
    assert not network.key_points.training
    assert network.backbone.training
    before = {name: value.clone() for name, value in network.key_points.state_dict().items()}
    torch.autograd.backward(torch.stack(list(network(_images())["identity"])).square().sum())
    assert all(parameter.grad is None for parameter in network.key_points.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.key_points.state_dict().items())


def test_unseen_points_do_not_count() -> None:
    network = _pooled().eval()
    with torch.no_grad():
        network.key_points = _Planted(_peaks([1, 1, 0, 1, 0]))  # type: ignore[assignment]  # stands in for the detector
        embedding = network(_images())["embedding"].reshape(2, POINTS, 128).norm(dim=2)
    torch.testing.assert_close(embedding[:, [0, 1, 3]], torch.full((2, 3), 3**-0.5), rtol=1e-3, atol=1e-3)
    assert float(embedding[:, [2, 4]].max()) < 1e-3


def test_the_cosine_is_the_mean_over_points_weighted_by_visibility() -> None:
    network = _pooled().eval()
    with torch.no_grad():
        network.key_points = _Planted(_peaks([0.9, 0.5, 0.3, 0.7, 0.1]))  # type: ignore[assignment]  # as above
        outputs = network(_images())
        one, two = outputs["embedding"]
        points = torch.stack(list(outputs["feature"]), 1)
    cosines = torch.nn.functional.cosine_similarity(points[0], points[1], dim=1)
    weights = torch.tensor([0.9, 0.5, 0.3, 0.7, 0.1]) ** 2
    assert float(one @ two) == pytest.approx(float((weights * cosines).sum() / weights.sum()), abs=1e-4)


def test_the_scale_of_heat_maps_does_not_change_what_is_pooled() -> None:
    network = _pooled().eval()
    with torch.no_grad():
        found = []
        for scale in (0.2, 1.0):
            network.key_points = _Planted(scale * _peaks([1, 1, 1, 1, 1]))  # type: ignore[assignment]  # as above
            found.append(network(_images())["embedding"])
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-3)


def test_nothing_seen_still_gives_a_vector() -> None:
    network = _pooled().eval()
    with torch.no_grad():
        network.key_points = _Planted(_peaks([0] * POINTS))  # type: ignore[assignment]  # as above
        embedding = network(_images())["embedding"]
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))


def test_a_trained_detector_is_taken_from_its_file(tmp_path: Path) -> None:
    torch.manual_seed(5)
    detector = build("key-points", backbone="resnet18", input_size=(64, 64), points=POINTS)
    assert isinstance(detector, KeyPointDetector)
    save_network(tmp_path / "points.pt", detector)
    network = _pooled(key_point_weights=str(tmp_path / "points.pt"))
    taken = network.key_points.state_dict()
    assert all(torch.equal(value, taken[name]) for name, value in detector.state_dict().items())
