"""Clips of the city that come with the product, and what they truly show. Nothing here draws; see `simulation.rendering`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulation.city.scenario import Scenario
from simulation.city.sightings import Sightings
from simulation.city.storage import load_sightings, shipped_scenario

__all__ = ["SHIPPED_FOOTAGE", "Footage", "shipped_footage"]

SHIPPED_FOOTAGE: Final = ("demo",)
"""Scenarios whose clips come with the product."""

_FOLDER: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Footage:
    """The clips of a scenario.

    Attributes:
        scenario: Who drives where; colours, bodies and types of vehicles are found there by their numbers.
        clips: By camera id, H.264 in MP4; all begin at the scenario's start.
        truth: By camera id.
        fps: Frames a second; frame f of a clip shows the city at f / fps seconds.
        seconds: Length of the clips.
    """

    scenario: Scenario
    clips: Mapping[str, Path]
    truth: Mapping[str, Sightings]
    fps: float
    seconds: float


def shipped_footage(name: str = "demo") -> Footage:
    """The clips that come with the product.

    Raises:
        ValueError: there are none of this name.
        FileNotFoundError: the clips are missing, as in a copy of the sources without them.
    """
    if name not in SHIPPED_FOOTAGE:
        raise ValueError(f"there is no footage {name}; expected {' or '.join(SHIPPED_FOOTAGE)}")
    scenario = shipped_scenario(name)
    folder = _FOLDER / name
    clips = {camera.id: folder / f"{camera.id}.mp4" for camera in scenario.cameras}
    missing = [path for path in (*clips.values(), folder / "truth.npz") if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]}: missing; python -m simulation.rendering.footage {name} --out {folder} makes it")
    truth = load_sightings(folder / "truth.npz")
    fps = next(iter(truth.values())).fps
    return Footage(scenario, clips, truth, fps, scenario.seconds)
