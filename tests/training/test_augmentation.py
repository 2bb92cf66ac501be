"""How pictures are varied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference.crop_preparation import CropPreparation
from training.augmentation import AugmentationSettings, augment, read_picture, stretch
from training.errors import DataError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OFF = {"flip": 0.0}


def noise(height: int = 31, width: int = 41, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def vary(picture: np.ndarray, seed: int = 0, size: tuple[int, int] = (28, 38), **settings: Any) -> np.ndarray:
    random = np.random.default_rng(seed)
    return augment(picture, size, AugmentationSettings.model_validate({**OFF, **settings}), random, mean=MEAN, std=STD)


def test_nothing_varied_is_only_stretched() -> None:
    assert (vary(noise()) == stretch(noise(), (28, 38))).all()
    assert (vary(noise(28, 38)) == noise(28, 38)).all()


def test_a_cut_is_a_window_of_the_stretched_picture_and_all_windows_occur() -> None:
    picture = noise()
    stretched = stretch(picture, (31, 41))
    found = set()
    for seed in range(200):
        cut = vary(picture, seed, stretch=(31, 41))
        places = [
            (top, left) for top in range(4) for left in range(4) if (stretched[top : top + 28, left : left + 38] == cut).all()
        ]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 16


def test_flips_half_of_them() -> None:
    picture = noise(28, 38)
    flipped = 0
    for seed in range(400):
        found = vary(picture, seed, flip=0.5)
        assert (found == picture).all() or (found == picture[:, ::-1]).all()
        flipped += bool((found == picture[:, ::-1]).all())
    assert 160 < flipped < 240


def test_erasing_paints_one_rectangle_of_the_asked_size_in_the_asked_colour() -> None:
    picture = np.zeros((60, 80, 3), np.uint8)
    colour = [round(255 * (fill * std + mean)) for fill, std, mean in zip((0.4914, 0.4822, 0.4465), STD, MEAN, strict=True)]
    shares, erased = [], 0
    for seed in range(300):
        found = vary(picture, seed, size=(60, 80), erasing={"probability": 0.5})
        painted = np.asarray(found.max(2) > 0)
        if not painted.any():
            continue
        erased += 1
        rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
        box = painted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.all()
        assert (found[painted] == colour).all()
        shares.append(box.size / painted.size)
        assert 0.25 < box.shape[0] / box.shape[1] < 4
    assert 120 < erased < 180
    assert min(shares) > 0.015
    assert 0.3 < max(shares) < 0.42


def test_erasing_gives_up_where_no_rectangle_fits() -> None:
    picture = noise(10, 200)
    found = vary(picture, size=(10, 200), erasing={"probability": 1.0, "area": (0.4, 0.4), "aspect": (3.0, 3.3), "tries": 20})
    assert (found == picture).all()


def test_erasing_in_any_colour() -> None:
    found = {
        tuple(
            vary(np.zeros((40, 40, 3), np.uint8), seed, size=(40, 40), erasing={"probability": 1, "fill": "random"})
            .max((0, 1))
            .tolist()
        )
        for seed in range(5)
    }
    assert len(found) == 5


def test_zoom_outwards_repeats_the_border_and_inwards_cuts_it() -> None:
    picture = np.full((40, 40, 3), 200, np.uint8)
    picture[4:-4, 4:-4] = 50
    shares = [(vary(picture, seed, size=(40, 40), zoom={"inwards": 0.0, "outwards": 0.3}) > 125).mean() for seed in range(20)]
    assert min(shares) > (picture > 125).mean()
    shares = [(vary(picture, seed, size=(40, 40), zoom={"inwards": 0.2, "outwards": 0.0}) > 125).mean() for seed in range(20)]
    assert max(shares) < (picture > 125).mean()


def test_light_changes_the_light_and_leaves_grey_grey_without_a_cast() -> None:
    picture = np.repeat(noise(20, 20)[:, :, :1], 3, axis=2)
    found = vary(picture, 3, size=(20, 20), light={"gamma": 0.5, "gain": 0.3, "contrast": 0.3, "saturation": 0.5})
    assert (found == found[:, :, :1]).all()
    assert not (found == picture).all()
    tinted = vary(picture, 3, size=(20, 20), light={"cast": 0.3})
    assert not (tinted == tinted[:, :, :1]).all()


def test_shrink_blur_and_compression_lose_detail() -> None:
    picture = noise(48, 64)

    def detail(values: np.ndarray) -> float:
        return float(np.abs(np.diff(values.astype(float), axis=1)).mean())

    for settings in (
        {"shrink": {"probability": 1.0, "width": (10, 20)}},
        {"blur": {"probability": 1.0}},
        {"compression": {"probability": 1.0, "quality": (10, 20)}},
    ):
        found = vary(picture, size=(48, 64), **settings)
        assert found.shape == picture.shape
        assert detail(found) < 0.8 * detail(picture)


def test_what_came_in_stays_as_it_was() -> None:
    picture = noise(28, 38)
    for seed in range(10):
        vary(picture, seed, flip=0.5, erasing={"probability": 1.0}, light={"gain": 0.3})
        assert (picture == noise(28, 38)).all()


def test_the_same_generator_gives_the_same_picture() -> None:
    everything: dict[str, Any] = {
        "flip": 0.5,
        "stretch": (31, 41),
        "zoom": {"inwards": 0.1, "outwards": 0.1},
        "light": {"gamma": 0.5, "cast": 0.1},
        "shrink": {"probability": 0.5, "width": (10, 30)},
        "blur": {"probability": 0.5},
        "compression": {"probability": 0.5},
        "erasing": {"probability": 0.5},
    }
    for seed in range(20):
        assert (vary(noise(), seed, **everything) == vary(noise(), seed, **everything)).all()
    assert len({vary(noise(), seed, **everything).tobytes() for seed in range(20)}) == 20


def test_pictures_are_stretched_as_where_the_network_is_used() -> None:
    class Engine:
        name, input_shape, metadata = "network", (3, 28, 38), {"mean": "0,0,0", "std": "1,1,1"}

    prepare = CropPreparation(Engine())  # type: ignore[arg-type]  # all that it asks of an engine
    for shape in ((20, 70), (31, 41), (9, 12), (200, 300)):
        picture = noise(*shape)
        live = prepare([picture[:, :, ::-1]])[0].transpose(1, 2, 0) * 255
        assert (live.round() == stretch(picture, (28, 38))).all()


def test_a_picture_is_read_as_rgb_and_what_is_none_is_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 5, 3), (0, 0, 255), np.uint8))
    assert read_picture(tmp_path / "red.png").tolist() == [[[255, 0, 0]] * 5] * 4
    (tmp_path / "no.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"no\.jpg: cannot be read as a picture"):
        read_picture(tmp_path / "no.jpg")
