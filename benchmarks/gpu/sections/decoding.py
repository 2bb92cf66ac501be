"""Decoding: how many 1080p streams NVDEC and the CPU decode, and whether both give the same pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._here import why_not_torch
from benchmarks.gpu.sections.footage import DRAWN, FPS, REAL
from inference.threads import available_cores
from streams.sources import ON_CPU, Decoder, FileSource, Picture, SourceError
from throughline.settings import CameraSettings
from throughline.types import DeviceImage, Image, host_image

__all__ = ["TABLE", "decode_rate", "first_pictures", "run"]

TABLE = "decoding"
_SECONDS = 2.0
_CONVERTED = 5
"""Of so many pictures one is turned to BGR: from 25 a second that are decoded, five a second that are looked at."""
_COMPARED = 8
_GREYS = 3.0
"""Grey levels by which the two decoders' pictures may differ on average: they convert colours in other ways."""
_STREAMS_ON_GPU = (1, 4, 16, 32)


def run(job: Job) -> Iterator[Line]:
    """NVDEC against the CPU on the footage that an earlier section has made."""
    clips = [job.work / name for name in (REAL, DRAWN) if (job.work / name).is_file()]
    if not clips:
        yield Line(TABLE, {"what": "decoding"}, "not run", note="no footage was made")
        return
    clip = clips[0]
    cores = available_cores()
    for streams in dict.fromkeys((1, cores)):
        yield _line("CPU", streams, clip, ON_CPU)
    reason = "the CPU was asked for" if job.gpu is None else why_not_torch(job)
    if job.gpu is None or reason:
        yield Line(TABLE, {"decoder": "NVDEC"}, "not run", note=reason)
        return
    yield from _nvdec(job, clip, Decoder(job.gpu))


def _nvdec(job: Job, clip: Path, decoder: Decoder) -> Iterator[Line]:
    labels = {"decoder": "NVDEC"}
    try:
        found = first_pictures(clip, decoder)
    except SourceError as error:
        yield Line(TABLE, labels, "failed", note=str(error))
        return
    if not all(isinstance(picture, DeviceImage) for picture in found):
        yield Line(TABLE, labels, "missing", note="the stream was decoded on the CPU: the GPU's decoder does not take it")
        return
    expected = first_pictures(clip, ON_CPU)
    pairs = zip(found, expected, strict=True)
    off = max(float(np.abs(host_image(one).astype(np.float32) - host_image(other)).mean()) for one, other in pairs)
    if not off <= _GREYS:
        yield Line(
            TABLE, labels, "wrong", note=f"its pictures are off by {off:.2f} grey levels on average, {_GREYS:g} is allowed"
        )
        return
    yield Line(TABLE, labels, note=f"pictures stay on the GPU, off by {off:.2f} grey levels on average from the CPU's")
    best = 0.0
    for streams in _STREAMS_ON_GPU:
        if job.left() < _SECONDS + 4:
            yield Line(TABLE, {**labels, "streams": str(streams)}, "not run", note="the time of this section was over")
            return
        line = _line("NVDEC", streams, clip, decoder)
        yield line
        rate = float(line.figures.get("frames a second", 0.0))
        if rate < 1.1 * best:  # more streams bring no more
            return
        best = max(best, rate)


def first_pictures(clip: Path, decoder: Decoder, count: int = _COMPARED) -> list[Image | DeviceImage]:
    """The first pictures of a clip, where they were decoded."""
    source = _source(clip, decoder)
    source.open()
    try:
        pictures = (picture for reading in source.readings() for picture in reading.pictures)
        return [picture.to_bgr() for picture in islice(pictures, count)]
    finally:
        source.close()


def decode_rate(clip: Path, decoder: Decoder, streams: int, seconds: float) -> float:
    """Frames a second of so many streams together, each in a thread of its own.

    Raises:
        SourceError: one of them failed.
    """
    counts = [0] * streams
    errors: list[Exception] = []
    ready = threading.Barrier(streams + 1)
    stop = threading.Event()

    def work(number: int) -> None:
        source = _source(clip, decoder)
        try:
            source.open()
            pictures: Iterator[Picture] = (picture for reading in source.readings() for picture in reading.pictures)
            next(pictures)
            ready.wait(60)
            for picture in pictures:
                counts[number] += 1
                if counts[number] % _CONVERTED == 0:
                    picture.to_bgr()
                if stop.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            errors.append(error)
            ready.abort()
        finally:
            source.close()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(streams)]
    for thread in threads:
        thread.start()
    try:
        ready.wait(60)
        before, began = sum(counts), time.perf_counter()
        time.sleep(seconds)
        rate = (sum(counts) - before) / (time.perf_counter() - began)
    except threading.BrokenBarrierError:
        rate = 0.0
    stop.set()
    for thread in threads:
        thread.join(10)
    if errors:
        cause = next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), errors[0])
        raise SourceError("error", f"one of {streams} streams failed: {cause}")
    return rate


def _line(name: str, streams: int, clip: Path, decoder: Decoder) -> Line:
    labels = {"decoder": name, "streams": str(streams)}
    try:
        rate = decode_rate(clip, decoder, streams, _SECONDS)
    except SourceError as error:
        return Line(TABLE, labels, "failed", note=str(error))
    note = f"{clip.stem} footage; one frame of {_CONVERTED} turned to BGR"
    return Line(TABLE, labels, figures={"frames a second": rate, f"streams of {FPS} a second": rate / FPS}, note=note)


def _source(clip: Path, decoder: Decoder) -> FileSource:
    return FileSource(CameraSettings(id="c01", url=str(clip), loop=True, realtime=False), 0, decoder)
