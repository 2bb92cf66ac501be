"""Fitting networks that look at one crop: re-identification, type, colour, orientation, alone or together."""

from training.appearance.recipe import AppearanceRecipe
from training.appearance.task import AppearanceTask

__all__ = ["AppearanceRecipe", "AppearanceTask"]
