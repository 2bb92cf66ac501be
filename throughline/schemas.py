"""Generates the reference pages that follow from the code: JSON Schemas, the AsyncAPI page and the site file's fields.

``python -m throughline.schemas`` writes them below ``docs/reference``; a test holds them to the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from throughline import __version__
from throughline.messages import SCHEMAS, DecisionTrace
from throughline.settings import site_json_schema

__all__ = ["generate", "section_tables", "write"]

_TOPICS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "tracklets": (
        "site",
        "application/msgpack",
        "Everything the matcher decides from, in one order per site.",
        ("tracklet/1", "progress/1", "correction/1", "watch/1"),
    ),
    "matches": ("site", "application/json", "Match events, with a sequence number per site.", ("match/1",)),
    "cameras": ("site/camera", "application/json", "Status of each camera, for people; compacted.", ("camera/1",)),
}

_SIMPLE_TYPES = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}


def generate() -> dict[str, str]:
    """The text of each generated page, by its path below ``docs/reference``."""
    pages = {"schemas/site.schema.json": _json(site_json_schema()), "site-file.md": _site_page(), "asyncapi.yaml": _asyncapi()}
    for struct, name in (*SCHEMAS.items(), (DecisionTrace, "decision-trace/1")):
        pages[f"schemas/{name.replace('/', '-')}.schema.json"] = _json(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(struct)}
        )
    return pages


def write(folder: Path) -> None:
    """Writes every generated page below ``folder``."""
    for name, text in generate().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _asyncapi() -> str:
    messages = {
        name.replace("/", "-"): {
            "name": name,
            "contentType": next(content for _, content, _, names in _TOPICS.values() if name in names),
            "headers": {
                "type": "object",
                "properties": {
                    "schema": {"const": name},
                    "content-type": {"type": "string"},
                    "traceparent": {"type": "string", "description": "W3C trace context, when tracing is on."},
                },
                "required": ["schema", "content-type"],
            },
            "payload": {"$ref": f"schemas/{name.replace('/', '-')}.schema.json"},
        }
        for name in SCHEMAS.values()
    }
    channels = {
        topic: {
            "address": f"throughline.{topic}",
            "description": f"{text} Record key: {key}.",
            "messages": {name.replace("/", "-"): {"$ref": f"#/components/messages/{name.replace('/', '-')}"} for name in names},
        }
        for topic, (key, _, text, names) in _TOPICS.items()
    }
    page = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Throughline on Kafka",
            "version": __version__,
            "description": "The prefix `throughline` is `kafka.prefix` of the site file.",
        },
        "channels": channels,
        "components": {"messages": messages},
    }
    return yaml.safe_dump(page, sort_keys=False, allow_unicode=True, width=120)


def _site_page() -> str:
    schema = site_json_schema()
    lines = [
        "# The site file",
        "",
        "One YAML file configures a site. `throughline check SITE` validates it; an error names file, line and field.",
        "Editors can use the [JSON Schema](schemas/site.schema.json). `${NAME}` is replaced by an environment variable,",
        "`${NAME:-text}` has a default: keep secrets there. A duration is a number of seconds, or a text such as `30s`,",
        "`500ms`, `2m`. This page is generated from the code.",
        "",
    ]
    return "\n".join([*lines, *section_tables(schema)])


def section_tables(schema: dict[str, Any], *, level: int = 2, once: bool = False) -> list[str]:
    """Lines of Markdown: a heading and a table of fields for a settings' JSON Schema, and for each section inside it.

    Args:
        schema: As pydantic generates it.
        level: Of the headings.
        once: Describe a kind of section only where it comes first.
    """
    lines: list[str] = []
    described: set[str] = set()
    for heading, section in _sections(schema, schema["$defs"], ""):
        if once and section["title"] in described:
            continue
        described.add(section["title"])
        required = section.get("required", ())
        lines += [f"{'#' * level} {heading or 'Top level'}", "", section["description"].splitlines()[0], ""]
        lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
        for name, field in section["properties"].items():
            default = "required" if name in required else _default(field.get("default"))
            lines.append(f"| `{name}` | {_cell(_type(field))} | {default} | {_cell(field.get('description', ''))} |")
        lines.append("")
    return lines


def _sections(section: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = next((f" ({name}: {field['const']})" for name, field in section["properties"].items() if "const" in field), "")
    yield f"{path}{kind}" if path else "", section
    for name, field in section["properties"].items():
        for suffix, inner in _references(field):
            yield from _sections(definitions[inner], definitions, f"{path}.{name}{suffix}".lstrip("."))


def _references(field: dict[str, Any], suffix: str = "") -> Iterator[tuple[str, str]]:
    if "$ref" in field:
        yield suffix, field["$ref"].rpartition("/")[2]
    for option in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from _references(option, suffix)
    if field.get("type") == "array" and "items" in field:
        yield from _references(field["items"], suffix + "[]")
    if isinstance(field.get("additionalProperties"), dict):
        yield from _references(field["additionalProperties"], suffix + ".NAME")


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return "section"
    if field.get("title") == "polygon":
        return "polygon"
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "oneOf" in field:
        return "section"
    if options := [_type(option) for option in field.get("anyOf", ()) if option.get("type") != "null"]:
        return "duration" if options == ["number", "text"] else " or ".join(options)
    if field.get("type") == "array":
        return f"list of {_plural(_type(field['items']))}" if "items" in field else "list of numbers"
    if isinstance(field.get("additionalProperties"), dict):
        return f"{_plural(_type(field['additionalProperties']))} by name"
    return _SIMPLE_TYPES.get(field["type"], "mapping")


def _plural(kind: str) -> str:
    return kind if kind.startswith("list") else f"{kind}s"


def _default(value: Any) -> str:
    return "-" if value in (None, [], {}) else f"`{json.dumps(_without_nulls(value))}`"


def _without_nulls(value: Any) -> Any:
    """Lists of sections without the fields that are left out by default."""
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    write(Path(__file__).resolve().parent.parent / "docs" / "reference")
