"""How vehicles get from one view to the next."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from throughline.settings._fields import Identifier, Seconds, Section

__all__ = ["GroupSettings", "LinkDefaults", "LinkSettings", "TravelSettings"]


class TravelSettings(Section):
    """Seconds from the end of a track at one camera to the start of the next; a negative `min` means overlapping views."""

    min: Seconds = Field(description="Shortest time possible.")
    typical: Seconds | None = Field(None, description="Most likely time; default: a quarter of the way from `min` to `max`.")
    max: Seconds = Field(description="Longest time looked for.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.typical is None:
            object.__setattr__(self, "typical", self.min + 0.25 * (self.max - self.min))
        if not (self.min <= self.mode <= self.max and self.min < self.max):
            raise ValueError(f"expected min <= typical <= max and min < max, found {self.min:g}, {self.mode:g}, {self.max:g}")
        return self

    @property
    def mode(self) -> float:
        """Most likely travel time in seconds."""
        return self.min if self.typical is None else self.typical


class LinkDefaults(Section):
    """What a link says beside its two ends."""

    travel: TravelSettings
    window: Literal["hard", "soft"] | None = Field(None, description="Overrides `matching.window` for this link.")
    opposite_view: bool = Field(False, description="The two cameras see opposite sides of a vehicle.")


class LinkSettings(LinkDefaults):
    """A road from one camera's view to another's."""

    from_: Identifier = Field(alias="from", description="Camera that a vehicle leaves.")
    to: Identifier = Field(description="Camera that it comes to.")
    both_ways: bool = Field(False, description="Vehicles also go the other way, in the same time.")

    @model_validator(mode="after")
    def _two_cameras(self) -> Self:
        if self.from_ == self.to:
            raise ValueError(f"a link leads from one camera to another; {self.to} to itself is matching.same_camera")
        return self


class GroupSettings(Section):
    """Links among all cameras of a set; a link listed for a pair overrides the group's."""

    cameras: tuple[Identifier, ...] = Field(min_length=2)
    link: LinkDefaults | None = None
