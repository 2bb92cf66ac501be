"""Reports for people: text, tables and pictures, as Markdown or as one HTML file."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Block", "Cell", "Picture", "Report", "Table"]

Cell: TypeAlias = str | int | float

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c1c1e }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border-bottom: 1px solid #d8d8dc; padding: .25rem .75rem; text-align: right }
th:first-child, td:first-child { text-align: left }
figure { margin: 1.5rem 0 }
figcaption { color: #5f5f66 }
img { max-width: 100%; height: auto }
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


Block: TypeAlias = str | Table | Picture
"""What a section is made of; a string is a paragraph."""


@dataclass(frozen=True, slots=True)
class Report:
    """A title, what stands under it, and sections with headings of their own."""

    title: str
    opening: Sequence[Block]
    sections: Sequence[tuple[str, Sequence[Block]]] = ()

    def pictures(self) -> list[Picture]:
        """All pictures, in their order."""
        blocks = [*self.opening, *(block for _, section in self.sections for block in section)]
        return [block for block in blocks if isinstance(block, Picture)]

    def to_markdown(self, address: Callable[[Picture], str] | None = None) -> str:
        """The report as Markdown.

        Args:
            address: Where a picture's file is, relative to the report; None: pictures are left out.
        """

        def written(block: Block) -> str:
            if isinstance(block, Table):
                return _markdown_table(block)
            if isinstance(block, Picture):
                return "" if address is None else f"![{block.caption}]({address(block)})\n\n*{block.caption}*"
            return block

        parts = [f"# {self.title}", *map(written, self.opening)]
        for heading, blocks in self.sections:
            shown = [text for text in map(written, blocks) if text]
            parts += [f"## {heading}", *shown] if shown else []
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """The report as one HTML file, pictures inside."""
        title = html.escape(self.title)
        parts = [f"<h1>{title}</h1>", *map(_html, self.opening)]
        for heading, blocks in self.sections:
            parts += [f"<h2>{html.escape(heading)}</h2>", *map(_html, blocks)]
        body = "\n".join(parts)
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
        )


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.4f}"
    return str(cell)


def _markdown_table(table: Table) -> str:
    lines = [table.header, ["---", *["--:"] * (len(table.header) - 1)], *([_text(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _html(block: Block) -> str:
    if isinstance(block, Table):
        header = "".join(f"<th>{html.escape(cell)}</th>" for cell in block.header)
        rows = "\n".join(f"<tr>{''.join(f'<td>{html.escape(_text(cell))}</td>' for cell in row)}</tr>" for row in block.rows)
        return f"<table>\n<tr>{header}</tr>\n{rows}\n</table>"
    if isinstance(block, Picture):
        data, caption = base64.b64encode(block.jpeg).decode(), html.escape(block.caption)
        image = f'<img alt="{caption}" src="data:image/jpeg;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    return f"<p>{html.escape(block)}</p>"
