"""Tracks that the tracker is held to: of a scene drawn here, and how well it does on a real clip.

``python -m tests.support.golden_tracks`` tracks both anew and writes what the tests compare with: run it after a change of the
tracker that is meant, and look at the difference before it is committed. Without the clips the numbers of the clips stay.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._tracker_peers import Throughline
from benchmarks._tracking_scores import score
from benchmarks._tracking_sets import Drop, drop_frames, load_sets
from streams.recorded import track_recorded
from tests.support.tracking import degraded, driving
from throughline.formats.detections import detection_lines, read_detections
from throughline.formats.mot import MotRow, write_mot
from throughline.settings import Site, TrackingSettings
from throughline.types import Detections

__all__ = ["DROPS", "FOLDER", "SETTINGS", "ClipScore", "clip_scores", "golden_rows", "read_scores"]

FOLDER = Path(__file__).parents[1] / "data" / "golden_tracks"
DROPS: tuple[Drop, ...] = ("full", "random")
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "all-switches": {
        "gate": "place",
        "gate_probability": 0.999,
        "cascade": True,
        "direction_weight": 0.2,
        "max_lost": 0.6,
        "output_box": "filtered",
        "rejoin": {"by_motion_alone": True},
    },
}
"""By the name of the file that holds the tracks."""

_SIZE = (960, 540)
_FPS = 10.0


@dataclass(frozen=True, slots=True)
class ClipScore:
    """How well the clips of a toll road are tracked, from true boxes degraded with seed 1."""

    hota: float
    idf1: float
    switches: int
    tracks: int


def golden_rows(name: str) -> tuple[MotRow, ...]:
    """The tracks of the drawn scene, as the files in `FOLDER` have it, under the settings of that name."""
    site = Site.model_validate(
        {"site": "golden", "tracking": SETTINGS[name], "cameras": [{"id": "c01", "fps": _FPS, "size": _SIZE}]}
    )
    (recorded,) = read_detections(FOLDER / "detections", site)
    return track_recorded(site.tracking, site.cameras[0], recorded).rows


def clip_scores(data: Path) -> dict[str, ClipScore]:
    """By which frames are dropped."""
    clips = load_sets(data, ("toll road, degraded",), (1,))
    scores: dict[str, ClipScore] = {}
    for drop in DROPS:
        shown = [drop_frames(clip, drop) for clip in clips]
        results = [Throughline(TrackingSettings()).run(clip) for clip in shown]
        found = score(shown, results)
        tracks = sum(len(np.unique(result.ids)) for result in results)
        scores[drop] = ClipScore(round(found.hota, 3), round(found.idf1, 3), round(found.switches), tracks)
    return scores


def read_scores() -> dict[str, ClipScore]:
    """What `clip_scores` was when it was last written."""
    found = json.loads((FOLDER / "toll_road.json").read_text())
    return {drop: ClipScore(**numbers) for drop, numbers in found.items()}


def _scene() -> tuple[list[int], list[Detections]]:
    """Frame numbers and detections: traffic both ways and across, a parked car, one hidden for a while; frames dropped."""
    fleet = [((-60.0, 300.0 + 6 * k, 30.0, 355.0 + 6 * k), (210.0 + 15 * k, 0.0), 1.3 * k, 9.0) for k in range(4)]
    fleet += [((930.0, 230.0, 1020.0, 285.0), (-240.0, 0.0), 0.4 + 1.9 * k, 9.0) for k in range(3)]
    fleet += [((450.0, -50.0, 505.0, 0.0), (9.0, 140.0), 0.8 + 2.6 * k, 9.0) for k in range(3)]
    fleet += [((700.0, 320.0, 780.0, 375.0), (0.0, 0.0), 0.0, 9.0)]
    fleet += [((100.0, 420.0, 190.0, 480.0), (130.0, 0.0), 0.0, 2.5), ((594.0, 420.0, 684.0, 480.0), (130.0, 0.0), 3.8, 9.0)]
    random = np.random.default_rng(20)
    numbers, seen = [], []
    for number, (_, found) in enumerate(degraded(driving(fleet, 9.0, _FPS), 4, jitter=0.02), start=1):
        if random.random() < 0.25:
            continue
        inside = (found.boxes[:, 0] < _SIZE[0]) & (found.boxes[:, 2] > 0) & (found.boxes[:, 3] > 0)
        kept = found.select(inside)
        numbers.append(number)
        seen.append(Detections(np.round(kept.boxes * 4) / np.float32(4), np.round(kept.scores, 2), kept.classes))
    return numbers, seen


def _write() -> None:
    detections = FOLDER / "detections"
    detections.mkdir(parents=True, exist_ok=True)
    numbers, seen = _scene()
    (detections / "c01.txt").write_text("".join(detection_lines(*one) for one in zip(numbers, seen, strict=True)))
    (detections / "c01.frames").write_text("".join(f"{number}\n" for number in numbers))
    for name in SETTINGS:
        write_mot(FOLDER / f"{name}.tracks", golden_rows(name))
    data = Path(os.environ.get("THROUGHLINE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if (data / "mot").is_dir():
        numbers_of = {drop: {name: getattr(one, name) for name in one.__slots__} for drop, one in clip_scores(data).items()}
        (FOLDER / "toll_road.json").write_text(json.dumps(numbers_of, indent=2) + "\n")


if __name__ == "__main__":
    _write()
