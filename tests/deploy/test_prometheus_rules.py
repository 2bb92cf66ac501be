from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from throughline.telemetry.metrics import Metrics


@pytest.fixture(scope="session")
def alerts(rules: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = [rule for rule in rules if "alert" in rule]
    by_name = {rule["alert"]: rule for rule in found}
    assert len(by_name) == len(found) > 20
    return by_name


def run(*arguments: str, cwd: Path, stdin: bytes | None = None) -> str:
    result = subprocess.run(arguments, cwd=cwd, input=stdin, capture_output=True, timeout=300, check=False)
    output = (result.stdout + result.stderr).decode()
    assert result.returncode == 0, output
    return output


@pytest.mark.prometheus
def test_configuration_and_rules_are_valid(promtool: str, deploy: Path) -> None:
    output = run(promtool, "check", "config", "prometheus.yml", cwd=deploy / "prometheus")
    assert "2 rule files found" in output
    run(
        promtool,
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        "rules/alerts.yml",
        "rules/recording.yml",
        cwd=deploy / "prometheus",
    )


@pytest.mark.prometheus
def test_alerts_fire_when_they_should_and_only_then(promtool: str, deploy: Path) -> None:
    files = sorted(path.name for path in (deploy / "prometheus" / "tests").glob("*.yml"))
    output = run(promtool, "test", "rules", *files, cwd=deploy / "prometheus" / "tests")
    assert output.count("SUCCESS") == len(files)


@pytest.mark.prometheus
def test_metrics_keep_to_the_conventions(promtool: str, deploy: Path, metrics: Metrics) -> None:
    run(promtool, "check", "metrics", cwd=deploy, stdin=metrics.exposition())


def test_every_alert_has_a_test_that_fires_and_one_that_does_not(deploy: Path, alerts: dict[str, dict[str, Any]]) -> None:
    tested: dict[str, list[dict[str, Any]]] = {}
    for file in (deploy / "prometheus" / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            assert test["name"] not in tested
            tested[test["name"]] = test["promql_expr_test"]
    assert tested.keys() == alerts.keys()
    for name, cases in tested.items():
        assert all(f'alertname="{name}"' in case["expr"] for case in cases), name
        fired = [sample["labels"] for case in cases for sample in case["exp_samples"]]
        assert fired, name
        assert any(case["exp_samples"] == [] for case in cases), name
        # Texts may only speak of labels that the alert really has.
        labels = set.intersection(*(set(re.findall(r"(\w+)=", text)) for text in fired))
        spoken = set(re.findall(r"\$labels\.(\w+)", " ".join(alerts[name]["annotations"].values())))
        assert spoken <= labels, name


def test_alerts_look_for_label_values_that_are_set(rules: list[dict[str, Any]], metrics: Metrics) -> None:
    texts = {instrument.name: instrument.text for instrument in metrics.instruments}
    looked_for = [
        (name, value)
        for rule in rules
        for name, selector in re.findall(r"(throughline_\w+)\{([^}]*)\}", rule["expr"])
        for choice in re.findall(r'=~?"([^"]+)"', selector)
        for value in choice.split("|")
    ]
    assert len(looked_for) > 10
    for name, value in looked_for:
        assert f"'{value}'" in texts[re.sub("_(bucket|sum|count)$", "", name)], (name, value)


def test_every_alert_says_what_to_do_and_has_its_section(docs: Path, alerts: dict[str, dict[str, Any]]) -> None:
    page = (docs / "how-to" / "alerts.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert sorted(sections) == sorted(alerts)
    for name, alert in alerts.items():
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert alert["annotations"].keys() == {"summary", "description", "runbook"}, name
        assert alert["annotations"]["runbook"] == f"docs/how-to/alerts.md#{name.lower()}"
        assert len(alert["annotations"]["description"]) > 40, name


def test_settings_that_alerts_speak_of_exist(docs: Path, alerts: dict[str, dict[str, Any]]) -> None:
    reference = (docs / "reference" / "site-file.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^## (\S+)$", reference, re.MULTILINE))
    page = (docs / "how-to" / "alerts.md").read_text(encoding="utf-8")
    texts = page + " ".join(alert["annotations"]["description"] for alert in alerts.values())
    settings = set(re.findall(r"`(kafka|streams|tracking|matching|telemetry|models)\.(\w+)`", texts))
    assert settings
    for section, field in settings:
        assert section in headings
        body = reference.split(f"\n## {section}\n")[1].split("\n## ")[0]
        assert f"| `{field}` |" in body, f"{section}.{field}"
