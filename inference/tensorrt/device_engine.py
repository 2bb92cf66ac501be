"""Networks on an NVIDIA GPU through TensorRT, fed with what lies there already."""

from __future__ import annotations

import torch

from inference.tensorrt.engine import Identity, TensorRTEngine
from inference.tensorrt.loading import LoadedPlan
from inference.tensorrt.torch_memory import TorchArray, TorchMemory, TorchStream
from inference.tensorrt.worker import Worker

__all__ = ["TensorRTDeviceEngine"]


class TensorRTDeviceEngine(TensorRTEngine):
    """`inference.engines.protocol.DeviceEngine` by TensorRT, with memory and streams of torch.

    Args:
        plan: The network on the GPU.
        memory: Torch's memory on the same GPU.
        identity: What it says about itself.
        cuda_graphs: Replay each pass as one graph, where that can be.
    """

    def __init__(self, plan: LoadedPlan, memory: TorchMemory, identity: Identity, *, cuda_graphs: bool = True) -> None:
        super().__init__(plan, memory, identity, cuda_graphs=cuda_graphs)
        self._torch = memory

    @property
    def device(self) -> torch.device:
        """The GPU."""
        return self._torch.device

    def infer_tensors(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Runs the network; see `inference.engines.protocol.DeviceEngine.infer_tensors`. Waits for nothing on the GPU."""
        self._check(tuple(batch.shape))
        if batch.device != self.device or batch.dtype != torch.float32:
            raise ValueError(f"{self.name} takes float32 on {self.device}, not {batch.dtype} on {batch.device}")
        with self._torch.current():
            outputs = tuple(
                torch.empty((len(batch), *shape), dtype=torch.float32, device=self.device) for shape in self.output_shapes
            )
        if len(batch) == 0:
            return outputs
        caller = self._torch.callers_stream()
        with self._reported(len(batch)), self._workers.borrow() as worker:
            self._queue(worker, caller, batch, outputs)
        return outputs

    def _queue(self, worker: Worker, caller: TorchStream, batch: torch.Tensor, outputs: tuple[torch.Tensor, ...]) -> None:
        """Queues all passes on the worker's stream, between what the caller has queued and what it will queue.

        Batch and outputs belong to the caller's stream, and that waits for the worker's: so their memory is not used for
        anything else before the worker is done with it. The next borrower's work comes behind this one's on the same stream.
        """
        stream = worker.stream
        assert isinstance(stream, TorchStream)  # noqa: S101 - its memory is torch's
        stream.native.wait_stream(caller.native)
        with self._torch.queueing_on(stream):
            for rows in self._passes(len(batch)):
                count = rows.stop - rows.start
                _tensor(worker.input)[:count].copy_(batch[rows], non_blocking=True)
                worker.run(count)
                for buffer, output in zip(worker.outputs, outputs, strict=True):
                    output[rows].copy_(_tensor(buffer)[:count], non_blocking=True)
        caller.native.wait_stream(stream.native)


def _tensor(array: object) -> torch.Tensor:
    assert isinstance(array, TorchArray)  # noqa: S101 - its memory is torch's
    return array.tensor
