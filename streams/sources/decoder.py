"""Where pictures are decoded: on the CPU, or by the decoders of an NVIDIA GPU (NVDEC), whose pictures stay there."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Final

import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available

from inference.engines.gpu import NoGpuError, find_gpu
from streams.sources.protocol import SourceError
from throughline.settings import Site

__all__ = ["ON_CPU", "Decoder", "decoder_for"]

_DEVICE = "cuda"
_ENGINES_ON_GPU = ("auto", "torch", "tensorrt")


@dataclass(frozen=True, slots=True)
class Decoder:
    """Where the pictures of a source are decoded.

    Attributes:
        gpu: Number of the GPU; None: on the CPU.
    """

    gpu: int | None = None

    def hardware(self) -> HWAccel | None:
        """What FFmpeg needs to decode there, None for the CPU. A stream that the GPU cannot decode is decoded on the CPU.

        Raises:
            SourceError: the GPU cannot decode anything here.
        """
        if self.gpu is None:
            return None
        try:
            made = HWAccel(_DEVICE, device=str(self.gpu), allow_software_fallback=True, is_hw_owned=True)
            made.create(Codec("h264", "r"))
        except (av.error.FFmpegError, OSError, NotImplementedError) as error:
            raise SourceError(
                "error",
                f"GPU {self.gpu} cannot decode here ({getattr(error, 'strerror', None) or error}): the driver or its libnvcuvid "
                "is missing; set streams.decoder to cpu, or to auto",
            ) from None
        return made


ON_CPU: Final = Decoder()


def decoder_for(site: Site) -> Decoder:
    """Where ``streams.decoder`` says; with ``auto`` on the GPU if the networks run there and take pictures from there."""
    wanted, engine = site.streams.decoder, site.models.engine
    if wanted == "cpu":
        return ON_CPU
    on_gpu = Decoder(engine.gpu)
    if wanted == "cuda":
        return on_gpu
    feeds_gpu = engine.kind in _ENGINES_ON_GPU and engine.memory == "torch" and site.models.detector != "motion"
    if not feeds_gpu or importlib.util.find_spec("torch") is None or _DEVICE not in hwdevices_available():
        return ON_CPU
    try:
        find_gpu(engine.gpu)
        on_gpu.hardware()
    except (NoGpuError, SourceError):
        return ON_CPU
    return on_gpu
