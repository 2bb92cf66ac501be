"""Basic and Digest (RFC 2617) authorisation with one user."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.request import parse_http_list, parse_keqv_list

from simulation.rtsp.requests import Request

__all__ = ["Authorisation"]

_REALM = "camera"


class Authorisation:
    """Asks for a user and a password.

    Args:
        user: User name.
        password: Password.
        scheme: ``digest`` or ``basic``.
    """

    def __init__(self, user: str, password: str, scheme: str = "digest") -> None:
        if scheme not in ("digest", "basic"):
            raise ValueError(f"{scheme!r} is not an authorisation scheme: expected digest or basic")
        self._user = user
        self._password = password
        self._scheme = scheme
        self._nonce = secrets.token_hex(16)

    @property
    def challenge(self) -> str:
        """WWW-Authenticate header."""
        if self._scheme == "basic":
            return f'Basic realm="{_REALM}"'
        return f'Digest realm="{_REALM}", nonce="{self._nonce}"'

    def accepts(self, request: Request) -> bool:
        """Whether a request carries the right credentials."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != self._scheme:
            return False
        if self._scheme == "basic":
            expected = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            return hmac.compare_digest(given.strip(), expected)
        try:
            fields = parse_keqv_list(parse_http_list(given))
        except (ValueError, IndexError):
            return False
        secret = _md5(f"{self._user}:{_REALM}:{self._password}")
        asked = _md5(f"{request.method}:{fields.get('uri', '')}")
        expected = _md5(f"{secret}:{self._nonce}:{asked}")
        return fields.get("username") == self._user and hmac.compare_digest(fields.get("response", ""), expected)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # what RFC 2617 prescribes
