"""How matches are decided, as the site file configures it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from throughline.settings._fields import Seconds, Section
from throughline.settings.evidence import ColourName, Groups, KnownTypeName, SameCameraSettings
from throughline.settings.reranking import RerankingSettings

__all__ = ["MatchingSettings"]


class MatchingSettings(Section):
    """Event time, evidence and decisions."""

    confirm_after: Seconds = Field(
        30.0, ge=0, description="A match is confirmed when the site is complete to this long after its start."
    )
    confirm_margin: float = Field(
        12.0,
        gt=0,
        description="...or at once, when its log-odds are this far beyond every alternative's and the tracklet is closed.",
    )
    lateness: Seconds = Field(
        10.0, gt=0, description="A camera further behind the foremost one than this is waited for no longer."
    )
    horizon: Seconds = Field(
        600.0, gt=0, description="Tracklets older than this can no longer be joined, unless a link's max is longer."
    )
    decision_window: Seconds = Field(
        2.0, ge=0, description="Provisional decisions are made together for tracklets that start within this time."
    )
    new_vehicle_prior: float = Field(
        0.3, gt=0, lt=1, description="Share of tracklets at a camera with incoming links that are new vehicles."
    )
    missed_share: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="Share of vehicles that a camera on their way misses: where two listed links lead on by way of it, they "
        "come straight from the first camera to the last; 0: never. How many do is learned.",
    )
    appearance: bool = Field(True, description="Weigh how alike two tracklets look.")
    exemplar_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of the two single views that are most alike, beside that of the means of all views."
    )
    travel_time: bool = Field(True, description="Weigh how likely the travel time is.")
    window: Literal["hard", "soft"] = Field(
        "soft",
        description="A travel time outside a link's `min` and `max` is impossible (`hard`), or costs `window_penalty` (`soft`).",
    )
    window_penalty: float = Field(
        1.0, gt=0, le=1000, description="Log-odds that each second outside a soft window costs; at 5 in all the gate closes."
    )
    vehicle_type: bool = Field(True, description="Weigh whether two tracklets are of one type.")
    type_doubt: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Share of pairs whose types say nothing at all; its logarithm is the most that types can say against a join.",
    )
    merged_types: Annotated[tuple[tuple[KnownTypeName, ...], ...], Groups] = Field(
        (), description="Types that are counted as one, such as `[[bus, truck]]`."
    )
    colour: bool = Field(True, description="Weigh whether two tracklets are of one colour, where colours are known.")
    colour_doubt: float = Field(0.1, gt=0, lt=1, description="Share of pairs whose colours say nothing at all.")
    colour_weight: float = Field(
        0.5,
        gt=0,
        le=1,
        description="How much of what colours say counts: embeddings see them too; 1 where there are no embeddings.",
    )
    merged_colours: Annotated[tuple[tuple[ColourName, ...], ...], Groups] = Field(
        (), description="Colours that are counted as one, such as `[[grey, silver]]`."
    )
    orientation: bool = Field(
        True,
        description="Weigh which sides of a vehicle two cameras see, where these are known: by `opposite_view` and by joins.",
    )
    orientation_doubt: float = Field(0.05, gt=0, lt=1, description="Share of pairs whose orientations say nothing at all.")
    orientation_confidence: float = Field(
        0.6, ge=0, le=1, description="Orientations are weighed where each of the two is known with this probability at least."
    )
    ground_position: bool = Field(
        True, description="Weigh how far apart on the ground two vehicles were while both were in view; for calibrated cameras."
    )
    vehicle_size: bool = Field(True, description="Weigh whether two vehicles are equally tall; for calibrated cameras.")
    direction: bool = Field(
        True, description="Weigh which way vehicles leave one view and come into the other; for calibrated cameras."
    )
    same_camera: SameCameraSettings = Field(
        default_factory=SameCameraSettings, description="A second track of one vehicle in the same camera."
    )
    reranking: RerankingSettings = Field(
        default_factory=RerankingSettings, description="A second look at looks: what two tracklets have in common with others."
    )
    max_tracklets: int = Field(
        100_000, ge=100, description="Tracklets kept in memory at most; the oldest go first, and are counted."
    )
