from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks.gpu.pycuda_wheel import BuildError, build_pycuda
from benchmarks.gpu.unpacking import join_parts, unpack_wheels
from benchmarks.gpu.wheels import NEEDED, pinned_versions, pip_arguments, split

ROOT = Path(__file__).resolve().parents[3]
CURRENT = f"cp{sys.version_info.major}{sys.version_info.minor}"


def write_wheel(folder: Path, name: str, version: str, tags: str = "py3-none-any", needs: tuple[str, ...] = ()) -> Path:
    path = folder / f"{name}-{version}-{tags}.whl"
    facts = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {need}" for need in needs)]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"version = {version!r}")
        archive.writestr(f"{name}-{version}.data/platlib/{name}/native.txt", "native")
        archive.writestr(f"{name}-{version}.data/scripts/{name}", "no module")
        archive.writestr(f"{name}-{version}.dist-info/METADATA", "\n".join(facts) + "\n\ntext")
    return path


def test_what_is_missing_is_unpacked_behind_what_is_installed(tmp_path: Path) -> None:
    file = write_wheel(tmp_path, "missing_thing", "1.0")
    unpacked = unpack_wheels([file], tmp_path / "site", lambda _: None)
    assert unpacked.outcomes == (("missing-thing", "1.0", "unpacked"),)
    assert (unpacked.behind / "missing_thing" / "__init__.py").is_file()
    assert (unpacked.behind / "missing_thing" / "native.txt").read_text() == "native"
    assert not any("scripts" in str(path) for path in unpacked.behind.rglob("*"))
    assert not list(unpacked.ahead.iterdir())


def test_what_is_installed_is_never_hidden(tmp_path: Path) -> None:
    files = [
        write_wheel(tmp_path, "numpy", "9.0", f"{CURRENT}-{CURRENT}-linux_x86_64"),
        write_wheel(tmp_path, "user", "1.0", needs=("numpy>=9",)),
    ]
    unpacked = unpack_wheels(files, tmp_path / "site", {"numpy": "2.5.0"}.get)
    assert ("numpy", "9.0", "not used: 2.5.0 is here") in unpacked.outcomes
    assert not list(tmp_path.glob("site/*/numpy"))


def test_plain_python_that_is_too_old_for_another_wheel_gives_way(tmp_path: Path) -> None:
    files = [
        write_wheel(tmp_path, "typing_extensions", "4.14.1"),
        write_wheel(tmp_path, "other", "3.0"),
        write_wheel(tmp_path, "user", "1.0", needs=("typing-extensions (>=4.14.0)", 'other>=99; extra == "all"')),
    ]
    unpacked = unpack_wheels(files, tmp_path / "site", {"typing-extensions": "4.9.0", "other": "2.0"}.get)
    assert [path.name for path in unpacked.ahead.iterdir() if path.is_dir() and "-" not in path.name] == ["typing_extensions"]
    assert ("other", "3.0", "not used: 2.0 is here") in unpacked.outcomes
    new_enough = unpack_wheels(files, tmp_path / "other", {"typing-extensions": "4.14.0", "other": "2.0"}.get)
    assert not list(new_enough.ahead.iterdir())


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        (f"{CURRENT}-{CURRENT}-manylinux_2_17_x86_64", True),
        ("cp311-abi3-manylinux_2_28_x86_64.manylinux2014_x86_64", True),
        ("cp399-abi3-manylinux_2_28_x86_64", False),
        ("cp38-cp38-manylinux_2_17_x86_64", False),
        (f"{CURRENT}-{CURRENT}-macosx_11_0_arm64", False),
        ("py2.py3-none-any", True),
    ],
)
def test_wheels_for_others_are_left_alone(tags: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    unpacked = unpack_wheels([write_wheel(tmp_path, "thing", "1.0", tags)], tmp_path / "site", lambda _: None)
    assert (unpacked.outcomes[0][2] == "unpacked") is fits


def test_a_file_that_is_no_wheel_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"no archive")
    ((name, _, outcome),) = unpack_wheels([broken], tmp_path / "site").outcomes
    assert name == broken.name
    assert outcome.startswith("not used: no wheel")


def test_a_wheel_in_parts_is_whole_again_wherever_the_parts_lie(tmp_path: Path) -> None:
    one, other, joined = (tmp_path / name for name in ("one", "other", "joined"))
    for folder in (one, other, joined):
        folder.mkdir()
    wheel = write_wheel(one, "thing", "1.0")
    content = wheel.read_bytes()
    parts = split(wheel, 200)
    assert len(parts) > 2
    assert not wheel.exists()
    parts[1].rename(other / parts[1].name)
    (whole,) = join_parts([one, other], joined)
    assert whole.read_bytes() == content
    assert split(whole, 10**6) == []
    parts[0].unlink()
    with pytest.raises(ValueError, match="of its parts only 002"):
        join_parts([one, other], joined)


def test_the_lock_pins_everything_that_is_needed() -> None:
    pins = pinned_versions((ROOT / "requirements" / "dev.txt").read_text())
    assert [name for name in NEEDED if name not in pins] == []
    assert all(re.match(r"\d", version) for version in pins.values())


def test_pip_is_asked_for_another_machines_wheels_and_told_no_place(tmp_path: Path) -> None:
    arguments = pip_arguments("av==18.1.0", tmp_path, "3.12")
    assert arguments[-1] == "av==18.1.0"
    assert "--only-binary=:all:" in arguments
    assert {"3.12", "cp312", "abi3", "manylinux_2_28_x86_64"} <= set(arguments)
    assert not any("index" in argument or "://" in argument for argument in arguments)


def test_what_pycuda_lacks_to_be_built_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "python9.9" else f"/bin/{tool}")
    with pytest.raises(BuildError, match=r"python9\.9 is not here"):
        build_pycuda("2026.1", tmp_path, "python9.9")
