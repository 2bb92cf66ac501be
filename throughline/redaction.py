"""Takes credentials out of anything that people may read: logs, errors, status records."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["redact_url", "redact_value"]

_MASK: Final = "***"
_KEYWORD: Final = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|credentials?"
# User and password before the host. The last @ before the path ends them, since people leave an @ in a password as it is.
_USERINFO: Final = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#\"'<>]*@", re.IGNORECASE)
# A password with a bare slash: whatever follows the colon is no port, so it is not the host that ended there.
_BROKEN_USERINFO: Final = re.compile(
    r"([a-z][a-z0-9+.-]*://)[^\s/:@\[\"'<>]+:(?!\d{1,5}(?:[/\s\"']|$))[^\s\"'<>]*@", re.IGNORECASE
)
# Cameras also take them in the query or in the path: ?user=a&password=b, /user=a_password=b_channel=1
_PARAMETER: Final = re.compile(rf"(?<![a-z])((?:{_KEYWORD})=)(?:(?!_[a-z]+=)[^&\s;,\"'<>])+", re.IGNORECASE)
_SECRET_NAME: Final = re.compile(rf"(?:^|[_.-])(?:{_KEYWORD})$", re.IGNORECASE)


def redact_url(text: str) -> str:
    """``text`` with the credentials of every URL in it replaced: ``rtsp://user:pass@host/1`` becomes ``rtsp://***@host/1``."""
    if "://" in text:
        text = _BROKEN_USERINFO.sub(rf"\1{_MASK}@", _USERINFO.sub(rf"\1{_MASK}@", text))
    return _PARAMETER.sub(rf"\1{_MASK}", text) if "=" in text else text


def redact_value(value: Any, name: str = "") -> Any:
    """``value`` without credentials, however deep they sit.

    Args:
        value: Texts are searched for URLs; mappings and sequences are copied; any other object becomes its redacted text,
            since a renderer would show it as text later, when nobody looks any more.
        name: What the value is called: a value called ``password`` or ``sasl_password`` is replaced as a whole.

    Returns:
        Only None, booleans, numbers, texts, and lists, tuples and dictionaries of them.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if name and _SECRET_NAME.search(name):
        return _MASK
    if isinstance(value, str):
        return redact_url(value)
    if isinstance(value, dict):
        return {redact_url(str(key)): redact_value(child, str(key)) for key, child in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(child) for child in value]
    if isinstance(value, BaseException):
        return redact_url(f"{type(value).__name__}: {value}")
    return redact_url(str(value))
