"""Requests of all cameras through one engine on a GPU: joined into passes, cameras taking turns."""

from inference.batching.joined_passes import JoinedPasses
from inference.batching.planner import PassPlanner

__all__ = ["JoinedPasses", "PassPlanner"]
