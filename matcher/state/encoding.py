"""Encodes a graph of objects as MessagePack: plain data, known classes, numpy arrays; nothing that could run when it is read.

Every value that is no plain number, text or bytes is an array that begins with its kind. Objects are written where they are met
first and referred to by number after that, so that what was one object is one object again. A class is named with the names
of its attributes; only classes that the reader knows are made, without running their constructors. What a matcher is built
*around* (its site and what follows from that alone) is not written but named, and given by the reader.

Messages, and containers of nothing but plain values, are left to msgspec as they are. Vectors on the grid of `matcher.table` take
two bytes a number instead of four, and rows of zeros none.
"""

from __future__ import annotations

import contextlib
import enum
import gc
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final, get_origin

import msgspec
import numpy as np

from matcher.table import LookColumn, SightingTable

__all__ = ["StateError", "decode", "encode"]

_SAME: Final = 0
_GIVEN: Final = 1
_LIST: Final = 2
_TUPLE: Final = 3
_DICT: Final = 4
_SET: Final = 5
_DEQUE: Final = 6
_OBJECT: Final = 7
_VALUE: Final = 8
_MEMBER: Final = 9
_ARRAY: Final = 10
_ON_GRID: Final = 11
_ROWS: Final = 12
_NUMBER: Final = 13
_NAMED: Final = 14

_AS_THEY_ARE: Final = 0
_NESTED: Final = 1
_ONE_BY_ONE: Final = 2

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_NESTABLE = _PLAIN | {tuple}
_DICTS: tuple[type[Any], ...] = (dict, Counter, OrderedDict)
_GRID = 2048
_SPARSE_FROM = 4096
"""Numbers in an array from which on it is worth looking for rows of zeros."""


class StateError(Exception):
    """A state that cannot be written or read; the text says what is in the way."""


def encode(root: object, classes: Mapping[str, type[Any]], given: Mapping[str, object]) -> bytes:
    """Writes a graph of objects; equal graphs give equal bytes.

    Args:
        root: Where it begins.
        classes: Classes that may occur, by name.
        given: Objects that are named instead of written, by name.

    Raises:
        StateError: there is something that cannot be written.
    """
    with _no_collection():
        return _Writer(classes, given).write(root)


def decode(data: bytes, classes: Mapping[str, type[Any]], given: Mapping[str, object]) -> Any:
    """Reads what `encode` has written.

    Args:
        data: The bytes.
        classes: See `encode`.
        given: See `encode`.

    Raises:
        StateError: it is no state, or not one of these classes.
    """
    with _no_collection():
        try:
            layouts, root = msgspec.msgpack.decode(data)
            return _Reader(layouts, classes, given).read(root)
        except StateError:
            raise
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise StateError(f"this is no state of a matcher: {error!r}") from error


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Thousands of objects are made, and none of them is garbage: looking through them again and again takes half the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _attributes(kind: type[Any], one: object) -> tuple[str, ...]:
    """Names of an object's attributes, in an order that depends on its class and on what is set."""
    slots = [name for each in reversed(kind.__mro__) for name in _slots(each)]
    return (*(name for name in slots if hasattr(one, name)), *getattr(one, "__dict__", ()))


def _slots(kind: type[Any]) -> Iterable[str]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


class _Writer:
    def __init__(self, classes: Mapping[str, type[Any]], given: Mapping[str, object]) -> None:
        self._names = {kind: name for name, kind in classes.items()}
        self._given = {id(one): name for name, one in given.items()}
        self._seen: dict[int, int] = {}
        self._layouts: dict[tuple[str, tuple[str, ...]], int] = {}
        self._fixed: dict[type[Any], tuple[int, tuple[str, ...]]] = {}
        self._used: dict[int, np.ndarray[Any, np.dtype[np.bool_]]] = {}
        self._makers: dict[type[Any], Callable[[Any], Any]] = {
            list: self._list,
            tuple: self._tuple,
            set: self._set,
            deque: self._deque,
            np.ndarray: self._array,
        }
        self._makers |= dict.fromkeys(_DICTS, self._dict)

    def write(self, root: object) -> bytes:
        body = self._put(root)
        try:
            layouts = [[name, attributes] for name, attributes in self._layouts]
            return msgspec.msgpack.encode((layouts, body), enc_hook=_array_in_message)
        except TypeError as error:
            raise StateError(f"a part of a message cannot be part of a state: {error}") from error

    def _put(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        key = id(value)
        number = self._seen.get(key)
        if number is not None:
            return [_SAME, number]
        if key in self._given:
            return [_GIVEN, self._given[key]]
        maker = self._makers.get(kind)
        return maker(value) if maker is not None else self._other(kind, value)

    def _note(self, value: object) -> None:
        self._seen[id(value)] = len(self._seen)

    def _list(self, value: list[Any]) -> Any:
        self._note(value)
        return [_LIST, *self._told(value)]

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        return [_TUPLE, *self._told(value)]

    def _told(self, values: Sequence[Any]) -> tuple[int, Any]:
        """How values are written, and the values."""
        if _are_plain(values):
            return _AS_THEY_ARE, values
        if _are_nested(values):
            return _NESTED, values
        put = self._put
        return _ONE_BY_ONE, [put(one) for one in values]

    def _dict(self, value: dict[Any, Any]) -> Any:
        self._note(value)
        keys, values = self._told(tuple(value)), self._told(tuple(value.values()))
        return [_DICT, _DICTS.index(type(value)), *keys, *values]

    def _set(self, value: set[Any]) -> Any:
        self._note(value)
        return [_SET, *self._told(sorted(value))]

    def _deque(self, value: deque[Any]) -> Any:
        self._note(value)
        return [_DEQUE, value.maxlen, *self._told(tuple(value))]

    def _other(self, kind: type[Any], value: Any) -> Any:
        name = self._names.get(kind)
        if isinstance(value, np.generic):
            return [_NUMBER, value.dtype.str, value.tobytes()]
        if name is None:
            raise StateError(f"an object of {kind.__module__}.{kind.__qualname__} cannot be part of a state")
        if isinstance(value, enum.Enum):
            return [_MEMBER, name, value.value]
        if isinstance(value, tuple):
            return [_NAMED, self._numbered(name, ())[0], *self._told(value)]
        if isinstance(value, msgspec.Struct):
            self._note(value)
            return [_VALUE, self._numbered(name, ())[0], value]
        self._note(value)
        layout, attributes = self._layout(kind, name, value)
        if isinstance(value, SightingTable):
            self._used |= {id(column): value.seen_by & column.bit != 0 for column in value.columns.values()}
        put = self._put
        if isinstance(value, LookColumn):
            return [_OBJECT, layout, [self._views(value) if a == "views" else put(getattr(value, a)) for a in attributes]]
        try:
            return [_OBJECT, layout, [put(getattr(value, attribute)) for attribute in attributes]]
        except StateError as error:
            raise StateError(f"{name}: {error}") from None

    def _layout(self, kind: type[Any], name: str, value: Any) -> tuple[int, tuple[str, ...]]:
        known = self._fixed.get(kind)
        if known is not None:
            return known
        if not is_dataclass(kind) or hasattr(value, "__dict__"):
            return self._numbered(name, _attributes(kind, value))
        attributes = tuple(field.name for field in fields(kind))
        found = self._fixed[kind] = self._numbered(name, attributes)
        return found

    def _numbered(self, name: str, attributes: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        return self._layouts.setdefault((name, attributes), len(self._layouts)), attributes

    def _array(self, value: np.ndarray[Any, np.dtype[Any]]) -> Any:
        self._note(value)
        if value.dtype.hasobject:
            raise StateError("an array of objects cannot be part of a state")
        if value.ndim > 1 and value.size >= _SPARSE_FROM:
            there = np.asarray(value.reshape(len(value), -1).any(axis=1))
            if np.count_nonzero(there) < 0.9 * len(value):
                return _rows(value, there)
        return _dense(value)

    def _views(self, column: LookColumn) -> Any:
        """Vectors of slots that are in use; what is left in the others is never looked at."""
        self._note(column.views)
        return _rows(column.views, self._used[id(column)])


def _are_plain(values: Iterable[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values))


def _are_nested(values: Sequence[Any]) -> bool:
    """Whether there are only plain values and tuples of such, however deep."""
    level = list(values)
    while True:
        kinds = set(map(type, level))
        if not kinds <= _NESTABLE:
            return False
        if tuple not in kinds:
            return True
        level = [part for one in level if type(one) is tuple for part in one]


def _tuples(values: Any) -> Any:
    """Tuples are lists in MessagePack."""
    return tuple([_tuples(one) for one in values]) if type(values) is list else values


def _rows(value: np.ndarray[Any, np.dtype[Any]], there: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    return [_ROWS, len(value), np.flatnonzero(there).astype("<i4").tobytes(), _dense(value[there])]


def _dense(value: np.ndarray[Any, np.dtype[Any]]) -> Any:
    if value.dtype == np.float32 and value.size:
        with np.errstate(over="ignore", invalid="ignore"):
            on_grid = value * np.float32(_GRID)
            if np.abs(on_grid).max() < np.iinfo(np.int16).max:
                whole = on_grid.astype("<i2")
                if np.array_equal(whole, on_grid):
                    return [_ON_GRID, value.shape, whole.tobytes()]
    return [_ARRAY, value.dtype.newbyteorder("<").str, value.shape, np.ascontiguousarray(value).tobytes()]


class _Reader:
    def __init__(self, layouts: Any, classes: Mapping[str, type[Any]], given: Mapping[str, object]) -> None:
        self._classes, self._given = classes, given
        self._layouts = [(self._known(name), tuple(attributes)) for name, attributes in layouts]
        self._made: list[Any] = []
        self._makers: dict[int, Callable[..., Any]] = {
            _SAME: self._made.__getitem__,
            _GIVEN: given.__getitem__,
            _LIST: self._list,
            _TUPLE: lambda how, items: tuple(self._all(how, items)),
            _DICT: self._dict,
            _SET: self._set,
            _DEQUE: self._deque,
            _OBJECT: self._object,
            _VALUE: self._value,
            _NAMED: lambda layout, how, items: self._layouts[layout][0](*self._all(how, items)),
            _MEMBER: lambda name, value: self._known(name)(value),
            _ARRAY: lambda kind, shape, data: self._note(_array(kind, shape, data)),
            _ON_GRID: lambda shape, data: self._note(_from_grid(shape, data)),
            _ROWS: self._rows,
            _NUMBER: lambda kind, data: np.frombuffer(data, kind)[0],
        }

    def _known(self, name: str) -> type[Any]:
        kind = self._classes.get(name)
        if kind is None:
            raise StateError(f"this state has objects of {name}, which this version does not know")
        return kind

    def read(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        return self._makers[value[0]](*value[1:])

    def _note(self, one: Any) -> Any:
        self._made.append(one)
        return one

    def _all(self, how: int, items: list[Any]) -> list[Any]:
        if how == _AS_THEY_ARE:
            return items
        if how == _NESTED:
            return [_tuples(one) for one in items]
        read = self.read
        return [read(one) for one in items]

    def _list(self, how: int, items: list[Any]) -> Any:
        made = self._note([])
        made += self._all(how, items)
        return made

    def _dict(self, kind: int, how_keys: int, keys: list[Any], how_values: int, values: list[Any]) -> Any:
        made = self._note(_DICTS[kind]())
        read_keys = self._all(how_keys, keys)
        for key, value in zip(read_keys, self._all(how_values, values), strict=True):
            made[key] = value
        return made

    def _set(self, how: int, items: list[Any]) -> Any:
        made = self._note(set())
        made.update(self._all(how, items))
        return made

    def _deque(self, length: int | None, how: int, items: list[Any]) -> Any:
        made = self._note(deque(maxlen=length))
        made.extend(self._all(how, items))
        return made

    def _object(self, layout: int, values: list[Any]) -> Any:
        kind, attributes = self._layouts[layout]
        made = self._note(object.__new__(kind))
        for attribute, value in zip(attributes, values, strict=True):
            object.__setattr__(made, attribute, self.read(value))
        return made

    def _value(self, layout: int, value: Any) -> Any:
        return self._note(msgspec.convert(value, self._layouts[layout][0], dec_hook=_array_of_message))

    def _rows(self, count: int, places: bytes, rows: list[Any]) -> Any:
        dense = _from_grid(*rows[1:]) if rows[0] == _ON_GRID else _array(*rows[1:])
        made = np.zeros((count, *dense.shape[1:]), dense.dtype)
        made[np.frombuffer(places, "<i4")] = dense
        return self._note(made)


def _array_in_message(value: Any) -> Any:
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.dtype.newbyteorder("<").str, value.shape, np.ascontiguousarray(value).tobytes()
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")


def _array_of_message(kind: type, value: Any) -> Any:
    if get_origin(kind) is np.ndarray:
        return _array(*value)
    raise TypeError(f"no {kind} is known to be in a message")


def _array(kind: str, shape: Iterable[int], data: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    return np.frombuffer(data, kind).reshape(tuple(shape)).astype(np.dtype(kind).newbyteorder("="))


def _from_grid(shape: Iterable[int], data: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    return np.frombuffer(data, "<i2").reshape(tuple(shape)).astype(np.float32) / np.float32(_GRID)
