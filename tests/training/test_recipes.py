"""Recipes: those that ship, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from inference.networks.registry import REGISTRY, build
from training._reference import generate
from training.appearance import AppearanceRecipe
from training.detection.recipe import DetectorRecipe
from training.errors import RecipeError
from training.keypoints import KeyPointRecipe
from training.loop.schedules import rate_factor
from training.recipe_file import load_recipe, recipe_kind, shipped_recipes
from training.settings import Recipe

MODELS: dict[str, type[Recipe]] = {"keypoints": KeyPointRecipe, "detector": DetectorRecipe}
VARIABLES = {"DATA": "/data", "KEY_POINTS": "/points.pt"}


def load(name: str, **changes: Any) -> AppearanceRecipe:
    return load_recipe(
        name, AppearanceRecipe, overrides=[f"{key}={value}" for key, value in changes.items()], variables=VARIABLES
    )


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name, MODELS.get(recipe_kind(name), AppearanceRecipe), variables=VARIABLES)
    steps = recipe.fitting.steps
    assert rate_factor(recipe.fitting.schedule, steps - 1, steps) > 0
    assert all(milestone < steps for milestone in recipe.fitting.schedule.milestones)


@pytest.mark.parametrize(
    "name",
    [name for name in shipped_recipes() if name.startswith("reid-") or name in ("type", "attributes", "colour", "orientation")],
)
def test_the_network_of_each_recipe_can_be_built_and_gives_what_its_losses_ask_for(name: str) -> None:
    recipe = load(name)
    options = {key: value for key, value in recipe.network.options.items() if key not in ("pretrained", "key_point_weights")}
    classes = {"identity": 7 if recipe.losses.identity.weight else 0}
    classes |= {key: len(settings.classes) for key, settings in recipe.attributes.items()}
    with torch.device("meta"):
        network = build(recipe.network.name, classes, backbone="test_efficientnet", **options)
    given = set(network.specification.classes) if network.specification else set()
    assert given == {key for key, count in classes.items() if count}
    assert (recipe.losses.attention.weight > 0) == name.startswith("reid-sac")


def test_the_constants_of_the_reference_system() -> None:
    """Epochs in steps: 529 vehicles / 32 = 16, 333 / 8 = 41, 333 / 16 = 20."""
    for name in ("reid-resnet101", "reid-se-resnext101", "reid-se-resnet152"):
        recipe = load(name)
        assert (recipe.losses.triplet.weight, recipe.losses.triplet.margin) == (0.02, 0.5)
        fitting = recipe.fitting
        assert (fitting.steps, fitting.schedule.warm_up.steps) == (100 * 16, 20 * 16)
        assert fitting.schedule.milestones == (50 * 16, 70 * 16, 90 * 16)
        assert (fitting.optimiser.kind, fitting.optimiser.rate, fitting.optimiser.backbone_factor) == ("adam", 3e-4, 0.1)
        assert (recipe.augmentation.stretch, recipe.augmentation.erasing.probability) == ((310, 414), 0.5)
    for name in ("reid-sac-resnet50", "reid-sac-resnet101", "reid-mgn-resnet101", "reid-hrnet-w32"):
        recipe = load(name)
        fitting = recipe.fitting
        assert (fitting.steps, fitting.schedule.warm_up.steps, fitting.schedule.warm_up.start) == (1100 * 41, 100 * 41, 0.01)
        assert fitting.schedule.milestones == (600 * 41, 900 * 41, 1000 * 41)
        assert (fitting.optimiser.kind, fitting.optimiser.rate, fitting.optimiser.backbone_factor) == ("sgd", 0.01, 1.0)
        assert recipe.losses.attention.weight == (0.2 if "sac" in name else 0.0)
        assert (recipe.augmentation.stretch, recipe.augmentation.erasing.probability) == (None, 0.0)
    points = load("reid-key-point-se-resnext101")
    assert points.sampling.kind == "identities-and-cameras"
    assert (points.fitting.steps, points.fitting.schedule.milestones) == (250 * 20, (100 * 20,))
    kind = load("type")
    assert (kind.losses.identity.weight, kind.attributes["type"].weight, kind.losses.triplet.weight) == (1.0, 0.5, 0.02)
    assert (kind.fitting.steps, kind.fitting.schedule.milestones) == (800 * 20, (400 * 20, 700 * 20, 750 * 20))
    assert kind.fitting.optimiser.rate == 0.01
    side = load("orientation")
    assert len(side.attributes["orientation"].classes) == 8
    assert side.augmentation.flip == 0
    roof = load("attributes").attributes["roof"]
    assert (roof.unknown, roof.unsure_weight) == ("even", 0.5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"fitting.stepz": 3}, r"fitting\.stepz: no such field; see docs/reference/recipes\.md"),
        ({"fitting.steps": 3}, r"tiny-reid\.yaml:\d+: fitting: a warm-up of 5 steps does not fit into 3"),
        ({"sampling": "{kind: shuffled, batch: 8}"}, "need several pictures of each vehicle"),
        ({"task": "type"}, "a recipe for type needs attributes.type"),
        ({"data.training.0.layout": "folder"}, r"data\.training\[0\]: input tag 'folder'"),
        ({"attributes": "{orientation: {classes: [a, b]}}"}, "every `flip` must be off"),
        ({"attributes": "{type: {classes: [a, b], aliases: {c: d}}}"}, "the alias c means d, which is no class"),
        ({"attributes": "{type: {classes: [a, a]}}"}, "a class is named twice"),
        (
            {"sampling": "{kind: hard-identities, identities: 4, anchors: 2}", "losses.identity.weight": 0},
            "found by the classifier of vehicles",
        ),
        (
            {"sampling": "{kind: hard-identities, identities: 4, anchors: 2}", "data.training.0.classified": "false"},
            "all sources must be classified",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem) as caught:
        load("tiny-reid", **change)
    assert len(str(caught.value).splitlines()) == 1


def test_overrides_reach_into_lists_and_say_where_there_is_nothing() -> None:
    recipe = load("tiny-reid", **{"data.training.0.path": "/elsewhere", "fitting.seed": 9, "network.options.dropout": 0.1})
    assert recipe.data.training[0].path == Path("/elsewhere")
    assert recipe.fitting.seed == 9
    assert recipe.network.options["dropout"] == 0.1
    for override, problem in (
        ("data.training.3.path=/x", "data.training.3.path: the recipe has nothing at 3"),
        ("fitting.seed", "expected a field and its value"),
        ("fitting.seed=[", "the value is not valid YAML"),
    ):
        with pytest.raises(RecipeError, match=problem):
            load_recipe("tiny-reid", AppearanceRecipe, overrides=[override], variables=VARIABLES)


def test_the_reference_of_recipes_is_up_to_date() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "recipes.md"
    assert page.read_text(encoding="utf-8") == generate(), "run: python -m training._reference"


def test_the_recipe_in_the_docs_is_valid(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "train-networks.md"
    (text,) = [block for block in page.read_text(encoding="utf-8").split("```") if block.startswith("yaml\n")]
    (tmp_path / "own.yaml").write_text(text.removeprefix("yaml\n"), encoding="utf-8")
    recipe = load(str(tmp_path / "own.yaml"))
    assert recipe.network.name in REGISTRY
    assert recipe.fitting.choose_by == "mAP"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mine\.yaml: no such file, and no recipe of this name ships; those are .*tiny-reid"):
        load("mine.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(RecipeError, match="expected fields such as `task: reid`"):
        load(str(tmp_path / "list.yaml"))
    with pytest.raises(RecipeError, match="the environment variable DATA is not set"):
        load_recipe("tiny-reid", AppearanceRecipe, variables={})


def test_what_counts_leaves_out_what_changes_no_result() -> None:
    one = load("tiny-reid")
    same = load(
        "tiny-reid", **{"fitting.workers": 3, "fitting.device": "cpu", "fitting.checkpoint_every": 99, "description": "x"}
    )
    assert one.what_counts() == same.what_counts()
    assert one.what_counts() != load("tiny-reid", **{"fitting.seed": 4}).what_counts()
