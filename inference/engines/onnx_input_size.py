"""Gives an ONNX file another input size, without the package `onnx`, which is not there where the product runs.

A convolutional network computes the same on a picture of any size, but its file names one. An ONNX file is a protocol
buffer; only these of its messages matter here: ``ModelProto.graph`` (field 7), ``GraphProto.input`` (11) and
``value_info`` (13), and on the way to an input's sizes ``type`` (2), ``tensor_type`` (1), ``shape`` (2), ``dim`` (1) and
``dim_value`` (1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["with_input_size"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH, _INPUT, _VALUE_INFO = 7, 11, 13
_TO_SHAPE = (2, 1, 2)
_DIM, _DIM_VALUE = 1, 1


def with_input_size(model: bytes, height: int, width: int) -> bytes:
    """The model, its first input (batch, channels, height, width) being this high and wide.

    Sizes that were noted for values inside are left out, since they are no longer true; whoever loads the model finds
    them anew. Those of outputs stay, which is a note as well.

    Raises:
        ValueError: this is no ONNX model, or its first input has not four sizes.
    """
    return _replaced(model, (_GRAPH,), lambda graph: _graph(graph, height, width))


def _graph(graph: bytes, height: int, width: int) -> bytes:
    parts = []
    found = False
    for field, whole, content in _fields(graph):
        if field == _INPUT and not found:
            found = True
            parts.append(_message(_INPUT, _replaced(content, _TO_SHAPE, lambda shape: _shape(shape, height, width))))
        elif field != _VALUE_INFO:
            parts.append(whole)
    if not found:
        raise ValueError("the model has no input")
    return b"".join(parts)


def _shape(shape: bytes, height: int, width: int) -> bytes:
    sizes = [whole for field, whole, _ in _fields(shape) if field == _DIM]
    if len(sizes) != 4:
        raise ValueError(f"the input has {len(sizes)} sizes, expected four")
    for axis, size in ((2, height), (3, width)):
        sizes[axis] = _message(_DIM, _tag(_DIM_VALUE, _VARINT) + _varint(size))
    return b"".join(sizes)


def _replaced(message: bytes, path: tuple[int, ...], change: Callable[[bytes], bytes]) -> bytes:
    """The message with that submessage changed which lies at ``path``."""
    parts = []
    found = False
    for field, whole, content in _fields(message):
        if field != path[0]:
            parts.append(whole)
            continue
        found = True
        inner = change(content) if len(path) == 1 else _replaced(content, path[1:], change)
        parts.append(_message(field, inner))
    if not found:
        raise ValueError("this is no ONNX model with a picture as input")
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, bytes as they are, and content (of submessages) of each field."""
    position = 0
    while position < len(message):
        start = position
        tag, position = _read_varint(message, position)
        kind, content = tag & 7, b""
        if kind == _VARINT:
            _, position = _read_varint(message, position)
        elif kind == _BYTES:
            length, position = _read_varint(message, position)
            content = message[position : position + length]
            position += length
        elif kind in (_FIXED32, _FIXED64):
            position += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("this is no protocol buffer")
        if position > len(message):
            raise ValueError("the file ends too early")
        yield tag >> 3, message[start:position], content


def _message(field: int, content: bytes) -> bytes:
    return _tag(field, _BYTES) + _varint(len(content)) + content


def _tag(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise ValueError("the file ends too early")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
