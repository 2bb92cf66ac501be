"""The attributes of an ONNX node, with the standard's defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx

__all__ = ["Attributes", "UnsupportedError"]


class UnsupportedError(Exception):
    """A node asks for something that no vehicle network has needed so far; the text says what."""


class Attributes:
    """The attributes of one node.

    Args:
        node: The node.
        opset: Version of the operator set that the file was written for.
    """

    def __init__(self, node: onnx.NodeProto, opset: int) -> None:
        self.opset = opset
        self.outputs = len(node.output)
        self._values = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}

    def integer(self, name: str, default: int) -> int:
        """An integer."""
        return int(self._values.get(name, default))

    def number(self, name: str, default: float) -> float:
        """A floating-point number."""
        return float(self._values.get(name, default))

    def text(self, name: str, default: str) -> str:
        """A string."""
        value = self._values.get(name, default)
        return value.decode() if isinstance(value, bytes) else str(value)

    def integers(self, name: str, default: Iterable[int]) -> list[int]:
        """A list of integers."""
        return [int(value) for value in self._values.get(name, default)]

    def present(self, name: str) -> bool:
        """Whether the node has it."""
        return name in self._values

    def value(self, name: str) -> Any:
        """Anything, as ONNX holds it."""
        return self._values[name]

    def require(self, name: str, default: str, *allowed: str) -> str:
        """A string that must be one of a few.

        Raises:
            UnsupportedError: it is another one.
        """
        value = self.text(name, default)
        if value not in allowed:
            raise UnsupportedError(f"{name} = {value}")
        return value
