"""The loop that fits any network: steps, rates, precision, averages, curves, checkpoints."""

from training.loop.curves import TENSORBOARD
from training.loop.fit import BEST, CHECKPOINT, LAST, Fitted, fit
from training.loop.task import Task

__all__ = ["BEST", "CHECKPOINT", "LAST", "TENSORBOARD", "Fitted", "Task", "fit"]
