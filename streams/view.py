"""From the detections of one camera to its tracks: regions, then the tracker, for live and for recorded ones alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.regions import RegionError, Regions
from streams.tracker import Tracker
from throughline.settings import CameraSettings, TrackingSettings
from throughline.times import Instant
from throughline.types import Detections, Tracks

__all__ = ["CameraView"]


class CameraView:
    """What one camera looks at, for as long as its picture has one size.

    Args:
        tracking: The site file's ``tracking``.
        camera: Its regions and its own ``min_confidence`` count.
        size: Width and height of the picture in pixels; None: nobody knows, which serves cameras without regions.
        first_id: Of its first track.

    Raises:
        RegionError: a region cannot be used.
    """

    def __init__(
        self, tracking: TrackingSettings, camera: CameraSettings, size: tuple[int, int] | None, *, first_id: int = 1
    ) -> None:
        if size is None and (camera.roi is not None or camera.ignore):
            raise RegionError(
                f"camera {camera.id}: roi and ignore need the size of the picture: give the camera size: [width, height]"
            )
        self.size: Final = size
        self._regions: Final = None if size is None else Regions(camera, size)
        least = tracking.min_confidence if camera.min_confidence is None else camera.min_confidence
        self.tracker: Final = Tracker(tracking.model_copy(update={"min_confidence": least}), size, first_id=first_id)

    def inside(self, detections: Detections) -> tuple[Detections, Mapping[str, int]]:
        """The detections inside the regions, and how many are not, by reason."""
        return (detections, {}) if self._regions is None else self._regions.keep(detections)

    def track(self, detections: Detections, captured: Instant) -> tuple[Tracks, Mapping[str, int]]:
        """The tracks of one frame, and how many detections lay outside of the regions, by reason.

        Raises:
            TimeNotAdvancingError: the frame is not later than the one before; nothing has changed.
        """
        inside, outside = self.inside(detections)
        return self.tracker.update(inside, captured), outside
