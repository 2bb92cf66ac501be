"""Builds a wheel of pycuda on a machine that has CUDA's headers, and neither a GPU nor a driver."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["BuildError", "build_pycuda", "find_toolkit"]

_HEADER = ("include", "cuda.h")
_DRIVER = "libcuda.so.1"
_MINUTES = 15


class BuildError(Exception):
    """The wheel could not be built; the text says what failed."""


def find_toolkit() -> Path | None:
    """A folder with CUDA's headers: that of the environment, of nvcc, of the wheels that torch brings, or the usual one."""
    candidates = [Path(found) for name in ("CUDA_ROOT", "CUDA_HOME", "CUDA_PATH") if (found := os.environ.get(name))]
    if nvcc := shutil.which("nvcc"):
        candidates.append(Path(nvcc).resolve().parents[1])
    if (brought := importlib.util.find_spec("nvidia")) is not None:
        candidates += [folder for place in brought.submodule_search_locations or [] for folder in sorted(Path(place).glob("cu*"))]
    candidates.append(Path("/usr/local/cuda"))
    return next((folder for folder in candidates if folder.joinpath(*_HEADER).is_file()), None)


def build_pycuda(version: str, toolkit: Path, target: Path, interpreter: str) -> Path:
    """Builds the wheel: a minute or two on one core.

    pycuda links against the driver, which such a machine lacks: an empty library of its name stands in, and is not packed.

    Args:
        version: Which one.
        toolkit: Folder with CUDA's headers.
        target: Where the wheel is put.
        interpreter: Python for which it is built; its headers must be here.

    Returns:
        The wheel.

    Raises:
        BuildError: something is missing, or a step failed.
    """
    for tool in ("gcc", "g++", interpreter):
        if shutil.which(tool) is None:
            raise BuildError(f"{tool} is not here")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _run([interpreter, "-m", "venv", str(work / "environment")], work)
        python = str(work / "environment" / "bin" / "python")
        _run([python, "-m", "pip", "install", "--quiet", "setuptools", "wheel", "numpy"], work)
        download = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-binary=:all:",
            "--dest",
            str(work),
        ]
        _run([python, *download, f"pycuda=={version}"], work)
        archive = next(work.glob("pycuda-*.tar.gz"), None)
        if archive is None:
            raise BuildError("pip brought no source of pycuda")
        with tarfile.open(archive) as packed:
            packed.extractall(work, filter="data")
        source = archive.with_name(archive.name.removesuffix(".tar.gz"))
        stub = work / "driver"
        stub.mkdir()
        _run(["gcc", "-shared", "-x", "c", "/dev/null", f"-Wl,-soname,{_DRIVER}", "-o", str(stub / "libcuda.so")], work)
        configure = ["configure.py", f"--cuda-root={toolkit}", "--no-cuda-enable-curand", f"--cudadrv-lib-dir={stub}"]
        _run([python, *configure], source)
        build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), "."]
        _run([python, *build], source, CUDA_ROOT=str(toolkit))
    return max(target.glob("pycuda-*.whl"), key=lambda path: path.stat().st_mtime)


def _run(arguments: Sequence[str], folder: Path, **environment: str) -> None:
    try:
        result = subprocess.run(
            arguments,
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60 * _MINUTES,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{arguments[0]}: {error}") from error
    if result.returncode != 0:
        lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        raise BuildError(f"{' '.join(arguments[:4])} failed: {(errors or lines or ['no reason given'])[-1][:300]}")
