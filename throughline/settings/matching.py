"""How matches are decided, as the site file configures it."""

from __future__ import annotations

from pydantic import Field

from throughline.settings._fields import Seconds, Section

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
    appearance: bool = Field(True, description="Weigh how alike two tracklets look.")
    travel_time: bool = Field(True, description="Weigh how likely the travel time is.")
    vehicle_type: bool = Field(True, description="Weigh whether two tracklets are of one type.")
    ground_position: bool = Field(
        True, description="Weigh how far apart on the ground two vehicles were while both were in view; for calibrated cameras."
    )
    vehicle_size: bool = Field(True, description="Weigh whether two vehicles are equally tall; for calibrated cameras.")
    max_tracklets: int = Field(
        100_000, ge=100, description="Tracklets kept in memory at most; the oldest go first, and are counted."
    )
