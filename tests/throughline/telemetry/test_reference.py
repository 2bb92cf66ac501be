from __future__ import annotations

from pathlib import Path

from throughline.telemetry.metrics import Metrics
from throughline.telemetry.reference import metrics_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == metrics_page(), "run: python -m throughline.telemetry.reference"


def test_instruments_are_what_the_registry_serves() -> None:
    metrics = Metrics()
    families = {family.name for family in metrics.registry.collect() if family.name.startswith("throughline_")}
    assert families == {instrument.name.removesuffix("_total") for instrument in metrics.instruments}
