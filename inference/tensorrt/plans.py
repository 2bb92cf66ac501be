"""Where built plans are kept: one file for each network, GPU kind and precision, replaced when it no longer fits.

A plan holds code that runs when it is loaded. So plans come from this folder alone, and only files that this user owns and
nobody else may write are read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from throughline.cache import cache_folder

__all__ = ["Plan", "PlanCache", "PlanKey", "PlanState", "plan_folder"]

PlanState: TypeAlias = Literal["cached", "missing", "stale", "foreign", "broken"]
"""What was found: ``cached`` (it fits), ``missing``, ``stale`` (of another TensorRT, driver or options), ``foreign`` (of another
network or GPU, or a file that others may write), ``broken`` (damaged, or TensorRT cannot load it)."""

_MAGIC: Final = b"throughline plan 1\n"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlanKey:
    """All that a plan depends on.

    Attributes:
        graph: SHA-256 of the ONNX file that was built.
        flavour: Which TensorRT built it.
        version: All of its version.
        gpu: ``sm90`` for compute capability 9.0, or ``any`` where kernels are compiled when it runs.
        driver: Version of CUDA that the driver serves, or ``any``.
        precision: ``float32``, ``float16`` or ``int8``.
        max_batch: Most pictures in one pass.
        options: What else was asked of the builder.
    """

    graph: str
    flavour: str
    version: str
    gpu: str
    driver: str
    precision: str
    max_batch: int
    options: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """Of the plan; what goes stale with time is not in it, so that a new plan takes the place of the old one."""
        return f"{self.graph[:16]}-{self.flavour}-{self.gpu}-{self.precision}-{self.max_batch}.plan"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan with what the product must know beside it.

    Attributes:
        content: What TensorRT loads.
        outputs: Names of the network's outputs in the order of its ONNX file.
        metadata: What the ONNX file says about itself.
    """

    content: bytes
    outputs: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


class PlanCache:
    """Plans in a folder.

    Args:
        folder: Made when the first plan is stored; default: `plan_folder`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = plan_folder() if folder is None else folder

    def path(self, key: PlanKey) -> Path:
        """Where the plan of this key is or would be."""
        return self.folder / key.file_name

    def make_folder(self) -> None:
        """Makes the folder, for this user alone."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load(self, key: PlanKey) -> tuple[Plan | None, PlanState]:
        """The plan of this key, if it is there and fits, and what was found. Never raises for what a file holds."""
        try:
            content = _read_private(self.path(key))
        except FileNotFoundError:
            return None, "missing"
        except PermissionError:
            return None, "foreign"
        except OSError:
            return None, "broken"
        return _unpack(content, key)

    def store(self, key: PlanKey, plan: Plan) -> Path:
        """Keeps a plan; the file appears complete or not at all, and takes the place of an older one.

        Raises:
            OSError: it cannot be written.
        """
        header = {
            "key": asdict(key),
            "sha256": hashlib.sha256(plan.content).hexdigest(),
            "outputs": plan.outputs,
            "metadata": dict(plan.metadata),
        }
        path = self.path(key)
        self._write(path, [_MAGIC, json.dumps(header).encode() + b"\n", plan.content])
        return path

    def load_extra(self, name: str) -> bytes:
        """What was kept beside the plans under this name, such as measured times of kernels; empty: nothing that may be used."""
        try:
            return _read_private(self.folder / name)
        except OSError:
            return b""

    def store_extra(self, name: str, content: bytes) -> None:
        """Keeps something beside the plans that saves time next time, if the folder can be written."""
        try:
            self._write(self.folder / name, [content])
        except OSError as error:
            _logger.warning("%s cannot be written: %s", self.folder / name, error)

    def _write(self, path: Path, parts: list[bytes]) -> None:
        self.make_folder()
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=self.folder)  # only its owner may read or write it
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise


def plan_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``throughline/plans`` in the user's cache."""
    return cache_folder("plans", environment)


def _read_private(path: Path) -> bytes:
    """A file of this user that nobody else may write.

    Raises:
        PermissionError: it is another's, others may write it, or it is no plain file.
        OSError: it is not there or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
            raise PermissionError(f"{path} may have been written by others")
        return file.read()


def _unpack(content: bytes, key: PlanKey) -> tuple[Plan | None, PlanState]:
    if not content.startswith(_MAGIC):
        return None, "broken"
    line, _, plan = content[len(_MAGIC) :].partition(b"\n")
    try:
        header = json.loads(line)
        found = PlanKey(**{**header["key"], "options": tuple(header["key"]["options"])})
        outputs = tuple(str(name) for name in header["outputs"])
        metadata = {str(name): str(value) for name, value in header["metadata"].items()}
        intact = header["sha256"] == hashlib.sha256(plan).hexdigest()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, "broken"
    if (found.graph, found.flavour, found.gpu, found.precision) != (key.graph, key.flavour, key.gpu, key.precision):
        return None, "foreign"
    if found != key:
        return None, "stale"
    if not intact:
        return None, "broken"
    return Plan(plan, outputs, metadata), "cached"
