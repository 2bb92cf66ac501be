"""The recipes of the reference system's networks, each for two steps, with a small backbone on small drawn pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from training.appearance import AppearanceRecipe, AppearanceTask
from training.keypoints import KeyPointRecipe, KeyPointTask
from training.loop import fit
from training.loop.curves import read_curve
from training.recipe_file import RECIPES, load_recipe, shipped_recipes

LARGE = [name for name in shipped_recipes() if not name.startswith(("tiny-", "default-")) and name != "keypoints"]
TERMS = {
    "reid-resnet101": {"identity", "triplet"},
    "reid-se-resnext101": {"identity", "triplet"},
    "reid-se-resnet152": {"identity", "triplet"},
    "reid-sac-resnet50": {"identity", "attention"},
    "reid-sac-resnet101": {"identity", "attention"},
    "reid-mgn-resnet101": {"identity"},
    "reid-hrnet-w32": {"identity"},
    "reid-key-point-se-resnext101": {"identity", "triplet"},
    "type": {"identity", "triplet", "type"},
    "attributes": {"identity", "triplet", "colour", "type", "roof", "window", "logo"},
    "colour": {"colour"},
    "orientation": {"orientation"},
}
SHORT = {"steps": 2, "validate_every": 2, "validate_from": 0, "workers": 0, "device": "cpu", "threads": 1, "precision": "float32"}
DRAWN = {"colour": ["red", "green", "blue", "white"], "type": ["car", "truck"], "logo": ["0", "1", "2", "3"]}


def test_every_large_recipe_is_tried() -> None:
    assert sorted(TERMS) == sorted(LARGE)


@pytest.mark.parametrize("name", TERMS)
def test_two_steps(name: str, drawn_sets: Path, tmp_path: Path) -> None:
    data = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    options = data["network"]["options"]
    options |= {"pretrained": False, "backbone": "test_efficientnet", "input_size": [48, 64]}
    if "key_point_weights" in options:
        del options["key_point_weights"]
        options |= {"key_point_backbone": "test_efficientnet", "key_point_input_size": [32, 32]}
    source = {"layout": "crops", "path": str(drawn_sets / "train")}
    data["data"]["training"] = [source]
    data["data"]["validation"]["query"] = [{**source, "path": str(drawn_sets / "test")}]
    data["sampling"] |= {"batch": 6} if data["sampling"]["kind"] == "shuffled" else {"identities": 3, "images": 2}
    if "stretch" in data["augmentation"]:
        data["augmentation"]["stretch"] = [54, 72]
    for attribute, classes in DRAWN.items():
        if attribute in data.get("attributes", {}):
            data["attributes"][attribute]["classes"] = classes
    if "window" in data.get("attributes", {}):
        data["attributes"]["window"]["column"] = "roof"  # the drawn vehicles have no windows
    data["fitting"] |= SHORT
    data["fitting"]["schedule"] |= {"warm_up": {"steps": 1}, "milestones": []}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    recipe = load_recipe(str(path), AppearanceRecipe)
    fitted = fit(AppearanceTask(recipe), recipe, tmp_path)
    assert fitted.best_step == 2
    assert fitted.figures[str(recipe.fitting.choose_by)] >= 0
    (row,) = read_curve(tmp_path / "training.csv")
    assert set(row) == {"step", "rate", "loss", *TERMS[name]}
    assert all(row[term] > 0 for term in TERMS[name])


def test_two_steps_of_key_points(drawn_sets: Path, tmp_path: Path) -> None:
    overrides = [
        f"data={{training: [{{path: {drawn_sets / 'train'}, annotation: points.txt}}]}}",
        "network.options={backbone: test_efficientnet, input_size: [64, 64], filters: 8}",
        "batch=4",
        "fitting.choose_by=null",
        "fitting.schedule.milestones=[]",
        *(f"fitting.{key}={value}" for key, value in SHORT.items()),
    ]
    recipe = load_recipe("keypoints", KeyPointRecipe, overrides=overrides, variables={"DATA": "/unused"})
    fitted = fit(KeyPointTask(recipe), recipe, tmp_path)
    assert fitted.complete
    assert fitted.figures == {}
    assert fitted.weights == tmp_path / "last.pt"
    assert read_curve(tmp_path / "training.csv")[0]["heatmaps"] > 0
