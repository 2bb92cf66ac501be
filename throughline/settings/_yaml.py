"""YAML with line numbers, `${ENV}` and errors that say where to look."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

__all__ = ["Location", "SiteFileError", "explain", "read_yaml"]

Location = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class SiteFileError(ValueError):
    """A site file that cannot be used; the text names file, line, field and what was expected."""


def read_yaml(text: str, name: str, environment: Mapping[str, str]) -> tuple[Any, dict[Location, int]]:
    """Parses YAML and fills in `${VARIABLE}` and `${VARIABLE:-default}` in its texts.

    Args:
        text: The YAML text.
        name: What to call the file in errors.
        environment: Values of the variables.

    Returns:
        The data, and the line (from 1) of each field by its path.

    Raises:
        SiteFileError: it is no YAML, names a field twice, or a variable that is not set.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f":{mark.line + 1}"
        raise SiteFileError(f"{name}{line}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise SiteFileError(f"{name}: not valid YAML: {error}") from error
    lines: dict[Location, int] = {}
    if node is None:
        return None, lines
    return _value(node, (), _Context(name, environment, lines)), lines


class _Context:
    def __init__(self, name: str, environment: Mapping[str, str], lines: dict[Location, int]) -> None:
        self.name, self.environment, self.lines = name, environment, lines

    def fail(self, node: yaml.Node, location: Location, problem: str) -> SiteFileError:
        return SiteFileError(f"{self.name}:{node.start_mark.line + 1}: {_dotted(location)}: {problem}")


def _value(node: yaml.Node, location: Location, context: _Context) -> Any:
    context.lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node)
            here = (*location, key)
            if key in result:
                raise context.fail(key_node, here, "given twice")
            context.lines[here] = key_node.start_mark.line + 1
            result[key] = _value(value_node, here, context)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*location, index), context) for index, child in enumerate(node.value)]
    value = _scalar(node)
    return _expand(value, node, location, context) if isinstance(value, str) else value


def _scalar(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()


def _expand(text: str, node: yaml.Node, location: Location, context: _Context) -> str:
    def fill(match: re.Match[str]) -> str:
        value = context.environment.get(match[1], match[2])
        if value is None:
            raise context.fail(node, location, f"the environment variable {match[1]} is not set")
        return value

    return _VARIABLE.sub(fill, text)


def explain(
    error: ValidationError, name: str, lines: Mapping[Location, int], reference: str = "docs/reference/site-file.md"
) -> str:
    """One line for each problem: file, line, field, what was expected. Values are not repeated: they may be secret.

    Args:
        error: What was refused.
        name: What to call the file.
        lines: Of its fields.
        reference: The page that lists the fields there are.
    """
    details = error.errors(include_url=False, include_input=False, include_context=False)
    problems = []
    for detail in details:
        location: Location = detail["loc"]
        if detail["type"] == "too_short" and any(other["loc"][: len(location)] == location != other["loc"] for other in details):
            continue  # only short because its items are refused, and those are named
        line = next((lines[location[:n]] for n in range(len(location), -1, -1) if location[:n] in lines), 1)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"no such field; see {reference} for those there are"
        problems.append(f"{name}:{line}: {_dotted(location)}: {message[:1].lower()}{message[1:]}")
    return "\n".join(dict.fromkeys(problems))


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "site"


def read_file(path: Path) -> str:
    """The text of the site file.

    Raises:
        SiteFileError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SiteFileError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SiteFileError(f"{path}: cannot be read: {error}") from error


def environment() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ
