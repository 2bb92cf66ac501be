"""Limiting the threads of libraries, in a process of its own: the limits are set before numpy is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import os, sys
from inference.threads import limit_threads
assert "numpy" not in sys.modules and "cv2" not in sys.modules
limit_threads()
import cv2
import numpy as np
np.ones((600, 600)) @ np.ones((600, 600))
print(cv2.getNumThreads(), os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task")))
"""


def _run(**variables: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment | variables, capture_output=True, text=True, check=True, timeout=120
    )
    return result.stdout.split()


def test_libraries_keep_to_the_callers_thread() -> None:
    assert _run() == ["1", "1", "1", "1"]


def test_what_the_user_has_set_stays() -> None:
    assert _run(OMP_NUM_THREADS="3")[1:3] == ["3", "1"]
