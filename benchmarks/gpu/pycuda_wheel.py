"""Builds a wheel of pycuda, which is published as source alone, on a machine that needs neither a GPU nor a driver for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["BuildError", "build_pycuda"]

_HEADERS = ("nvidia-cuda-runtime==13.0.*", "nvidia-cuda-profiler-api==13.0.*")
"""Drivers that serve CUDA 13.0 or later know all that is in them."""
_DRIVER = "libcuda.so.1"
_MINUTES = 15


class BuildError(Exception):
    """The wheel could not be built; the text says what failed."""


def build_pycuda(version: str, target: Path, interpreter: str, toolkit: Path | None = None) -> Path:
    """Builds the wheel: a minute or two on one core.

    pycuda links against the driver, which such a machine lacks: an empty library of its name stands in, and is not packed.

    Args:
        version: Which one.
        target: Where the wheel is put.
        interpreter: Python for which it is built; its headers must be here.
        toolkit: Folder with CUDA's headers (``include/cuda.h``); None: pip brings those of CUDA 13.0.

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
        headers = _HEADERS if toolkit is None else ()
        _run([python, "-m", "pip", "install", "--quiet", "setuptools", "wheel", "numpy", *headers], work)
        if toolkit is None:
            toolkit = next((work / "environment").glob("lib/python*/site-packages/nvidia/cu13"), work)
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
        # The stand-in has nothing in it that is needed, and yet the module must ask for the driver when it is loaded.
        _run([python, *build], source, CUDA_ROOT=str(toolkit), LDFLAGS="-Wl,--no-as-needed")
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
        errors = [line for line in lines if "error: " in line]
        raise BuildError(f"{' '.join(arguments[:4])} failed: {(errors or lines or ['no reason given'])[-1][:300]}")
