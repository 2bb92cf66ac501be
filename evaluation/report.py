"""Reports for people: text, tables and pictures, as Markdown or as one HTML file."""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from evaluation.plot import PLOT_STYLE, standalone

__all__ = ["Block", "Cell", "Picture", "Plot", "Report", "Table"]

Cell: TypeAlias = str | int | float

_CODE = re.compile(r"`([^`]+)`")

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --faint: #5f5f66; --line: #d8d8dc; --page: #fff; --card: #f6f6f8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --faint: #a2a2ab; --line: #3a3a42; --page: #18181b; --card: #212126 }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: var(--ink);
  background: var(--page) }
h1 { font-size: 1.6rem; margin: 0 0 1rem }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line) }
p { max-width: 52rem }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem; text-align: right; white-space: nowrap }
th { color: var(--faint); font-weight: 600 }
th:first-child, td:first-child { text-align: left }
tr:hover td { background: var(--card) }
figure { margin: 1.5rem 0 }
figcaption { color: var(--faint) }
code { font: .92em ui-monospace, monospace; background: var(--card); padding: .05em .3em; border-radius: 3px }
img { max-width: 100%; height: auto; border-radius: 3px }
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of equal length under a header; numbers are shown with four digits after the point, NaN as nothing."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG with a line of text below."""

    name: str
    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of `evaluation.plot` with a line of text below."""

    name: str
    caption: str
    svg: str


Block: TypeAlias = str | Table | Picture | Plot
"""What a section is made of; a string is a paragraph."""


@dataclass(frozen=True, slots=True)
class Report:
    """A title, what stands under it, and sections with headings of their own."""

    title: str
    opening: Sequence[Block]
    sections: Sequence[tuple[str, Sequence[Block]]] = ()

    def pictures(self) -> list[Picture]:
        """All pictures, in their order."""
        return [block for block in self._blocks() if isinstance(block, Picture)]

    def files(self) -> dict[str, bytes]:
        """The files that a report with addresses needs beside it: pictures and plots, by their names."""
        pictures = {picture.name: picture.jpeg for picture in self.pictures()}
        plots = (block for block in self._blocks() if isinstance(block, Plot))
        return pictures | {plot.name: standalone(plot.svg).encode() for plot in plots}

    def to_markdown(self, address: Callable[[str], str] | None = None) -> str:
        """The report as Markdown.

        Args:
            address: Where one of `files` is, relative to the report; None: pictures and plots are left out.
        """

        def written(block: Block) -> str:
            if isinstance(block, Table):
                return _markdown_table(block)
            if isinstance(block, (Picture, Plot)):
                return "" if address is None else f"![{block.caption}]({address(block.name)})\n\n*{block.caption}*"
            return block

        parts = [f"# {self.title}", *map(written, self.opening)]
        for heading, blocks in self.sections:
            shown = [text for text in map(written, blocks) if text]
            parts += [f"## {heading}", *shown] if shown else []
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """The report as one HTML file, pictures and plots inside."""
        title = html.escape(self.title)
        parts = [f"<h1>{title}</h1>", *map(_html, self.opening)]
        for heading, blocks in self.sections:
            parts += [f"<h2>{html.escape(heading)}</h2>", *map(_html, blocks)]
        body = "\n".join(parts)
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<style>{_STYLE}{PLOT_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
        )

    def _blocks(self) -> list[Block]:
        return [*self.opening, *(block for _, section in self.sections for block in section)]


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.4f}"
    return str(cell)


def _marked(text: str) -> str:
    """Text for HTML, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", html.escape(text))


def _markdown_table(table: Table) -> str:
    lines = [table.header, ["---", *["--:"] * (len(table.header) - 1)], *([_text(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _html(block: Block) -> str:
    if isinstance(block, Table):
        header = "".join(f"<th>{_marked(cell)}</th>" for cell in block.header)
        rows = "\n".join(f"<tr>{''.join(f'<td>{_marked(_text(cell))}</td>' for cell in row)}</tr>" for row in block.rows)
        return f'<div class="wide"><table>\n<tr>{header}</tr>\n{rows}\n</table></div>'
    if isinstance(block, Plot):
        return f"<figure>{block.svg}<figcaption>{html.escape(block.caption)}</figcaption></figure>"
    if isinstance(block, Picture):
        data, caption = base64.b64encode(block.jpeg).decode(), html.escape(block.caption)
        image = f'<img alt="{caption}" src="data:image/jpeg;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    return f"<p>{_marked(block)}</p>"
