"""Looks of perfect tracks: what embedders and attribute networks would tell of each passage of a vehicle by a camera."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from simulation.appearance.attributes import DrawnAttributes
from simulation.appearance.detections import crops_of
from simulation.appearance.embeddings import DrawnEmbeddings
from simulation.city.cameras import CityCamera
from simulation.city.sightings import Sightings
from throughline.types import IntArray

__all__ = ["looks_of_tracks"]

_PICTURES = 6
"""Of each track, evenly over the time in view, as far as there are so many."""


def looks_of_tracks(
    sightings: Sightings, tracks: IntArray, camera: CityCamera, embeddings: DrawnEmbeddings, attributes: DrawnAttributes
) -> Mapping[str, npt.NDArray[np.generic]]:
    """Arrays of ``<camera>.npz``, as `throughline.formats.recorded_tracks` reads them: means over some pictures of each track.

    Pictures count by what is seen of the vehicle, and by their size.

    Args:
        sightings: What the camera shows.
        tracks: (M,) number of the track that each sighting belongs to.
        camera: The camera.
        embeddings: Draws how vehicles look.
        attributes: Draws what is told of them.
    """
    chosen = _spread(sightings, tracks)
    crops = crops_of(sightings, camera).where(chosen)
    ids, place = np.unique(tracks[chosen], return_inverse=True)
    quality = np.maximum(crops.visible * np.minimum(crops.heights / 64.0, 1.0), 1e-3)

    def means(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        total = np.zeros((len(ids), rows.shape[1]))
        np.add.at(total, place, quality[:, None] * rows)
        return np.asarray(total / np.bincount(place, quality, len(ids))[:, None], np.float32)

    looks = means(embeddings.of(crops))
    return {
        "ids": ids,
        "embeddings": (looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-6)).astype(np.float16),
        **{name: means(attributes.of(name, crops)).astype(np.float16) for name in ("type", "colour", "orientation")},
    }


def _spread(sightings: Sightings, tracks: IntArray) -> IntArray:
    """Rows of up to `_PICTURES` sightings of each track, ends left out."""
    order = np.lexsort((sightings.frames, tracks))
    _, first, count = np.unique(tracks[order], return_index=True, return_counts=True)
    pictures = (np.arange(_PICTURES) + 0.5) / _PICTURES
    rows = first[:, None] + (pictures * count[:, None]).astype(np.int64)
    return np.asarray(order[np.unique(rows)])
