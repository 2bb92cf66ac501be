"""The result as tables in Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from benchmarks.gpu.lines import Figure, Line

__all__ = ["TABLES", "as_json", "as_markdown", "with_ratios"]

TABLES = {
    "machine": "What is here",
    "engines": "Engines, against ONNX Runtime on the CPU in 32 bits",
    "speed": "Networks: pictures a second, input and output on the GPU",
    "pixels": "What is done to pictures",
    "decoding": "Decoding 1080p H.264",
    "gallery": "Searching a gallery: the ten most alike, milliseconds for a call",
    "pipeline": "The whole pipeline: live 1080p streams",
}
"""Title of each table, in their order."""
_EAGER, _GRAPHS = "torch", "torch, CUDA graphs"
_BATCH, _RATIO = "batch ", "times"


def as_markdown(lines: Sequence[Line]) -> str:
    """All tables that have a line."""
    parts = []
    for table, title in TABLES.items():
        rows = [line for line in with_ratios(lines) if line.table == table]
        if rows:
            parts.append(f"## {title}\n\n{_table(rows)}")
    return "\n\n".join(parts)


def as_json(lines: Sequence[Line], seconds: float) -> str:
    """One JSON object: ``seconds`` it took, number of ``wrong`` lines, ``lines``."""
    wrong = sum(line.state == "wrong" for line in lines)
    return json.dumps({"seconds": round(seconds, 1), "wrong": wrong, "lines": [asdict(line) for line in lines]}, indent=1)


def with_ratios(lines: Sequence[Line]) -> list[Line]:
    """The lines, those of speeds with their ratios to torch on the same network: what eight bits are set beside is 16."""
    speeds = {
        tuple(line.labels.get(key) for key in ("network", "precision", "engine")): line for line in lines if line.table == "speed"
    }
    return [_with_ratios(line, speeds) if line.table == "speed" and line.state == "ok" else line for line in lines]


def _with_ratios(line: Line, speeds: dict[tuple[str | None, ...], Line]) -> Line:
    precision = "float16" if line.labels.get("precision") == "int8" else line.labels.get("precision")
    ratios: dict[str, Figure] = {}
    for base in (_EAGER, _GRAPHS):
        other = speeds.get((line.labels.get("network"), precision, base))
        if other is None or other.state != "ok" or other is line:
            continue
        found = [
            f"{figure / divisor:.2f}"
            for name, figure in line.figures.items()
            if name.startswith(_BATCH)
            and isinstance(figure, float)
            and isinstance(divisor := other.figures.get(name), float)
            and divisor > 0
        ]
        if found:
            ratios[f"{_RATIO} {base}, by batch"] = " / ".join(found)
    return replace(line, figures={**line.figures, **ratios})


def _table(rows: Sequence[Line]) -> str:
    lines = _aligned(rows)
    labels = _union(line.labels for line in lines)
    figures = sorted(_union(line.figures for line in lines), key=lambda name: name.startswith(_RATIO))
    notes = ["note"] if any(line.note for line in lines) else []
    cells = [
        [
            *(line.labels.get(name, "") for name in labels),
            f"**{line.state}**" if line.state == "wrong" else line.state,
            *(_shown(line.figures.get(name, "")) for name in figures),
            *([line.note] if notes else []),
        ]
        for line in lines
    ]
    sides = ["---"] * (len(labels) + 1) + ["--:"] * len(figures) + ["---"] * len(notes)
    return "\n".join(_row(row) for row in ([*labels, "state", *figures, *notes], sides, *cells))


def _aligned(lines: Sequence[Line]) -> list[Line]:
    """What is told of a whole section goes into the first column, whatever that is called."""
    first = next((next(iter(line.labels)) for line in lines if "what" not in line.labels), "what")
    return [replace(line, labels={first: line.labels["what"]}) if "what" in line.labels else line for line in lines]


def _union(names: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for some in names for name in some))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _shown(figure: Figure) -> str:
    if isinstance(figure, str):
        return figure
    if figure == 0 or abs(figure) >= 1000:
        return f"{figure:.0f}"
    return f"{figure:.4g}" if abs(figure) >= 0.001 else f"{figure:.1e}"
