"""A whole training, from a recipe to a network on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar, get_args

import yaml

from inference.networks.network import Network
from inference.networks.weights import save_network
from training.errors import RecipeError
from training.loop import BEST, CHECKPOINT, LAST, TENSORBOARD, Fitted, Task, fit
from training.loop.checkpoints import read_checkpoint
from training.recipe_file import load_recipe
from training.settings import Recipe

__all__ = ["DETECTOR", "KINDS", "NETWORK", "Kind", "Trained", "train"]

Kind: TypeAlias = Literal["detector", "reid", "type", "colour", "orientation", "keypoints"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
NETWORK: Final = "network.pt"
DETECTOR: Final = "detector.onnx"
_OWN_FILES = (CHECKPOINT, BEST, LAST, NETWORK, DETECTOR, "training.csv", "validation.csv", "recipe.yaml")
_Model = TypeVar("_Model", bound=Recipe)


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it.

    Attributes:
        fitted: How far it came, and its figures.
        folder: Where its files are.
        network: File of the best network, or of the last one where none was chosen; None while there is none.
    """

    fitted: Fitted
    folder: Path
    network: Path | None


@dataclass(frozen=True, slots=True)
class _Order:
    recipe: str
    folder: Path
    data: Path | None
    overrides: Sequence[str]
    anew: bool
    stop: Callable[[], bool]
    progress: bool

    def load(self, model: type[_Model]) -> _Model:
        variables = dict(os.environ) if self.data is None else {**os.environ, "DATA": str(self.data)}
        return load_recipe(self.recipe, model, overrides=self.overrides, variables=variables)


def train(
    kind: Kind,
    recipe: str,
    folder: Path,
    *,
    data: Path | None = None,
    overrides: Sequence[str] = (),
    anew: bool = False,
    stop: Callable[[], bool] = lambda: False,
    progress: bool = False,
) -> Trained:
    """Fits a network and leaves it in a folder, beside the recipe, curves and checkpoint.

    Args:
        kind: What the recipe must be for.
        recipe: Path of a recipe, or name of one that ships.
        folder: Where the files go; a training that was begun there goes on.
        data: What ``${DATA}`` means in the recipe; default: the environment variable.
        overrides: Fields of the recipe that differ, ``field.inner=value`` each.
        anew: Remove what an earlier training left in the folder.
        stop: Asked after each step whether to stop.
        progress: Whether to show a progress bar, on a terminal.

    Raises:
        TrainingError: recipe or data cannot be used, or the training went astray.
    """
    order = _Order(recipe, folder, data, overrides, anew, stop, progress)
    if kind == "detector":
        return _train_detector(order)
    if kind == "keypoints":
        return _train_keypoints(order)
    return _train_appearance(kind, order)


def _train_appearance(kind: Kind, order: _Order) -> Trained:
    from training.appearance import AppearanceRecipe, AppearanceTask

    recipe = order.load(AppearanceRecipe)
    if recipe.task != kind:
        raise RecipeError(f"{order.recipe}: it is for `{recipe.task}`, not for `{kind}`")
    task = AppearanceTask(recipe)
    fitted = _fit(task, recipe, order)
    facts = {f"{name} classes": ",".join(settings.classes) for name, settings in recipe.attributes.items()}
    return Trained(fitted, order.folder, _save(task.network, fitted, recipe, order, facts))


def _train_keypoints(order: _Order) -> Trained:
    from training.keypoints import KeyPointRecipe, KeyPointTask

    recipe = order.load(KeyPointRecipe)
    task = KeyPointTask(recipe)
    fitted = _fit(task, recipe, order)
    return Trained(fitted, order.folder, _save(task.network, fitted, recipe, order, {}))


def _train_detector(order: _Order) -> Trained:
    from training.detection.outcome import write_detector
    from training.detection.recipe import DetectorRecipe
    from training.detection.task import DetectorTask

    recipe = order.load(DetectorRecipe)
    fitted = _fit(DetectorTask(recipe), recipe, order)
    if fitted.weights is None:
        return Trained(fitted, order.folder, None)
    write_detector(fitted.weights, recipe, Path(order.recipe).stem, order.folder / DETECTOR)
    return Trained(fitted, order.folder, order.folder / DETECTOR)


def _fit(task: Task, recipe: Recipe, order: _Order) -> Fitted:
    order.folder.mkdir(parents=True, exist_ok=True)
    if order.anew:
        for name in _OWN_FILES:
            (order.folder / name).unlink(missing_ok=True)
        shutil.rmtree(order.folder / TENSORBOARD, ignore_errors=True)
    if (order.folder / CHECKPOINT).exists():  # goes on by the recipe that began it, or is refused
        return fit(task, recipe, order.folder, stop=order.stop, progress=order.progress)
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    (order.folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return fit(task, recipe, order.folder, stop=order.stop, progress=order.progress)


def _save(network: Network, fitted: Fitted, recipe: Recipe, order: _Order, facts: Mapping[str, str]) -> Path | None:
    """Writes the chosen weights with what builds their network again."""
    if fitted.weights is None:
        return None
    kept = read_checkpoint(fitted.weights)
    network.load_state_dict(kept["state"])
    figures = {name: round(value, 4) for name, value in kept["figures"].items()}
    told = {"recipe": Path(order.recipe).stem, "seed": recipe.fitting.seed, "step": kept["step"], **facts, **figures}
    save_network(order.folder / NETWORK, network.cpu(), told)
    return order.folder / NETWORK
