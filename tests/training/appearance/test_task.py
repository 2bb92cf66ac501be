"""The task of networks that look at one crop: data, batches, going on, validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.fitting import assert_same_outcome
from training.appearance import AppearanceRecipe, AppearanceTask
from training.appearance.validation import look
from training.augmentation import AugmentationSettings
from training.data.batches import CropBatch, CropBatches
from training.errors import RecipeError
from training.loop import fit
from training.loop.checkpoints import write_checkpoint
from training.recipe_file import load_recipe
from training.starting_weights import load_starting_weights


def recipe(data: Path, recipe_name: str = "tiny-reid", /, **changes: Any) -> AppearanceRecipe:
    overrides = ["fitting.threads=1", "fitting.device=cpu", *(f"{key}={value}" for key, value in changes.items())]
    return load_recipe(recipe_name, AppearanceRecipe, overrides=overrides, variables={"DATA": str(data)})


def first_batches(task: AppearanceTask, count: int, step: int = 0) -> list[CropBatch]:
    batches = task.training_batches(step)
    return [next(batches) for _ in range(count)]


def test_batches_hold_what_the_sources_tell(drawn_sets: Path) -> None:
    task = AppearanceTask(recipe(drawn_sets, "tiny-attributes", **{"data.training.0.sequence": "sequence"}))
    (batch,) = first_batches(task, 1)
    assert batch.images.shape == (16, 3, 48, 64)
    assert batch.images.dtype == torch.uint8
    assert (batch.vehicles.reshape(4, 4) == batch.vehicles[::4, None]).all()
    for vehicle, colour, roof, logo, sure in zip(
        batch.vehicles.tolist(),
        batch.classes["colour"].tolist(),
        batch.classes["roof"].tolist(),
        batch.classes["logo"].tolist(),
        batch.certainty["logo"].tolist(),
        strict=True,
    ):
        assert colour == vehicle % 4
        assert roof == (-1 if vehicle % 3 == 0 else vehicle % 2)
        assert logo == vehicle % 4
        assert sure in (0.5, 1.0)
    assert set(batch.certainty["logo"].tolist()) == {0.5, 1.0}
    assert batch.certainty["colour"].tolist() == [1.0] * 16


class _SameAgain:
    steps_per_epoch = 1

    def indices(self, step: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.zeros(3, np.int64)


def test_a_picture_is_varied_anew_in_every_step_and_place(drawn_sets: Path) -> None:
    task = AppearanceTask(recipe(drawn_sets))
    settings = AugmentationSettings.model_validate({"light": {"gain": 0.5, "cast": 0.3}})
    batches = CropBatches(
        task.crops, {}, _SameAgain(), settings, size=(48, 64), mean=(0.5,) * 3, std=(0.5,) * 3, seed=1, cache=True
    )
    pictures = {image.numpy().tobytes() for step in range(4) for image in batches[step].images}
    assert len(pictures) == 12


def test_worker_processes_and_the_cache_change_no_bit(drawn_sets: Path) -> None:
    plain = first_batches(AppearanceTask(recipe(drawn_sets)), 5)
    again = first_batches(AppearanceTask(recipe(drawn_sets)), 2, step=3)
    worked = first_batches(AppearanceTask(recipe(drawn_sets, **{"fitting.workers": 2})), 5)
    task = AppearanceTask(recipe(drawn_sets, **{"data.cache": "true"}))
    first_batches(task, 5)
    cached = first_batches(task, 5)
    for one, others in zip(plain, zip(worked, cached, strict=True), strict=True):
        assert all(torch.equal(one.images, other.images) and torch.equal(one.vehicles, other.vehicles) for other in others)
    assert torch.equal(again[0].images, plain[3].images)
    other_seed = first_batches(AppearanceTask(recipe(drawn_sets, **{"fitting.seed": 8})), 1)
    assert not torch.equal(other_seed[0].images, plain[0].images)


HARD = {"sampling": "{kind: hard-identities, identities: 4, images: 2, anchors: 2, nearest: 0.5, refresh: 6}"}


@pytest.mark.parametrize("changes", [{}, HARD, {"fitting.averaging.enabled": "true", "fitting.workers": 1}])
def test_stopped_and_called_again_it_ends_as_if_it_had_not(drawn_sets: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    short = {"fitting.steps": 16, "fitting.schedule.milestones": "[12]", "fitting.log_every": 2, **changes}
    one = recipe(drawn_sets, **short)
    fit(AppearanceTask(one), one, tmp_path / "whole")
    for stop in (8, 5):  # with hard identities, in the middle of a round
        calls = iter(range(1, 100))
        fit(AppearanceTask(one), one, tmp_path / "parts", stop=lambda calls=calls, stop=stop: next(calls) == stop)  # type: ignore[misc]
    fit(AppearanceTask(one), one, tmp_path / "parts")
    assert_same_outcome(tmp_path / "whole", tmp_path / "parts", task_too=True)


def test_hard_identities_come_from_the_classifier(drawn_sets: Path) -> None:
    task = AppearanceTask(recipe(drawn_sets, **HARD))
    assert len(list(task.training_batches(0))) == 6
    assert task.state_dict() == {}
    rows = task.network.get_parameter("neck.classifier.weight")
    with torch.no_grad():
        rows.copy_(torch.eye(8, 64) + torch.eye(8, 64).roll(1, 0))  # vehicle v looks like v - 1 and v + 1
    list(task.training_batches(6))
    near = task.state_dict()["near"]
    assert all({(vehicle - 1) % 8, (vehicle + 1) % 8} == set(near[vehicle, :2].tolist()) for vehicle in range(8))


def test_what_is_frozen_stays(drawn_sets: Path, tmp_path: Path) -> None:
    one = recipe(
        drawn_sets,
        **{"fitting.steps": 5, "fitting.schedule.milestones": "[]", "network.frozen_stages": 2, "network.frozen_norms": "true"},
    )
    task = AppearanceTask(one)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    fit(task, one, tmp_path)
    changed = {name for name, value in task.network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not any(name.startswith(("backbone.stages.0.", "backbone.stages.1.")) for name in changed)
    assert not any("running" in name for name in changed if name.startswith("backbone."))
    assert any(name.startswith("backbone.stages.3.") for name in changed)
    with pytest.raises(RecipeError, match="has no 44 stages"):
        AppearanceTask(recipe(drawn_sets, **{"network.frozen_stages": 44}))


def test_balanced_classes_weigh_by_their_rarity(drawn_sets: Path) -> None:
    changes = {
        "data.training.0.identities": "[0, 5]",  # two red vehicles, and one of each other colour
        "attributes.colour.balance": 1.0,
        "sampling": "{kind: shuffled, batch: 8}",
    }
    task = AppearanceTask(recipe(drawn_sets, "tiny-colour", **changes))
    weights = task._class_weights["colour"].numpy()
    counts = np.array([12, 6, 6, 6])
    assert weights[1] == pytest.approx(2 * weights[0])
    assert (weights * counts).sum() == pytest.approx(counts.sum())


def test_validation_averages_flips_and_scores_the_gallery(drawn_sets: Path) -> None:
    changes = {
        "data.validation.query.0.identities": "[0, 4]",
        "data.validation.gallery": f"[{{layout: crops, path: {drawn_sets}/test}}]",
        "data.validation.flip": "true",
        "data.validation.batch": 7,
    }
    task = AppearanceTask(recipe(drawn_sets, **changes))
    network = task.network.eval()
    with torch.no_grad():
        figures = task.validate(network)
        assert set(figures) == {"mAP", "mAP of the top 100", "rank 1", "rank 5"}
        assert task._validation is not None
        crops = task._validation.crops
        assert task._validation.queries == 24
        assert len(crops) == 24 + 48
        seen = look(network, crops, (), batch=7, flip=True, workers=0)
    assert seen.embeddings is not None
    vectors = seen.embeddings.astype(np.float64)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(72), abs=1e-5)
    precisions = []
    for query in range(24):  # by hand
        kept = [
            index
            for index in range(24, 72)
            if crops.vehicles[index] != crops.vehicles[query] or crops.cameras[index] != crops.cameras[query]
        ]
        ranked = sorted(kept, key=lambda index: -float(vectors[query] @ vectors[index]))
        hits = [number for number, index in enumerate(ranked, 1) if crops.vehicles[index] == crops.vehicles[query]]
        precisions.append(np.mean([place / number for place, number in enumerate(hits, 1)]))
    assert figures["mAP"] == pytest.approx(np.mean(precisions), abs=1e-6)


def test_training_starts_from_what_fits_of_another_file(drawn_sets: Path, tmp_path: Path) -> None:
    one = recipe(drawn_sets, **{"fitting.steps": 5, "fitting.schedule.milestones": "[]"})
    task = AppearanceTask(one)
    fit(task, one, tmp_path)
    two = recipe(drawn_sets, "tiny-type", **{"network.start": tmp_path / "last.pt", "fitting.seed": 5})
    other = AppearanceTask(two).network
    for name, value in task.network.backbone.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(value, other.state_dict()[f"backbone.{name}"])
    write_checkpoint(
        tmp_path / "wrapped.pt", {"state_dict": {f"module.{name}": value for name, value in other.state_dict().items()}}
    )
    assert load_starting_weights(task.network, tmp_path / "wrapped.pt")[0] >= len(task.network.backbone.state_dict())  # type: ignore[union-attr]
    write_checkpoint(tmp_path / "strange.pt", {"state": {"a": torch.ones(3)}})
    with pytest.raises(RecipeError, match=r"strange\.pt: none of its 1 tensors has a name and shape"):
        load_starting_weights(other, tmp_path / "strange.pt")
    with pytest.raises(RecipeError, match=r"absent\.pt: no such file"):
        load_starting_weights(other, tmp_path / "absent.pt")


def test_what_does_not_fit_together_is_told(drawn_sets: Path) -> None:
    for changes, problem in (
        ({"network.name": "resnet9000"}, "network: no network is called 'resnet9000'"),
        ({"network.options.colour": 3}, "network: the network resnet101 has no option colour"),
        ({"augmentation.stretch": "[40, 72]"}, r"augmentation\.stretch: \[40, 72\] is less than the network's \[48, 64\]"),
    ):
        with pytest.raises(RecipeError, match=problem):
            AppearanceTask(recipe(drawn_sets, **changes))
