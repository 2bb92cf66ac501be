"""Every name that the product uses is one that TensorRT 11 and TensorRT-RTX have, with that many arguments.

The product runs on a fake of TensorRT in the tests, and so uses nothing that the fake lacks; here the fake is held to the
genuine modules. TensorRT's bindings are genuine, but load libraries that no registry of packages has: empty ones take their
place, so that names and signatures can be read and nothing can be called.
"""

from __future__ import annotations

import enum
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.tensorrt.flavours import TensorRT
from tests.support import fake_tensorrt
from tests.support.api_surface import surface

REPOSITORY = Path(__file__).resolve().parents[3]
LIBRARIES = ("libnvinfer.so.11", "libnvinfer_plugin.so.11", "libnvonnxparser.so.11")
FUNCTIONS = (
    *("createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL"),
    *("createNvOnnxParser_INTERNAL", "createNvOnnxParserRefitter_INTERNAL", "getNvOnnxParserVersion"),
    *("getBuilderPluginRegistry", "getPluginRegistry", "initLibNvInferPlugins"),
)
RTX_ALONE = {
    *("CudaGraphStrategy", "IRuntimeCache"),
    *("IRuntimeConfig.create_runtime_cache", "IRuntimeConfig.set_runtime_cache", "IRuntimeConfig.cuda_graph_strategy"),
}
ATTRIBUTES = ("ITensor.name", "ITensor.shape", "IRuntimeConfig.cuda_graph_strategy")
"""What the fake sets on its objects, so that its classes do not show it."""

Used = dict[str, dict[str, int | None]]


def _used() -> Used:
    """By class, what the product uses: for a method the number of arguments, for anything else None."""
    used: Used = {}
    for name, kind in vars(fake_tensorrt).items():
        if not inspect.isclass(kind) or kind.__module__ != fake_tensorrt.__name__ or name in ("FakeApi", "Severity"):
            continue
        used[name] = {}
        if issubclass(kind, enum.Enum):
            used[name] = dict.fromkeys(kind.__members__)
            continue
        for member, value in vars(kind).items():
            if not member.startswith("_") and name != "ILogger":
                used[name][member] = len(inspect.signature(value).parameters) - 1 if inspect.isfunction(value) else None
    for attribute in ATTRIBUTES:
        name, member = attribute.split(".")
        used[name][member] = None
    return used


def _wrong(offered: dict[str, dict[str, Any]], *, rtx: bool) -> list[str]:
    wrong = []
    for name, members in _used().items():
        for member, arguments in members.items():
            if not rtx and {name, f"{name}.{member}"} & RTX_ALONE:
                continue
            if member not in offered.get(name, {}):
                wrong.append(f"{name}.{member} is not there")
                continue
            overloads = offered[name][member]
            if arguments is not None and not any(least <= arguments <= most for least, most in overloads):
                wrong.append(f"{name}.{member} does not take {arguments} arguments but {overloads}")
    return wrong


def test_the_fake_has_something_to_compare() -> None:
    used = _used()
    assert used["IExecutionContext"]["execute_async_v3"] == 1
    assert used["IOptimizationProfile"]["set_shape"] == 4
    assert "device_memory_size_v2" in used["ICudaEngine"]
    assert sum(len(members) for members in used.values()) > 50


def test_tensorrt_rtx_has_all_of_it(rtx: TensorRT) -> None:
    assert _wrong(surface(rtx.api.__name__, list(_used())), rtx=True) == []
    assert callable(rtx.api.nptype)


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libraries that hold the names TensorRT's bindings ask for when they are loaded, and nothing else."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("stubs")
    source = folder / "stub.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for library in LIBRARIES:
        command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{library}", str(source), "-o", str(folder / library)]
        subprocess.run(command, check=True, timeout=60)
    return folder


def test_tensorrt_11_has_all_of_it(stubs: Path) -> None:
    if importlib.util.find_spec("tensorrt_bindings") is None:
        pytest.skip("needs tensorrt-cu13-bindings")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.api_surface", "tensorrt_bindings", *_used()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "LD_LIBRARY_PATH": str(stubs)},
    )
    assert ended.returncode == 0, ended.stderr
    assert _wrong(json.loads(ended.stdout), rtx=False) == []


def test_what_is_not_there_is_found(rtx: TensorRT) -> None:
    offered = surface(rtx.api.__name__, list(_used()))
    del offered["IExecutionContext"]["set_input_shape"]
    offered["IOptimizationProfile"]["set_shape"] = [[3, 3]]
    assert _wrong(offered, rtx=True) == [
        "IOptimizationProfile.set_shape does not take 4 arguments but [[3, 3]]",
        "IExecutionContext.set_input_shape is not there",
    ]
