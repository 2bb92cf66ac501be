from __future__ import annotations

import numpy as np
import pytest

from simulation.rendering.lens import CameraTraits, Lens, traits_drawn

SIZE = (64, 36)
QUIET = CameraTraits(noise=0.0, colour_noise=0.0, corners=0.0, blur=0.0, sharpening=0.0)


def grey(value: float) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), value, np.float32)


def test_pictures_are_the_same_for_the_same_seed_and_differ_from_frame_to_frame() -> None:
    first, second = Lens(CameraTraits(seed=5), SIZE), Lens(CameraTraits(seed=5), SIZE)
    pictures = [first.develop(grey(0.4), 0.1) for _ in range(2)]
    assert np.array_equal(pictures[0], second.develop(grey(0.4), 0.1))
    assert not np.array_equal(pictures[0], pictures[1])
    assert pictures[0].dtype == np.uint8
    assert pictures[0].shape == (36, 64, 3)


def test_exposure_follows_the_light_but_not_at_once() -> None:
    lens = Lens(QUIET, SIZE)
    before = int(lens.develop(grey(0.4))[0, 0, 0])
    dark = [int(lens.develop(grey(0.1), 0.1)[0, 0, 0]) for _ in range(60)]
    assert dark[0] < before - 30
    assert dark[-1] > dark[0] + 20
    assert abs(dark[-1] - before) < 6


def test_white_balance_corners_and_blur_do_what_they_say() -> None:
    warm = Lens(CameraTraits(balance=(1.3, 1.0, 0.7), noise=0, colour_noise=0, corners=0.0), SIZE).develop(grey(0.3))
    assert warm[0, 0, 2] > warm[0, 0, 1] > warm[0, 0, 0]
    dark = Lens(CameraTraits(noise=0, colour_noise=0, corners=0.4), SIZE).develop(grey(0.3))
    assert int(dark[0, 0, 1]) < int(dark[18, 32, 1]) - 15
    edge = grey(0.1)
    edge[:, 32:] = 0.6
    sharp, soft = (
        Lens(CameraTraits(noise=0, colour_noise=0, blur=blur, sharpening=0.0), SIZE).develop(edge) for blur in (0.0, 1.5)
    )
    assert np.abs(np.diff(soft[18, :, 1].astype(int))).max() < np.abs(np.diff(sharp[18, :, 1].astype(int))).max()


@pytest.mark.parametrize("noise", [2.0, 8.0])
def test_noise_is_as_strong_as_told_and_stronger_in_the_dark(noise: float) -> None:
    lens = Lens(CameraTraits(noise=noise, colour_noise=0.0, corners=0.0, blur=0.0, sharpening=0.0), (320, 180))
    scene = np.full((180, 320, 3), 0.02, np.float32)
    scene[:, 160:] = 0.5
    picture = lens.develop(scene).astype(float)
    assert picture[:, :160, 1].std() == pytest.approx(noise * 1.3, rel=0.2)
    assert picture[:, 160:, 1].std() < picture[:, :160, 1].std()


def test_drawn_cameras_differ_and_are_within_reason() -> None:
    drawn = [traits_drawn(seed) for seed in range(40)]
    assert len({traits.blur for traits in drawn}) == 40
    assert all(0.3 < traits.blur < 1.4 and 0.8 < min(traits.balance) <= max(traits.balance) < 1.3 for traits in drawn)
