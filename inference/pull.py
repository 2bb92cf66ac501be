"""Fetches the file of a catalogue model into the user's cache, checked against its checksum before it gets its name."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from inference.catalogue import CatalogueEntry, cache_folder
from inference.engines.protocol import sha256_of
from inference.errors import ModelError

__all__ = ["Progress", "pull"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes received so far, and those to come in all where the server says so."""

_BLOCK = 1 << 16
_TIMEOUT_SECONDS = 30.0
_LARGEST = 2 << 30
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def pull(
    entry: CatalogueEntry,
    *,
    folder: Path | None = None,
    source: str | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Downloads a model's file, unless it is there already.

    Args:
        entry: The model.
        folder: Where to; default: the user's cache.
        source: https address of the file, such as a mirror's; default: the catalogue's. Plain http serves this machine only.
        sha256: Checksum that the file must have, where the catalogue does not know it.
        progress: Told about the bytes received.

    Returns:
        The file.

    Raises:
        ModelError: the model has no file, its checksum is unknown, the download failed, or the file is another one.
    """
    if entry.file is None:
        raise ModelError(f"the model {entry.name} is built in: there is nothing to pull")
    expected = _expected(entry, sha256)
    target = (cache_folder() if folder is None else folder) / entry.file
    if target.is_file() and (sha256_of(target) == expected or sha256_of(target) in entry.other_sha256):
        return target
    address = source or entry.source
    if address is None:
        raise ModelError(f"the model {entry.name} comes with the product: there is nothing to pull")
    _check_address(address)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{entry.file}.")
    except OSError as error:
        raise ModelError(f"cannot write to {target.parent}: {error.strerror}") from error
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            found = _download(address, file, progress)
        if found != expected:
            raise ModelError(f"{address} gave another file: its SHA-256 is {found}, expected {expected}; nothing was kept")
        partial.chmod(0o644)
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    return target


def _expected(entry: CatalogueEntry, given: str | None) -> str:
    if given is not None:
        given = given.strip().lower()
        if re.fullmatch(r"[0-9a-f]{64}", given) is None:
            raise ModelError(f"{given!r} is not a SHA-256: expected 64 hexadecimal digits")
        if entry.sha256 is not None and given != entry.sha256:
            raise ModelError(f"the catalogue has another SHA-256 for {entry.name}: {entry.sha256}")
        return given
    if entry.sha256 is None:
        raise ModelError(
            f"the catalogue does not know the SHA-256 of {entry.file}; take it from a source you trust and run "
            f"`throughline models pull {entry.name} --sha256 DIGITS`"
        )
    return entry.sha256


def _check_address(address: str) -> None:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise ModelError(f"{address} is not an https address")


def _download(address: str, file: IO[bytes], progress: Progress | None) -> str:
    """Writes the file behind an address and gives its SHA-256."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - the scheme was checked
            length = response.headers.get("Content-Length")
            total = int(length) if length is not None and length.isdigit() else None
            received = 0
            while block := response.read(_BLOCK):
                received += len(block)
                if received > _LARGEST:
                    raise ModelError(f"{address} gives more than {_LARGEST >> 30} GiB: that is no model of ours")
                digest.update(block)
                file.write(block)
                if progress is not None:
                    progress(received, total)
    except urllib.error.HTTPError as error:
        with error:
            raise ModelError(f"{address} answers {error.code} {error.reason}: is the address right?") from error
    except urllib.error.URLError as error:
        raise ModelError(
            f"cannot reach {urllib.parse.urlsplit(address).hostname} ({error.reason}); download {address} on a machine that can, "
            "and put the file into a folder named in THROUGHLINE_MODELS"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(f"the download of {address} broke off ({error}); try again") from error
    if total is not None and received != total:
        raise ModelError(f"the download of {address} broke off after {received} of {total} bytes; try again")
    return digest.hexdigest()
