"""Reads what PromQL expressions of this repository mention. It relies on our naming, and is no parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["grouping_labels", "metric_names", "panels", "plain_query"]

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"\b(?:throughline|process)_[a-z0-9_]+|\b[a-z_]+:[a-z0-9_:]+|\bALERTS\b|\bup\b")
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")


def metric_names(expression: str) -> set[str]:
    """Metrics and recorded series in an expression."""
    return set(_NAME.findall(_GROUPING.sub("", _TEXT.sub('""', expression))))


def grouping_labels(expression: str) -> set[str]:
    """Labels that an expression groups or matches by."""
    return {label.strip() for group in _GROUPING.findall(_TEXT.sub('""', expression)) for label in group.split(",")}


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel of a Grafana dashboard, those inside rows included."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def plain_query(expression: str) -> str:
    """An expression of a dashboard as Grafana would send it, with all sites and cameras chosen."""
    for variable, value in (("$__rate_interval", "20s"), ("$__range", "5m"), ("$site", ".*"), ("$camera", ".*")):
        expression = expression.replace(variable, value)
    return expression
