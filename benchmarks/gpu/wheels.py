"""``python -m benchmarks.gpu.wheels --to DIR``: collects what `benchmarks.gpu` needs on a machine without a package registry.

It runs where pip finds a registry and downloads wheels for Linux on x86-64, in the versions that this repository pins. pycuda
is published as source alone: it is built here, which takes a C++ compiler, a Python of that machine's version, and minutes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.pycuda_wheel import BuildError, build_pycuda

__all__ = ["NEEDED", "main", "pinned_versions", "pip_arguments", "split"]

_LOCK = Path(__file__).resolve().parents[2] / "requirements" / "dev.txt"
NEEDED = (
    "annotated-types",
    "av",
    "msgspec",
    "pydantic",
    "pydantic-core",
    "pyyaml",
    "structlog",
    "tensorrt-rtx-cu13-bindings",
    "tensorrt-rtx-cu13-libs",
    "typing-extensions",
    "typing-inspection",
)
"""All but numpy, torch, onnx, onnxruntime, OpenCV, SciPy and prometheus-client, which such machines have."""
_BESIDE_PYCUDA = ("mako", "markupsafe", "platformdirs", "pytools", "siphash24")
_PYCUDA = "pycuda"
_PYCUDA_VERSION = "2026.1"
_GLIBC = (*range(39, 23, -1), 17, 12, 5)
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Collects the wheels; 1 if one could not be had."""
    options = _parser().parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    pins = pinned_versions(_LOCK.read_text(encoding="utf-8"))
    failed = []
    for name in dict.fromkeys((*NEEDED, *_BESIDE_PYCUDA, *options.also)):
        wanted = name if "==" in name or name not in pins else f"{name}=={pins[name]}"
        result = subprocess.run(
            [sys.executable, *pip_arguments(wanted, options.to, options.python)], capture_output=True, text=True, check=False
        )
        print(f"{wanted}: {'here' if result.returncode == 0 else _last_line(result.stderr)}", flush=True)
        if result.returncode != 0:
            failed.append(name)
    if not options.no_pycuda:
        print(_pycuda(options), flush=True)
    for path in sorted(options.to.glob("*.whl")) if options.split else []:
        for part in split(path, options.split * 1_000_000):
            print(f"{part.name}: {part.stat().st_size / 1e6:.0f} MB")
    return int(bool(failed))


def pinned_versions(lock: str) -> dict[str, str]:
    """Versions by name, of a requirements file in which each line is ``name==version``."""
    return dict(_PIN.findall(lock))


def pip_arguments(wanted: str, folder: Path, python: str) -> list[str]:
    """What Python is told to download one wheel for another one's machine; from wherever pip is set up to look."""
    platforms = [f"manylinux_2_{number}_x86_64" for number in _GLIBC] + ["manylinux2014_x86_64", "linux_x86_64"]
    return [
        *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"),
        *(
            "--implementation",
            "cp",
            "--python-version",
            python,
            "--abi",
            f"cp{python.replace('.', '')}",
            "--abi",
            "abi3",
            "--abi",
            "none",
        ),
        *(argument for platform in platforms for argument in ("--platform", platform)),
        *("--dest", str(folder), wanted),
    ]


def split(path: Path, size: int) -> list[Path]:
    """Cuts a wheel that is larger into ``NAME.whl.001`` and so on, which ``benchmarks.gpu --wheels`` joins; the wheel goes.

    Args:
        path: The wheel.
        size: Most bytes of a part.
    """
    if path.stat().st_size <= size:
        return []
    parts = []
    with path.open("rb") as source:
        for number, content in enumerate(iter(lambda: source.read(size), b""), 1):
            parts.append(path.with_name(f"{path.name}.{number:03}"))
            parts[-1].write_bytes(content)
    path.unlink()
    return parts


def _pycuda(options: argparse.Namespace) -> str:
    """Builds pycuda's wheel; what came of it."""
    interpreter = options.interpreter or f"python{options.python}"
    try:
        return f"{_PYCUDA}: built as {build_pycuda(_PYCUDA_VERSION, options.to, interpreter, options.cuda).name}"
    except BuildError as error:
        return f"{_PYCUDA}: not built: {error}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.wheels", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="where wheels are put")
    parser.add_argument("--python", default="3.12", help="Python of the machine with the GPU (default: %(default)s)")
    parser.add_argument("--also", nargs="+", default=[], metavar="NAME", help="further packages, such as aiokafka")
    parser.add_argument("--no-pycuda", action="store_true", help="do not build pycuda")
    parser.add_argument(
        "--cuda", type=Path, metavar="DIR", help="folder with include/cuda.h for pycuda (default: CUDA 13.0's, by pip)"
    )
    parser.add_argument(
        "--interpreter",
        help="Python, with headers, of the same version as --python: it builds pycuda (default: pythonX.Y on the path)",
    )
    parser.add_argument("--split", type=int, metavar="MB", help="cut larger wheels into parts, where files may only be so large")
    return parser


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "pip gave no reason"


if __name__ == "__main__":
    raise SystemExit(main())
