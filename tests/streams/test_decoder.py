"""Where pictures are decoded, and what becomes of them there; planes in memory stand in for those on a GPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame
from structlog.testing import capture_logs

from inference.batcher import InferenceWorkers
from inference.colour_histogram import ColourHistogramEmbedder
from inference.engines.gpu import Gpu, NoGpuError
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.torch_engine import TorchEngine
from inference.models import Models
from inference.motion import MotionDetector
from inference.onnx_embedder import OnnxEmbedder
from inference.pictures.device_image import TensorImage
from inference.yolox import YoloxDetector
from streams.analysis import CameraAnalysis
from streams.clock import Timing
from streams.media import Media
from streams.sources import ON_CPU, Decoder, FileSource, RtspSource, SourceError, decoder, decoder_for
from streams.sources.pyav_source import AvPicture
from throughline.messages import Tracklet
from throughline.settings import CameraSettings, Site, StreamSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import to_instant
from throughline.types import ClockSource, Frame, Pixels, host_image

WEIGHTS = Path(__file__).resolve().parents[2] / "inference" / "weights"


@dataclass(frozen=True)
class Named:
    name: str


class OnGpu:
    """A frame as the GPU's decoder gives it, but for where its planes lie."""

    def __init__(self, frame: VideoFrame, kind: str = "nv12") -> None:
        self._frame = frame.reformat(format=kind)
        self.format, self.sw_format = Named("cuda"), Named(kind)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._frame, name)


def picture(frame: VideoFrame | OnGpu) -> AvPicture:
    return AvPicture(frame, Timing(0))  # type: ignore[arg-type]  # it is asked for no more than `OnGpu` has


def frames_of(path: Path) -> list[VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(("tag", "full_range"), [(2, 0), (1, 1), (6, 1), (9, 1), (6, 2)])
def test_a_picture_decoded_on_the_gpu_stays_there_and_looks_the_same(clip: Path, tag: int, full_range: int) -> None:
    frame = frames_of(clip)[3]
    frame.colorspace, frame.color_range = tag, full_range
    held = OnGpu(frame)
    held._frame.colorspace, held._frame.color_range = tag, full_range
    found, expected = picture(held).to_bgr(), picture(frame).to_bgr()
    assert isinstance(found, TensorImage)
    assert isinstance(expected, np.ndarray)
    assert found.shape == expected.shape
    difference = np.abs(found.download().astype(int) - expected)
    assert difference.mean() < 2
    assert np.percentile(difference, 95) <= 6


def test_a_format_that_is_not_known_is_fetched(clip: Path) -> None:
    held = OnGpu(frames_of(clip)[0], "yuv444p")
    assert isinstance(picture(held).to_bgr(), np.ndarray)


class TestWhereToDecode:
    @pytest.fixture(autouse=True)
    def _gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine with a GPU that decodes, and with torch."""
        monkeypatch.setattr(decoder, "find_gpu", lambda number: Gpu(number, "a GPU", (9, 0), 1 << 36, "13.2"))
        monkeypatch.setattr(Decoder, "hardware", lambda _: HWAccel("cuda"))

    def site(self, decoder: str = "auto", detector: str = "default", **engine: Any) -> Site:
        models = {"detector": detector, "engine": engine}
        return Site.model_validate({"site": "s", "models": models, "streams": {"decoder": decoder}, "cameras": [{"id": "c01"}]})

    @pytest.mark.parametrize("kind", ["auto", "torch", "tensorrt"])
    def test_on_the_gpu_of_the_networks(self, kind: str) -> None:
        assert decoder_for(self.site(kind=kind, gpu=1)) == Decoder(1)

    @pytest.mark.parametrize(
        ("detector", "engine"),
        [
            ("default", {"kind": "onnxruntime"}),
            ("default", {"kind": "openvino"}),
            ("motion", {"kind": "auto"}),
            ("default", {"kind": "tensorrt", "memory": "pycuda"}),
        ],
    )
    def test_in_memory_where_pictures_are_wanted_there(self, detector: str, engine: dict[str, Any]) -> None:
        assert decoder_for(self.site(detector=detector, **engine)) == ON_CPU

    def test_where_it_is_told(self) -> None:
        assert decoder_for(self.site("cpu", kind="torch")) == ON_CPU
        assert decoder_for(self.site("cuda", kind="onnxruntime", gpu=2)) == Decoder(2)

    def test_in_memory_without_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none(_: int) -> Gpu:
            raise NoGpuError("no driver")

        monkeypatch.setattr(decoder, "find_gpu", none)
        assert decoder_for(self.site()) == ON_CPU

    def test_in_memory_where_the_gpu_does_not_decode(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: Decoder) -> HWAccel:
            raise SourceError("error", "no libnvcuvid")

        monkeypatch.setattr(Decoder, "hardware", fail)
        assert decoder_for(self.site()) == ON_CPU

    def test_in_memory_without_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        assert decoder_for(self.site()) == ON_CPU


def _no_gpu_here() -> bool:
    try:
        Decoder(0).hardware()
    except SourceError:
        return True
    return False


@pytest.mark.skipif(not _no_gpu_here(), reason="this machine has a GPU that decodes")
def test_a_gpu_that_cannot_decode_is_an_error_that_says_what_to_do(
    clip: Path, make_camera: Callable[..., CameraSettings], settings: StreamSettings
) -> None:
    assert ON_CPU.hardware() is None
    for source in (
        FileSource(make_camera(clip), 0, Decoder(0)),
        RtspSource(make_camera("rtsp://127.0.0.1:1/c01"), settings, Decoder(0)),
    ):
        with pytest.raises(SourceError, match=r"GPU 0 cannot decode here .* set streams\.decoder to cpu, or to auto"):
            source.open()


@pytest.mark.skipif(_no_gpu_here(), reason="needs a GPU that decodes")
def test_a_clip_decoded_by_the_gpu(clip: Path, make_camera: Callable[..., CameraSettings]) -> None:
    source = FileSource(make_camera(clip, realtime=False), 0, Decoder(0))
    source.open()
    pictures = [one for reading in source.readings() for one in reading.pictures]
    source.close()
    assert len(pictures) == len(frames_of(clip))
    for found, frame in list(zip(pictures, frames_of(clip), strict=True))[::7]:
        image = found.to_bgr()
        assert isinstance(image, TensorImage)
        assert np.abs(image.download().astype(int) - host_image(picture(frame).to_bgr())).mean() < 2


def test_a_stream_that_the_gpu_does_not_know_is_decoded_in_memory_and_that_is_said_once(
    clip: Path, make_camera: Callable[..., CameraSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Decoder, "hardware", lambda _: None)
    source = FileSource(make_camera(clip, realtime=False), 0, Decoder(0))
    source.open()
    with capture_logs() as logs:
        pictures = [one for reading in source.readings() for one in reading.pictures]
    source.close()
    assert isinstance(pictures[0].to_bgr(), np.ndarray)
    assert [log["event"] for log in logs] == ["decoded on the CPU: the GPU does not know this kind of stream"]


async def _analysed(models: Models, pictures: list[Pixels], metrics: Metrics) -> list[Tracklet]:
    site = Site.model_validate({"site": "s", "cameras": [{"id": "c01"}]})
    media = Media(5, metrics)
    analysis = CameraAnalysis(site, site.cameras[0], models, metrics, media)
    records = []
    for number, image in enumerate(pictures):
        records += await analysis.analyse(Frame("c01", number, to_instant(number / 10), ClockSource.FILE, 0.0, image))
    records += analysis.close("stream_ended")
    assert analysis.analysed == len(pictures)
    preview = media.preview("c01")
    assert preview is not None
    assert any(media.shot(record.best_shot.path.removeprefix("shots/")) for record in records if record.best_shot is not None)
    return records


def _steady(records: list[Tracklet]) -> list[Tracklet]:
    """The last record of each vehicle that was seen often: of others a threshold may decide one way or the other."""
    latest = {record.tracklet: record for record in records}
    return [record for record in latest.values() if record.sightings >= 10]


def _assert_the_same(found: list[Tracklet], expected: list[Tracklet], cosine: float) -> None:
    """Above ``cosine`` on average: a threshold may have chosen another picture of a vehicle."""
    assert len(expected) > 0
    cosines = []
    assert len(found) == len(expected)
    for other in expected:
        place = np.array([other.path[-1].x, other.path[-1].y])
        one = min(found, key=lambda record: float(np.linalg.norm([record.path[-1].x, record.path[-1].y] - place)))
        assert np.linalg.norm([one.path[-1].x, one.path[-1].y] - place) < 4
        assert max(one.types, key=one.types.__getitem__) == max(other.types, key=other.types.__getitem__)
        assert len(one.embeddings) == len(other.embeddings) > 0
        for mine, theirs in zip(one.embeddings, other.embeddings, strict=True):
            cosines.append(float(mine.vector() @ theirs.vector()))
    assert np.mean(cosines) > cosine
    assert min(cosines) > 0.85


async def test_a_camera_is_analysed_alike_wherever_its_pictures_lie(clip: Path) -> None:
    """Without networks on a device: everything that looks at pictures fetches or measures them where they lie."""
    metrics = Metrics()
    workers = InferenceWorkers(1, metrics)
    records = []
    for on_gpu in (True, False):
        models = Models(MotionDetector(workers), ((ColourHistogramEmbedder(workers), 1.0),), (), workers)
        pictures = [picture(OnGpu(frame) if on_gpu else frame).to_bgr() for frame in frames_of(clip)]
        records.append(_steady(await _analysed(models, pictures, metrics)))
    workers.close()
    _assert_the_same(records[0], records[1], 0.98)


@pytest.mark.shared_data
@pytest.mark.slow
async def test_real_footage_is_analysed_alike_by_torch_on_its_device_and_by_onnx_runtime(shared_data: Path) -> None:
    frames = frames_of(shared_data / "clips" / "highway.mp4")[:28:2]
    metrics = Metrics()
    workers = InferenceWorkers(1, metrics)
    records = []
    for on_gpu in (True, False):
        engines = [
            TorchEngine(WEIGHTS / file, device="cpu", precision="float32") if on_gpu else OnnxRuntimeEngine(WEIGHTS / file)
            for file in ("vehicle_detector.onnx", "vehicle_embedder.onnx")
        ]
        models = Models(YoloxDetector(engines[0], workers), ((OnnxEmbedder(engines[1], workers), 1.0),), (), workers)
        pictures = [picture(OnGpu(frame) if on_gpu else frame).to_bgr() for frame in frames]
        records.append(_steady(await _analysed(models, pictures, metrics)))
    workers.close()
    _assert_the_same(records[0], records[1], 0.97)
