"""Builds tracklet records, one camera's account of one vehicle's passage, from tracks and frames."""

from streams.tracklets.builder import TrackletBuilder
from streams.tracklets.observation import Crop, Effort, Observation, Shot

__all__ = ["Crop", "Effort", "Observation", "Shot", "TrackletBuilder"]
