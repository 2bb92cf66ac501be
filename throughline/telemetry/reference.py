"""Generates ``docs/reference/metrics.md``: ``python -m throughline.telemetry.reference``; a test holds it to the code."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from throughline.telemetry.metrics import Metrics

__all__ = ["metrics_page"]

_HEAD = """# Metrics

Every process serves these at `/metrics`, on `telemetry.host` and `telemetry.port` of the site file, with those of the process
itself (`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds` ...). Names, units and labels are an
interface: they change only with a new major version. Counters and histograms are cumulative: use `rate()`. Labels with a
rare value appear with its first occurrence. This page is generated from the code.
"""


def metrics_page() -> str:
    """The page, in Markdown."""
    lines = [_HEAD]
    for part, instruments in groupby(Metrics().instruments, key=lambda instrument: instrument.part):
        lines += [f"## {part[:1].upper()}{part[1:]}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]
        for instrument in instruments:
            labels = ", ".join(f"`{label}`" for label in instrument.labels) or "-"
            lines.append(f"| `{instrument.name}` | {instrument.kind} | {labels} | {instrument.text} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"
    page.write_text(metrics_page(), encoding="utf-8")
