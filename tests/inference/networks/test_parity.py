from __future__ import annotations

import torch

from inference.networks.network import Network, Outputs
from inference.networks.parity import drawn_pictures, settle


class _Recording(Network):
    def __init__(self, input_size: tuple[int, int]) -> None:
        super().__init__(input_size=input_size)
        self.normalisation = torch.nn.BatchNorm2d(3)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: torch.Tensor) -> Outputs:
        self.seen.append(tuple(images.shape[2:]))
        return {"embedding": self.normalisation(images).mean((2, 3))}


def test_settling_takes_the_statistics_of_pictures_and_changes_nothing_else() -> None:
    network = _Recording((288, 384)).eval()
    network.normalisation.running_mean = torch.full((3,), 9.0)
    settle(network)
    assert network.seen == [(128, 192)]  # HRNet takes multiples of 32 only
    pictures = torch.from_numpy(drawn_pictures(8, (128, 192))) / 255
    normalised = (pictures - torch.tensor(network.mean).reshape(3, 1, 1)) / torch.tensor(network.std).reshape(3, 1, 1)
    torch.testing.assert_close(network.normalisation.running_mean, normalised.mean((0, 2, 3)))
    assert not network.training
    assert network.normalisation.momentum == 0.1


def test_drawn_pictures_differ_and_come_again() -> None:
    pictures = drawn_pictures(4, (32, 48))
    assert pictures.min() >= 0
    assert pictures.max() <= 255
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert (pictures == drawn_pictures(4, (32, 48))).all()
    assert (pictures != drawn_pictures(4, (32, 48), seed=1)).any()
