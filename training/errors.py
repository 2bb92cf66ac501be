"""What goes wrong in fitting, in words for its user."""

from __future__ import annotations

__all__ = ["DataError", "FittingError", "RecipeError", "TrainingError"]


class TrainingError(Exception):
    """A network cannot be fitted; the text says why, where, and what to do."""


class RecipeError(TrainingError, ValueError):
    """A recipe that cannot be used."""


class DataError(TrainingError, ValueError):
    """Training data that cannot be used."""


class FittingError(TrainingError, RuntimeError):
    """Fitting went astray, such as into a loss that is no number."""
