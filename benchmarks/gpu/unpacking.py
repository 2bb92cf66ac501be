"""Uses wheels without installing them: they are unpacked into a folder that goes onto the path."""

from __future__ import annotations

import email.parser
import importlib.metadata
import platform
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Unpacked", "join_parts", "unpack_wheels"]

_PURE = "none-any.whl"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*\(?([^;)]*)\)?\s*(;.*)?")
_PART = re.compile(r"(.+\.whl)\.(\d{3})")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What became of the wheels.

    Attributes:
        ahead: Folder whose modules go before what is installed: newer ones in plain Python that other wheels ask for.
        behind: Folder whose modules are looked for last, so that they hide nothing that is installed.
        outcomes: (name, version, what became of it) for each wheel.
    """

    ahead: Path
    behind: Path
    outcomes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Wheel:
    path: Path
    name: str
    version: str
    needs: tuple[tuple[str, tuple[int, ...]], ...]
    """(name, least version) of what it cannot do without."""


def unpack_wheels(files: Sequence[Path], folder: Path, installed: Callable[[str], str | None] | None = None) -> Unpacked:
    """Unpacks what is missing here.

    A package that is installed stays in use, whatever its version: with one exception, packages in plain Python that are too old
    for another wheel.

    Args:
        files: Wheels.
        folder: Where they are unpacked.
        installed: Version of a distribution that is installed, None: it is not; default: as this interpreter sees it.
    """
    version_of = _installed if installed is None else installed
    ahead, behind = folder / "ahead", folder / "behind"
    for one in (ahead, behind):
        one.mkdir(parents=True, exist_ok=True)
    outcomes: list[tuple[str, str, str]] = []
    usable: list[_Wheel] = []
    for path in files:
        try:
            wheel = _read(path)
        except (OSError, ValueError, KeyError, StopIteration, zipfile.BadZipFile) as error:
            outcomes.append((path.name, "", f"not used: no wheel ({error})"))
            continue
        if _fits(path.name):
            usable.append(wheel)
        else:
            outcomes.append((wheel.name, wheel.version, f"not used: for another machine or Python ({path.name})"))
    missing = [wheel for wheel in usable if version_of(wheel.name) is None]
    wanted = {name: least for wheel in missing for name, least in wheel.needs}
    for wheel in usable:
        here = version_of(wheel.name)
        if here is None:
            _unpack(wheel.path, behind)
            outcomes.append((wheel.name, wheel.version, "unpacked"))
        elif _numbers(here) < wanted.get(wheel.name, ()) and wheel.path.name.endswith(_PURE):
            _unpack(wheel.path, ahead)
            outcomes.append((wheel.name, wheel.version, f"unpacked: {here} is here, which is too old for another wheel"))
        else:
            outcomes.append((wheel.name, wheel.version, f"not used: {here} is here"))
    return Unpacked(ahead, behind, tuple(outcomes))


def join_parts(folders: Sequence[Path], target: Path) -> list[Path]:
    """All wheels of some folders; those that came in parts (``NAME.whl.001``, ...), in one folder or several, are joined first.

    Args:
        folders: Where wheels lie.
        target: Folder for those that are joined.

    Raises:
        ValueError: a part is missing.
    """
    wheels: dict[str, Path] = {}
    parts: dict[str, dict[int, Path]] = {}
    for path in (path for folder in folders for path in sorted(folder.iterdir())):
        if match := _PART.fullmatch(path.name):
            parts.setdefault(match[1], {})[int(match[2])] = path
        elif path.suffix == ".whl":
            wheels.setdefault(path.name, path)
    for name, found in parts.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            raise ValueError(f"{name}: of its parts only {', '.join(f'{number:03}' for number in sorted(found))} are there")
        with (target / name).open("wb") as file:
            for number in sorted(found):
                file.write(found[number].read_bytes())
        wheels.setdefault(name, target / name)
    return [wheels[name] for name in sorted(wheels)]


def _read(path: Path) -> _Wheel:
    with zipfile.ZipFile(path) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA") and one.count("/") == 1)
        facts = email.parser.Parser().parsestr(archive.read(name).decode())
    needs = []
    for text in facts.get_all("Requires-Dist") or []:
        match = _REQUIREMENT.match(text)
        if match is None or "extra" in (match[3] or ""):
            continue
        least = [_numbers(part.strip()[2:]) for part in match[2].split(",") if part.strip().startswith((">=", "=="))]
        needs.append((_normal(match[1]), max(least, default=())))
    return _Wheel(path, _normal(facts["Name"]), facts["Version"], tuple(needs))


def _unpack(path: Path, folder: Path) -> None:
    """Extracts the modules; what lies in ``NAME.data/purelib`` and ``platlib`` goes beside them, the rest stays away."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            parts = Path(member.filename).parts
            if parts and parts[0].endswith(".data"):
                if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):
                    continue
                member.filename = "/".join(parts[2:]) + ("/" if member.is_dir() else "")
            archive.extract(member, folder)


def _fits(file: str) -> bool:
    """Whether this interpreter can load a wheel of this name."""
    *_, python, abi, where = file.removesuffix(".whl").split("-")
    current = f"cp{sys.version_info.major}{sys.version_info.minor}"
    pythons = python.split(".")
    if not any(one == current or one in ("py3", f"py{current[2:]}") or (abi == "abi3" and _older(one)) for one in pythons):
        return False
    return where == "any" or ("linux" in where and platform.machine() in where and sys.platform == "linux")


def _older(tag: str) -> bool:
    """Whether a tag such as ``cp311`` is of this Python or an older one."""
    match = re.fullmatch(r"cp3(\d+)", tag)
    return match is not None and int(match[1]) <= sys.version_info.minor


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version, for comparison: ``1.26.0rc1`` is (1, 26, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
