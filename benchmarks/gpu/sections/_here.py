"""What a section must know about the machine before it begins."""

from __future__ import annotations

from benchmarks.gpu.job import Job
from inference.engines.gpu import NoGpuError, find_gpu

__all__ = ["why_not_here", "why_not_torch"]


def why_not_here(job: Job) -> str:
    """Why nothing can run on the job's GPU; empty: it can, or the job is for the CPU."""
    if job.gpu is None:
        return ""
    try:
        find_gpu(job.gpu)
    except NoGpuError as error:
        return str(error)
    return ""


def why_not_torch(job: Job) -> str:
    """Why torch cannot work on the job's device; empty: it can."""
    reason = why_not_here(job)
    if reason:
        return reason
    import torch  # late: a machine without a GPU need not wait for it

    if job.gpu is not None and not torch.cuda.is_available():
        return f"this build of torch ({torch.__version__}) cannot use the GPU"
    return ""
