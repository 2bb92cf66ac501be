"""What the tests of ``deploy/`` share: the files, metrics with every label, and Prometheus' programs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.filled_metrics import filled_metrics
from throughline.telemetry.metrics import Metrics

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def deploy() -> Path:
    return REPOSITORY / "deploy"


@pytest.fixture(scope="session")
def docs() -> Path:
    return REPOSITORY / "docs"


@pytest.fixture(scope="session")
def dashboard(deploy: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((deploy / "grafana" / "dashboards" / "throughline.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def rules(deploy: Path) -> list[dict[str, Any]]:
    """All rules of all files, alerts and recorded ones."""
    files = sorted((deploy / "prometheus" / "rules").glob("*.yml"))
    return [
        rule for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
    ]


@pytest.fixture
def metrics() -> Metrics:
    return filled_metrics()


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed (Debian, Ubuntu: apt-get install prometheus)"
        if os.environ.get("THROUGHLINE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return _program("prometheus")
