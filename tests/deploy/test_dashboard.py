from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.promql import grouping_labels, metric_names, panels, plain_query
from throughline.telemetry.metrics import Metrics

TARGET_LABELS = {"job", "instance", "site"}  # added by Prometheus


@pytest.fixture(scope="session")
def expressions(dashboard: dict[str, Any]) -> list[str]:
    found = [target["expr"] for panel in panels(dashboard) for target in panel.get("targets", ())]
    assert len(found) > 40
    return found + [annotation["expr"] for annotation in dashboard["annotations"]["list"]]


def test_panels_have_ids_titles_and_descriptions_of_their_own(dashboard: dict[str, Any]) -> None:
    assert max(Counter(panel["id"] for panel in panels(dashboard)).values()) == 1
    shown = [panel for panel in panels(dashboard) if panel["type"] != "row"]
    assert all(panel["title"] and len(panel["description"]) > 10 for panel in shown)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in shown)


def test_panels_lie_side_by_side(dashboard: dict[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= 24
        assert at["h"] >= 1
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert taken.setdefault(cell, panel["title"]) == panel["title"], (cell, taken[cell], panel["title"])
    height = max(y for _, y in taken) + 1
    assert {y for _, y in taken} == set(range(height))  # no empty stripes


def test_everything_is_asked_of_the_chosen_datasource(dashboard: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(dashboard):
        if panel["type"] != "row":
            assert panel["datasource"] == chosen, panel["title"]
            assert all(target["datasource"] == chosen for target in panel["targets"]), panel["title"]
            assert max(Counter(target["refId"] for target in panel["targets"]).values()) == 1, panel["title"]
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert list(variables) == ["datasource", "site", "camera"]
    assert variables["datasource"]["type"] == "datasource"
    assert all(variables[name]["datasource"] == chosen for name in ("site", "camera"))
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["uid"] == "throughline"


def test_legends_name_labels_that_the_query_leaves(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            if "by (" in target["expr"]:
                assert wanted <= grouping_labels(target["expr"]), (panel["title"], target["expr"])


def test_every_metric_and_label_exists(expressions: list[str], rules: list[dict[str, Any]], metrics: Metrics) -> None:
    samples = [sample for family in text_string_to_metric_families(metrics.exposition().decode()) for sample in family.samples]
    labels: dict[str, set[str]] = {}
    for sample in samples:
        labels.setdefault(sample.name, set()).update(sample.labels)
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for expression in expressions + [rule["expr"] for rule in rules]:
        names = metric_names(expression)
        assert names, expression
        assert names <= labels.keys() | recorded | {"ALERTS", "up"}, expression
        measured = [labels[name] for name in names if name in labels]
        if measured:
            assert grouping_labels(expression) <= set.union(*measured) | TARGET_LABELS, expression


def test_what_matters_is_on_the_dashboard(expressions: list[str], rules: list[dict[str, Any]], metrics: Metrics) -> None:
    shown = {name for expression in expressions for name in metric_names(expression)}
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert {instrument.name for instrument in metrics.instruments} <= stems


@pytest.mark.prometheus
def test_promtool_accepts_every_query(promtool: str, expressions: list[str], tmp_path: Path) -> None:
    rules = [{"record": f"query:number_{number}", "expr": plain_query(text)} for number, text in enumerate(expressions)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    result = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr + result.stdout
    assert f"{len(rules)} rules found" in result.stdout
