"""Tracklets in, match events out: topology, gates, evidence, assignment, identities."""

from matcher.engine import Matcher
from matcher.statistics import Statistics

__all__ = ["Matcher", "Statistics"]
