"""What a rendered picture truly shows: boxes around whole vehicles, and how much of each can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial import ConvexHull

from simulation.city.cameras import NEAR, CityCamera, Floats
from simulation.city.sightings import Sightings
from simulation.city.visibility import LEAST_HEIGHT, orientations_seen
from simulation.rendering.mesh import Model
from simulation.rendering.renderer import PlacedVehicle

__all__ = ["TruthRows", "box_in_picture", "hull_points"]


def hull_points(model: Model) -> Floats:
    """(N, 3): the points of a model that no direction passes by: its box in any picture is theirs."""
    points = np.unique(np.round(np.concatenate([part.points for part in model.parts]), 4), axis=0)
    result: Floats = points[ConvexHull(points).vertices]
    return result


def box_in_picture(camera: CityCamera, points: Floats) -> tuple[Floats, float] | None:
    """The box (4,) around world points (N, 3), cut at the picture's border, and the share of the uncut box that is left.

    None: nothing of it is in the picture, or it comes too close to the camera.
    """
    seen = camera.to_camera(points)
    if seen[:, 2].min() <= NEAR:
        return None
    pixels = camera.to_picture(seen)
    low, high = pixels.min(0), pixels.max(0)
    size = np.array(camera.size, float)
    cut_low, cut_high = np.clip(low, 0, size), np.clip(high, 0, size)
    inside = float(np.prod(cut_high - cut_low) / max(float(np.prod(high - low)), 1e-9))
    return None if inside <= 0 else (np.concatenate((cut_low, cut_high)), inside)


class TruthRows:
    """Collects the truth of one camera, picture by picture.

    Args:
        camera: Whose.
        fps: Frames a second.
    """

    def __init__(self, camera: CityCamera, fps: float) -> None:
        self._camera, self._fps = camera, fps
        self._rows: list[tuple[int, int, Floats, float, float, tuple[float, float], float]] = []
        self._hulls: dict[int, Floats] = {}

    def add(self, frame: int, vehicles: Sequence[PlacedVehicle], shares: Mapping[int, tuple[int, int]]) -> None:
        """Adds a picture: its vehicles, and by their numbers how many pixels are seen of how many.

        Left out is what is beyond the camera's reach, lower than `LEAST_HEIGHT` pixels, or not in the picture.
        """
        for vehicle in sorted(vehicles, key=lambda each: each.number):
            if vehicle.number not in shares:
                continue
            if np.hypot(*(np.array(vehicle.place) - self._camera.position[:2])) > self._camera.reach:
                continue
            if vehicle.number not in self._hulls:
                self._hulls[vehicle.number] = hull_points(vehicle.model)
            points = np.column_stack((self._hulls[vehicle.number], np.ones(len(self._hulls[vehicle.number]))))
            found = box_in_picture(self._camera, (points @ vehicle.to_world().T)[:, :3])
            if found is None or found[0][3] - found[0][1] < LEAST_HEIGHT:
                continue
            seen, alone = shares[vehicle.number]
            self._rows.append((frame, vehicle.number, found[0], found[1], min(1.0, seen / alone), vehicle.place, vehicle.heading))

    def sightings(self) -> Sightings:
        """Everything so far."""
        rows = self._rows
        places = np.array([row[5] for row in rows], float).reshape(-1, 2)
        headings = np.array([row[6] for row in rows], float)
        return Sightings(
            self._camera.id,
            self._fps,
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
            np.array([row[3] for row in rows], np.float32),
            np.array([row[4] for row in rows], np.float32),
            places.astype(np.float32),
            np.mod(headings, 360).astype(np.float32),
            orientations_seen(self._camera, places, headings) if rows else np.zeros(0, np.int64),
        )
