from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import _footage_detections
from benchmarks._footage_detections import footage_detections
from tests.support.clips import coded_picture, write_clip
from tests.support.onnx_models import write_yolox


def test_the_detector_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    video = write_clip(tmp_path / "clip.mp4", [coded_picture(number) for number in (0, 255, 0)])
    model = write_yolox(tmp_path / "model.onnx")
    first = footage_detections(video, model)
    assert len(first) == 3
    assert sum(map(len, first)) > 0

    def refuse(*_: object) -> None:
        raise AssertionError("the detector ran again")

    monkeypatch.setattr(_footage_detections, "_detect", refuse)
    again = footage_detections(video, model)
    assert [len(frame) for frame in again] == [len(frame) for frame in first]
    for here, there in zip(first, again, strict=True):
        assert np.array_equal(here.boxes, there.boxes)
        assert np.array_equal(here.scores, there.scores)
        assert np.array_equal(here.classes, there.classes)
    other = write_clip(tmp_path / "other.mp4", [coded_picture(7)])
    with pytest.raises(AssertionError, match="ran again"):
        footage_detections(other, model)
