"""Tracklets in, match events out: topology, gates, evidence, assignment, identities."""
