"""Recipes as YAML files: those that ship, and the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from throughline.settings._yaml import SiteFileError, environment, explain, read_yaml
from training.errors import RecipeError
from training.settings import Recipe

__all__ = ["RECIPES", "AnyRecipe", "load_recipe", "recipe_kind", "shipped_recipes"]

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
RECIPES = Path(__file__).parent / "recipes"
_REFERENCE = "docs/reference/recipes.md"


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_kind(name: str) -> str:
    """What a shipped recipe is for: the KIND of ``throughline train``."""
    data = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    return str(data.get("task", "detector"))


def load_recipe(
    name: str,
    model: type[AnyRecipe],
    *,
    overrides: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> AnyRecipe:
    """Reads and validates a recipe; ``${VARIABLE}`` and ``${VARIABLE:-default}`` in it are filled in.

    Args:
        name: Path of a file, or name of a shipped recipe.
        model: What kind it must be.
        overrides: ``field.inner=value`` each, the value in YAML; lists by number, as in ``data.training.0.path=/sets/veri``.
        variables: Values of the variables; default: the environment.

    Raises:
        RecipeError: it cannot be used; a line for each problem with file, line, field and what was expected.
    """
    path = _locate(name)
    try:
        text = path.read_text(encoding="utf-8")
        data, lines = read_yaml(text, str(path), environment() if variables is None else variables)
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from error
    except SiteFileError as error:
        raise RecipeError(str(error)) from error
    if not isinstance(data, dict):
        raise RecipeError(f"{path}:1: expected fields such as `task: reid` and `fitting:`")
    for override in overrides:
        _override(data, override)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RecipeError(explain(error, str(path), lines, _REFERENCE)) from None


def _locate(name: str) -> Path:
    if name in shipped_recipes():
        return RECIPES / f"{name}.yaml"
    path = Path(name)
    if not path.is_file():
        raise RecipeError(f"{name}: no such file, and no recipe of this name ships; those are {', '.join(shipped_recipes())}")
    return path


def _override(data: dict[str, Any], override: str) -> None:
    field, equals, text = override.partition("=")
    if not equals or not field:
        raise RecipeError(f"{override}: expected a field and its value, such as fitting.steps=2000")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{override}: the value is not valid YAML") from error
    *path, last = field.split(".")
    inner: Any = data
    for name in path:
        inner = inner.setdefault(name, {}) if isinstance(inner, dict) else _item(inner, name, field)
    if isinstance(inner, dict):
        inner[last] = value
    else:
        _item(inner, last, field)
        inner[int(last)] = value


def _item(values: Any, name: str, field: str) -> Any:
    if not isinstance(values, list) or not name.isdecimal() or int(name) >= len(values):
        raise RecipeError(f"{field}: the recipe has nothing at {name}")
    return values[int(name)]
