"""Generates ``docs/reference/recipes.md`` from the recipes and their models: ``python -m training._reference``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from throughline.schemas import section_tables
from training.appearance import AppearanceRecipe
from training.detection.recipe import DetectorRecipe
from training.keypoints import KeyPointRecipe
from training.recipe_file import load_recipe, recipe_kind, shipped_recipes
from training.settings import FittingSettings, Recipe

__all__ = ["generate"]

_KINDS: tuple[tuple[str, str, type[Recipe]], ...] = (
    ("Crops", "`throughline train reid|type|colour|orientation`: networks that look at one crop.", AppearanceRecipe),
    ("Key points", "`throughline train keypoints`.", KeyPointRecipe),
    ("Detectors", "`throughline train detector`.", DetectorRecipe),
)
_MODELS: dict[str, type[Recipe]] = {"keypoints": KeyPointRecipe, "detector": DetectorRecipe}
_ANY_VALUE = dict.fromkeys(("DATA", "KEY_POINTS", "EMBEDDER"), "x")


def generate() -> str:
    """The page: the recipes that ship, and every field."""
    lines = [
        "# Recipes",
        "",
        "A recipe is a YAML file that says how a network is fitted; [how to train networks](../how-to/train-networks.md) shows",
        "its use. `${NAME}` is replaced by an environment variable, `${NAME:-text}` has a default. An error names file, line and",
        "field. A kind of section that stands in several places is described where it comes first. This page is generated from",
        "the code.",
        "",
        "## Those that ship",
        "",
        "| recipe | command | what comes of it |",
        "|---|---|---|",
    ]
    for name in shipped_recipes():
        kind = recipe_kind(name)
        model = _MODELS.get(kind, AppearanceRecipe)
        recipe = load_recipe(name, model, variables=_ANY_VALUE)
        lines.append(f"| `{name}` | `train {kind}` | {recipe.description.strip()} |")
    lines += ["", "## Fitting", "", "The section `fitting` of every recipe.", ""]
    lines += _tables(FittingSettings, drop=())
    for heading, text, model in _KINDS:
        lines += [f"## {heading}", "", text, "", *_tables(model, drop=("fitting",))]
    return "\n".join(lines)


def _tables(model: type[BaseModel], drop: tuple[str, ...]) -> list[str]:
    schema = model.model_json_schema()
    for name in drop:
        del schema["properties"][name]
    return section_tables(schema, level=3, once=True)


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[1] / "docs" / "reference" / "recipes.md"
    page.write_text(generate(), encoding="utf-8")
