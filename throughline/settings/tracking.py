"""The on-line tracker, and what becomes of its tracks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from throughline.settings._fields import Seconds, Section

__all__ = ["RejoinSettings", "TrackAppearanceSettings", "TrackingSettings", "VehicleTypeName"]

VehicleTypeName = Literal["car", "motorcycle", "bus", "truck", "vehicle"]


class TrackAppearanceSettings(Section):
    """Whether tracks are also held together by how vehicles look, frame by frame.

    Every detection is embedded then, by the first of `models.embedders`: worth it where a GPU does so in passing.
    """

    enabled: bool = Field(False, description="Look at vehicles while tracking, not only their places.")
    max_distance: float = Field(
        0.2, ge=0, le=2, description="Cosine distance to the most alike of a track's stored looks; beyond it is another vehicle."
    )
    budget: int = Field(100, ge=1, le=1000, description="Newest looks kept of each track.")


class RejoinSettings(Section):
    """Fragments of one passage become one track again: a new track that goes on where a lost one must be takes its id."""

    within: Seconds = Field(3.5, ge=0, description="Longest time between the two; 0 switches it off.")
    by_motion_alone: bool = Field(
        False, description="Also where looks are not known: right on an empty road, wrong too often in a queue."
    )
    max_deviation: float = Field(
        2.0,
        gt=0,
        description="How far the new track may start from where the lost one is expected, in standard deviations.",
    )


class TrackingSettings(Section):
    """The on-line tracker and what becomes of its tracks."""

    min_confidence: float = Field(0.1, ge=0, le=1, description="Detections below this are not looked at.")
    min_confidence_by_type: dict[VehicleTypeName, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict, description="Overrides `min_confidence` for some types, such as `{truck: 0.4}`."
    )
    high_confidence: float = Field(
        0.4, ge=0, le=1, description="Detections from here on are associated first, and may start tracks."
    )
    new_track_confidence: float = Field(0.4, ge=0, le=1, description="Least score of a detection that starts a track.")
    new_track_overlap: float = Field(
        0.7,
        ge=0,
        le=1,
        description="A detection starts no track when it shares more than this with a better one, as a part of the smaller of "
        "the two boxes: in a queue, boxes around half a vehicle and around two are common; 1: each may.",
    )
    iou_first: float = Field(0.2, ge=0, le=1, description="Least overlap with a confident detection.")
    iou_second: float = Field(0.4, ge=0, le=1, description="Least overlap with a weak detection.")
    nms_iou: float = Field(
        0.5, gt=0, le=1, description="Of two boxes of one class that overlap more than this the weaker is dropped; 1: none is."
    )
    gate: Literal["off", "place", "full"] = Field(
        "off",
        description="Detections too far from where the filter expects a track do not continue it: by their place, or by place "
        "and shape.",
    )
    gate_probability: float = Field(0.95, gt=0, lt=1, description="Share of true continuations that the gate lets pass.")
    cascade: bool = Field(
        False, description="Tracks that were seen more recently choose first, instead of all being weighed together."
    )
    direction_weight: float = Field(
        0.0, ge=0, description="How much going on in the observed direction counts beside overlap; 0: not at all."
    )
    confirm_hits: int = Field(2, ge=1, description="Sightings that confirm a track.")
    confirm_after: Seconds = Field(0.0, ge=0, description="...and how long after its first sighting at the earliest.")
    max_lost: Seconds = Field(3.0, gt=0, description="A track not seen for this long has ended.")
    max_lost_frames: int | None = Field(
        None, ge=1, description="A track has also ended when it was missed in this many analysed frames."
    )
    max_unconfirmed_lost: Seconds = Field(
        0.45, ge=0, description="A track that is not confirmed yet and not seen for this long is forgotten."
    )
    max_hidden: Seconds = Field(
        10.0, ge=0, description="A vehicle that stands still and is hidden by another is waited for up to this long."
    )
    output_box: Literal["detector", "filtered"] = Field(
        "detector", description="What tracks report: the detector's box, or the filter's, cut at the border of the picture."
    )
    appearance: TrackAppearanceSettings = Field(default_factory=TrackAppearanceSettings)
    rejoin: RejoinSettings = Field(default_factory=RejoinSettings)
    update_interval: Seconds = Field(1.0, gt=0, description="Least time between two updates of one tracklet on Kafka.")
    path_interval: Seconds = Field(0.25, gt=0, description="Least time between two points of a path.")
    min_box: float = Field(16.0, ge=0, description="Boxes less high than this many pixels are not embedded.")
    exemplars: int = Field(3, ge=0, le=16, description="Single views sent beside the mean embedding.")
    embed_interval: Seconds = Field(0.4, gt=0, description="Least time between two embeddings of one track.")
    max_embeddings: int = Field(
        12, ge=1, description="Embeddings computed for one track at most, unless a much better view comes."
    )

    @property
    def rejoin_within(self) -> Seconds:
        """Seconds after which a lost track can still be joined by a fragment; 0: none is."""
        return self.rejoin.within if self.appearance.enabled or self.rejoin.by_motion_alone else 0.0

    @property
    def closed_after(self) -> Seconds:
        """Seconds after its last sighting that a vehicle's track ends, unless another vehicle hid it."""
        return max(self.max_lost, self.rejoin_within)
