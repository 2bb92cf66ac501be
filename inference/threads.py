"""How many threads numerical libraries may start: one for each of our own workers, in one place.

Libraries that start a thread for each core fight over the cores as soon as several workers call them at once: measured,
a detector takes up to three times as long. Parallelism comes from `inference.batcher.InferenceWorkers` instead.
"""

from __future__ import annotations

import os

__all__ = ["available_cores", "limit_threads"]

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def limit_threads() -> None:
    """Tells OpenCV, OpenMP and the BLAS libraries to use the caller's thread only.

    Call it first thing in a process, before numpy is imported: BLAS libraries read their variables when they are loaded. A
    variable that the user has set stays as it is. Child processes inherit the setting.
    """
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")
    import cv2  # late: importing it loads numpy, which must find the variables set

    cv2.setNumThreads(1)


def available_cores() -> int:
    """Cores this process may run on; containers and ``taskset`` allow fewer than the machine has."""
    return len(os.sched_getaffinity(0))
