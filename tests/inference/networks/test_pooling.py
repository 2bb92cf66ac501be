from __future__ import annotations

import pytest
import torch

from inference.networks.attention import attention_maps
from inference.networks.pooling import GeneralisedMean, PoolingName, pool_masks, pool_stripes, pooling


def _features(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("power", "name"), [(1.0, "average"), (60.0, "maximum")])
def test_the_generalised_mean_goes_from_the_average_to_the_maximum(power: float, name: PoolingName) -> None:
    features = _features(2, 5, 4, 6) + 0.5
    torch.testing.assert_close(GeneralisedMean(power)(features), pooling(name)(features), rtol=0.06, atol=0)


def test_the_generalised_mean_is_its_formula() -> None:
    features = _features(1, 1, 2, 2)
    expected = (sum(float(value) ** 3 for value in features.flatten()) / 4) ** (1 / 3)
    assert pooling("gem")(features).item() == pytest.approx(expected, rel=1e-5)


def test_the_generalised_mean_learns_its_power_and_stays_finite_on_an_empty_map() -> None:
    pool = GeneralisedMean()
    pool(torch.zeros(1, 2, 3, 3)).sum().backward()
    assert pool.power.grad is not None
    assert torch.isfinite(pool.power.grad)


def test_the_generalised_mean_does_not_overflow_in_16_bits() -> None:
    assert GeneralisedMean().half()(torch.full((1, 1, 2, 2), 60.0, dtype=torch.float16)).item() == pytest.approx(60, rel=1e-2)


def test_stripes_are_averages_over_parts_of_the_map() -> None:
    features = _features(2, 3, 6, 4)
    for rows, columns in ((3, 1), (1, 2), (2, 2)):
        found = pool_stripes(features, rows, columns)
        height, width = 6 // rows, 4 // columns
        expected = [
            features[:, :, row * height : (row + 1) * height, column * width : (column + 1) * width].mean((2, 3))
            for row in range(rows)
            for column in range(columns)
        ]
        assert len(found) == rows * columns
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_masks_weigh_positions() -> None:
    features, masks = _features(2, 3, 4, 5), _features(2, 6, 4, 5)
    found = pool_masks(features, masks)
    assert found.shape == (2, 6, 3)
    for picture in range(2):
        for point in range(6):
            mask = masks[picture, point]
            for channel in range(3):
                expected = float((mask * features[picture, channel]).sum() / mask.sum())
                assert float(found[picture, point, channel]) == pytest.approx(expected, rel=1e-4)


def test_neither_scale_nor_negative_values_of_a_mask_matter() -> None:
    features, masks = _features(1, 3, 4, 5), _features(1, 2, 4, 5)
    torch.testing.assert_close(pool_masks(features, 50 * masks), pool_masks(features, masks), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(pool_masks(features, -masks), features.mean((2, 3))[:, None].expand(1, 2, 3))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(ValueError, match="there are average, maximum, gem"):
        pooling("median")  # type: ignore[arg-type]  # on purpose


def test_attention_is_the_mean_of_squares_of_unit_length() -> None:
    shallow, deep = _features(2, 3, 4, 6), _features(2, 5, 2, 3)
    maps = attention_maps([shallow, deep])
    for picture in range(2):
        values = []
        for row in range(2):
            for column in range(3):
                cell = shallow[picture, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten(1).max(1).values
                values.append(float((cell**2).mean()))
        length = sum(value**2 for value in values) ** 0.5
        assert maps[0][picture].tolist() == pytest.approx([value / length for value in values], rel=1e-5)
    squares = deep.square().mean(1).flatten(1)
    torch.testing.assert_close(maps[1], squares / squares.norm(dim=1, keepdim=True))
