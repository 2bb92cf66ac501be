"""Which pictures of a vehicle are worth an embedding, and which a place in the gallery for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.tracker.boxes import pairwise_iou
from streams.tracklets.observation import Crop, Effort, Observation, Shot
from streams.tracklets.passage import Passage
from streams.tracklets.quality import shape_quality, sharpness
from throughline.messages import BestShot
from throughline.settings import TrackingSettings
from throughline.times import Instant, after
from throughline.types import FloatArray, Frame, Pixels, Tracks, host_image

__all__ = ["LEAST_WIDTH", "PictureChooser", "cut"]

_GOOD_ENOUGH = 0.2  # quality of a picture whose embedding is worth having at once
_PATIENCE = 0.3  # seconds a confirmed vehicle waits for such a picture; then any will do
_CLEARLY_BETTER = 1.2  # times the quality
_MUCH_BETTER = 1.5
_SAME_VIEW = 0.75  # overlap with the box embedded last: more shows nothing new
LEAST_WIDTH = 8
"""Pixels; narrower pictures are not embedded."""
_SHOT_INTERVAL = 0.5  # seconds between two best shots of one vehicle
_SHOT_MARGIN = 0.08  # of the box's size, around it


class PictureChooser:
    """Chooses pictures of one camera; what was chosen is noted in the passages.

    A new vehicle's first good picture is embedded at once. Later ones are, at most every ``embed_interval``, when they show it
    from elsewhere or clearly better, so that a vehicle that stands still costs nothing; beyond ``max_embeddings`` only much
    better ones.

    Args:
        settings: The site file's ``tracking``.
        embeds: Whether there are embedders.
    """

    def __init__(self, settings: TrackingSettings, *, embeds: bool) -> None:
        self._settings: Final = settings
        self._embeds: Final = embeds

    def choose(self, passages: Mapping[int, Passage], tracks: Tracks, frame: Frame, effort: Effort) -> Observation:
        """Pictures to describe and to keep, of the vehicles seen in ``frame``."""
        wanted: list[_Wanted] = []
        shots: list[Shot] = []
        height, width = frame.image.shape[:2]
        shapes = shape_quality(tracks.boxes, tracks.scores, (width, height))
        for number, box, shape in zip(tracks.ids.tolist(), tracks.boxes, shapes.tolist(), strict=True):
            passage = passages[number]
            image = cut(frame.image, box)
            may_embed = self._embeds and self._embeddable(image) and self._due(passage, tracks.captured, effort)
            may_keep = image.size > 0 and _keepable(passage, shape, tracks.captured)
            if not (may_embed or may_keep):
                continue  # spares judging its sharpness
            quality: float = shape * (0.4 + 0.6 * sharpness(image))
            passage.quality = max(passage.quality, quality)
            if may_embed and self._worth_embedding(passage, box, quality, tracks.captured):
                wanted.append(_Wanted(passage, box, Crop(number, image, quality)))
            if may_keep and _keepable(passage, quality, tracks.captured):
                shots.append(_shot(passage, frame, box, quality))
        wanted.sort(key=lambda one: (one.passage.embedded > 0, one.passage.asked or 0))
        taken = wanted[: effort.crops]
        for one in taken:
            one.passage.asked, one.passage.asked_box = tracks.captured, one.box
            one.passage.asked_quality = max(one.passage.asked_quality, one.crop.quality)
        return Observation(tuple(one.crop for one in taken), tuple(shots), len(wanted) - len(taken))

    def _embeddable(self, image: Pixels) -> bool:
        return bool(image.shape[0] >= self._settings.min_box and image.shape[1] >= LEAST_WIDTH)

    def _due(self, passage: Passage, now: Instant, effort: Effort) -> bool:
        return passage.asked is None or now >= after(passage.asked, self._settings.embed_interval * effort.interval)

    def _worth_embedding(self, passage: Passage, box: FloatArray, quality: float, now: Instant) -> bool:
        if passage.embedded == 0 or passage.asked_box is None:
            return quality >= _GOOD_ENOUGH or now >= after(passage.confirmed, _PATIENCE)
        if passage.embedded >= self._settings.max_embeddings:
            return quality >= _MUCH_BETTER * passage.asked_quality
        if quality >= _CLEARLY_BETTER * passage.asked_quality:
            return True
        return float(pairwise_iou(box[None], passage.asked_box[None])[0, 0]) < _SAME_VIEW


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A picture worth describing."""

    passage: Passage
    box: FloatArray
    crop: Crop


def _keepable(passage: Passage, quality: float, now: Instant) -> bool:
    best = passage.best_shot
    return best is None or (quality >= _CLEARLY_BETTER * best.quality and now >= after(best.at, _SHOT_INTERVAL))


def cut(image: Pixels, box: FloatArray, margin: float = 0.0) -> Pixels:
    """The part of ``image`` inside ``box`` (4,), widened by ``margin`` of its size; a view, empty when there is none."""
    x1, y1, x2, y2 = (float(value) for value in box)
    more_x, more_y = margin * (x2 - x1), margin * (y2 - y1)
    left, top = max(0, math.floor(x1 - more_x)), max(0, math.floor(y1 - more_y))
    right, bottom = max(left, math.ceil(x2 + more_x)), max(top, math.ceil(y2 + more_y))
    return image[top:bottom, left:right]


def _shot(passage: Passage, frame: Frame, box: FloatArray, quality: float) -> Shot:
    path = f"{passage.tracklet}-{passage.shots}.jpg"
    passage.shots += 1
    passage.best_shot = BestShot(f"shots/{path}", frame.captured, quality)
    return Shot(passage.tracklet, path, host_image(cut(frame.image, box, _SHOT_MARGIN)).copy(), quality)
