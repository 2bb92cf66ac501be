"""Fitting the key-point detector: annotated pictures, targets, task."""

from training.keypoints.recipe import KeyPointRecipe
from training.keypoints.task import KeyPointTask

__all__ = ["KeyPointRecipe", "KeyPointTask"]
