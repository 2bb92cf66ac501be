"""Follows vehicles within one camera's view: a pure function of detections and capture times."""

from streams.tracker.tracker import TimeNotAdvancingError, Tracker

__all__ = ["TimeNotAdvancingError", "Tracker"]
