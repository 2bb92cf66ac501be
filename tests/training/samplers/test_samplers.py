"""Samplers against plain ones that walk lists, and against what each promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from training.errors import DataError
from training.randomness import generator
from training.samplers import (
    HardIdentitySampler,
    IdentityCameraSampler,
    IdentitySampler,
    Sampler,
    ShuffledSampler,
    SourceSampler,
)

SEED = 5


def pictures(seed: int = 0, vehicles: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Vehicles and cameras of pictures in no order: vehicle v has v + 1 of them, in one to four cameras."""
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(vehicles), np.arange(1, vehicles + 1))
    random.shuffle(owner)
    camera = random.integers(0, 1 + owner % 4, len(owner))
    return owner, camera


def plain_identities(owner: np.ndarray, identities: int, images: int, step: int) -> list[int]:
    """P x K by lists: a vehicle's pictures, drawn one by one out of a bag that is refilled only when it never held enough."""
    numbers = sorted(set(owner.tolist()))
    per_epoch = len(numbers) // identities
    order = generator(SEED, "identities", step // per_epoch).permutation(numbers)
    batch = []
    random = generator(SEED, "images", step)
    for vehicle in order[(step % per_epoch) * identities :][:identities]:
        own = [index for index, one in enumerate(owner) if one == vehicle]
        batch += random.choice(own, images, replace=len(own) < images).tolist()
    return batch


def plain_cameras(owner: np.ndarray, camera: np.ndarray, identities: int, images: int, step: int) -> list[int]:
    """The same, going round the cameras that still have pictures."""
    numbers = sorted(set(owner.tolist()))
    per_epoch = len(numbers) // identities
    order = generator(SEED, "identities", step // per_epoch).permutation(numbers)
    batch = []
    random = generator(SEED, "images", step)
    for vehicle in order[(step % per_epoch) * identities :][:identities]:
        drawn: list[int] = []
        while len(drawn) < images:
            piles: list[tuple[int, list[int]]] = []  # every picture is dealt again
            for index in random.permutation([i for i, one in enumerate(owner) if one == vehicle]).tolist():
                for number, pile in piles:
                    if number == camera[index]:
                        pile.append(index)
                        break
                else:
                    piles.append((int(camera[index]), [index]))
            while piles and len(drawn) < images:
                turns = random.permutation([number for number, _ in piles]).tolist()
                drawn += [next(pile for one, pile in piles if one == number).pop() for number in turns]
                piles = [(number, pile) for number, pile in piles if pile]
        batch += drawn[:images]
    return batch


def test_identities_are_drawn_as_by_hand() -> None:
    owner, _ = pictures()
    sampler = IdentitySampler(owner, 3, 4, SEED)
    assert sampler.steps_per_epoch == 3
    for step in range(20):
        assert sampler.indices(step).tolist() == plain_identities(owner, 3, 4, step)


def test_identities_and_cameras_are_drawn_as_by_hand() -> None:
    owner, camera = pictures()
    sampler = IdentityCameraSampler(owner, camera, 3, 4, SEED)
    for step in range(20):
        assert sampler.indices(step).tolist() == plain_cameras(owner, camera, 3, 4, step)


def test_an_epoch_shows_every_vehicle_once_and_the_rest_is_dropped() -> None:
    owner, camera = pictures()
    for sampler in (IdentitySampler(owner, 3, 4, SEED), IdentityCameraSampler(owner, camera, 3, 4, SEED)):
        for epoch in range(3):
            shown = [owner[sampler.indices(epoch * 3 + place)].reshape(3, 4) for place in range(3)]
            assert all((rows == rows[:, :1]).all() for rows in shown)
            vehicles = np.concatenate([rows[:, 0] for rows in shown]).tolist()
            assert len(set(vehicles)) == 9  # of 11


def test_pictures_repeat_only_where_there_are_too_few() -> None:
    owner, camera = pictures()
    for sampler in (IdentitySampler(owner, 3, 4, SEED), IdentityCameraSampler(owner, camera, 3, 4, SEED)):
        for step in range(40):
            for drawn in sampler.indices(step).reshape(3, 4):
                if (owner == owner[drawn[0]]).sum() >= 4:
                    assert len(set(drawn.tolist())) == 4


def test_cameras_repeat_only_where_there_are_too_few_and_then_evenly() -> None:
    owner, camera = pictures()
    sampler = IdentityCameraSampler(owner, camera, 3, 4, SEED)
    seen = set()
    for step in range(60):
        for drawn in sampler.indices(step).reshape(3, 4):
            there = Counter(camera[owner == owner[drawn[0]]].tolist())
            shown = Counter(camera[drawn].tolist())
            assert len(shown) == min(4, len(there))
            if sum(there.values()) >= 4:  # a camera gives a second picture only after every other one that can gave its first
                for one in shown:
                    assert all(shown[one] - shown[other] <= 1 or shown[other] == there[other] for other in there)
            seen.add(len(there))
    assert seen == {1, 2, 3, 4}


def test_every_picture_gets_its_turn() -> None:
    owner, camera = pictures()
    for sampler in (IdentitySampler(owner, 3, 4, SEED), IdentityCameraSampler(owner, camera, 3, 4, SEED)):
        assert {index for step in range(200) for index in sampler.indices(step).tolist()} == set(range(len(owner)))


def test_shuffled_shows_every_picture_once_an_epoch_in_another_order_each() -> None:
    sampler = ShuffledSampler(23, 5, SEED)
    assert sampler.steps_per_epoch == 4
    epochs = []
    for epoch in range(3):
        order = generator(SEED, "pictures", epoch).permutation(23).tolist()
        found = [index for place in range(4) for index in sampler.indices(4 * epoch + place).tolist()]
        assert found == order[:20]
        epochs.append(tuple(found))
    assert len(set(epochs)) == 3


def test_each_source_brings_its_part() -> None:
    owner, _ = pictures()
    sources = (owner >= 6).astype(np.int64)
    sampler = SourceSampler(owner, sources, [(2, 3), (4, 2)], SEED)
    for step in range(10):
        drawn = sampler.indices(step)
        first, second = drawn[:6], drawn[6:]
        of_first, of_second = np.flatnonzero(sources == 0), np.flatnonzero(sources == 1)
        assert first.tolist() == of_first[plain_identities(owner[of_first], 2, 3, step)].tolist()
        assert second.tolist() == of_second[plain_identities(owner[of_second], 4, 2, step)].tolist()
    with pytest.raises(DataError, match="there are 2 sources, and parts for 1"):
        SourceSampler(owner, sources, [(2, 3)], SEED)


def plain_nearest(prototypes: np.ndarray, anchor: int, count: int) -> list[int]:
    def cosine(one: int) -> float:
        return float(prototypes[one] @ prototypes[anchor] / np.linalg.norm(prototypes[one]) / np.linalg.norm(prototypes[anchor]))

    others = [one for one in range(len(prototypes)) if one != anchor]
    return sorted(others, key=lambda one: -cosine(one))[:count]


def test_hard_identities_stand_beside_those_that_look_like_them() -> None:
    owner, _ = pictures(vehicles=40)
    prototypes = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    sampler = HardIdentitySampler(owner, 6, 2, SEED, anchors=2, nearest=0.2)
    before = [sampler.indices(step).tolist() for step in range(5)]
    assert before == [plain_identities(owner, 6, 2, step) for step in range(5)]
    sampler.look_like(prototypes)
    assert sampler.near is not None
    anchors_shown = []
    for step in range(20):
        batch = sampler.vehicles(step).reshape(2, 3)
        assert len(set(batch.ravel().tolist())) == 6
        for anchor, *chosen in batch.tolist():
            nearest = plain_nearest(prototypes, anchor, 8)  # a fifth of 40
            assert sampler.near[anchor].tolist() == nearest
            assert set(chosen) <= set(nearest)
            anchors_shown.append(anchor)
        assert owner[sampler.indices(step)].reshape(6, 2)[:, 0].tolist() == batch.ravel().tolist()
    assert sorted(anchors_shown) == list(range(40))  # 20 batches of 2 anchors are an epoch


def test_hard_identities_fill_the_batch_also_when_all_look_like_one_another() -> None:
    owner = np.repeat(np.arange(6), 2)
    sampler = HardIdentitySampler(owner, 6, 2, SEED, anchors=3, nearest=0.01)
    sampler.look_like(np.ones((6, 3), np.float32))
    for step in range(20):
        assert sorted(sampler.vehicles(step).tolist()) == list(range(6))


def test_hard_identities_go_on_from_what_was_saved() -> None:
    owner, _ = pictures(vehicles=20)
    one = HardIdentitySampler(owner, 4, 2, SEED, anchors=2)
    one.look_like(np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32))
    other = HardIdentitySampler(owner, 4, 2, SEED, anchors=2)
    other.restore(one.near)
    assert all((one.indices(step) == other.indices(step)).all() for step in range(12))


def _all() -> list[Callable[[int], Sampler]]:
    owner, camera = pictures()
    return [
        lambda seed: IdentitySampler(owner, 3, 4, seed),
        lambda seed: IdentityCameraSampler(owner, camera, 3, 4, seed),
        lambda seed: HardIdentitySampler(owner, 4, 4, seed, anchors=2),
        lambda seed: SourceSampler(owner, owner % 2, [(2, 2), (2, 2)], seed),
        lambda seed: ShuffledSampler(len(owner), 7, seed),
    ]


@pytest.mark.parametrize("make", _all())
def test_a_step_is_the_same_whenever_it_is_asked_for_and_another_with_another_seed(make: Callable[[int], Sampler]) -> None:
    forwards = [make(1).indices(step).tolist() for step in range(8)]
    one = make(1)
    backwards = [one.indices(step).tolist() for step in reversed(range(8))]
    assert forwards == backwards[::-1]
    assert forwards != [make(2).indices(step).tolist() for step in range(8)]


def test_too_few_are_refused() -> None:
    owner = np.repeat(np.arange(3), 4)
    with pytest.raises(DataError, match="a batch of 4 vehicles is asked for, and there are 3 in all"):
        IdentitySampler(owner, 4, 2, SEED)
    with pytest.raises(DataError, match="a batch of 13 pictures is asked for, and there are 12 in all"):
        ShuffledSampler(12, 13, SEED)
    with pytest.raises(DataError, match="no multiple of 2 anchors"):
        HardIdentitySampler(owner, 3, 2, SEED, anchors=2)
