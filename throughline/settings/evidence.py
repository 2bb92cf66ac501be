"""What tells vehicles apart, and how far each camera is trusted with it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from throughline.settings._fields import Section

__all__ = ["CameraMatchingSettings", "ColourName", "Groups", "KnownTypeName", "SameCameraOverrides", "SameCameraSettings"]

KnownTypeName: TypeAlias = Literal["car", "motorcycle", "bus", "truck"]
ColourName: TypeAlias = Literal["black", "white", "grey", "silver", "red", "blue", "green", "yellow", "orange", "brown", "beige"]
_Trust: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Ratio: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
_Penalty: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _apart(groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    named = [name for group in groups for name in group]
    for name in named:
        if named.count(name) > 1:
            raise ValueError(f"{name} is named twice: each may be in one group only, and only once")
    return groups


Groups = AfterValidator(_apart)
"""No name stands twice."""


class SameCameraSettings(Section):
    """A second track in the same camera is rarely the same vehicle, and then it looks like the first; log-likelihood ratios.

    Two tracks at the same time are two vehicles, whatever stands here.
    """

    enabled: bool = Field(True, description="Weigh whether one camera saw both tracklets.")
    alike: _Ratio = Field(
        0.0, description="Two tracks are alike when their looks by themselves speak for one vehicle by as much, or are not known."
    )
    alike_penalty: _Penalty = Field(
        0.0, description="What speaks against a second track in the same camera that is alike, beside that tracks rarely break."
    )
    penalty: _Penalty = Field(2.0, description="...and against one that is not.")


class SameCameraOverrides(Section):
    """What differs from `matching.same_camera` in one camera."""

    alike: _Ratio | None = Field(None, description="Overrides `matching.same_camera.alike`.")
    alike_penalty: _Penalty | None = Field(None, description="Overrides `matching.same_camera.alike_penalty`.")
    penalty: _Penalty | None = Field(None, description="Overrides `matching.same_camera.penalty`.")


class CameraMatchingSettings(Section):
    """How far one camera's evidence is trusted."""

    type_trust: _Trust | dict[KnownTypeName, _Trust] = Field(
        1.0,
        description="Share of what its tracklets say of types that counts: one number, or one for some types, such as "
        "`{truck: 0.3}`; 0: nothing.",
    )
    colour_trust: _Trust = Field(1.0, description="Share of what its tracklets say of colours that counts; 0 for infrared.")
    orientation_trust: _Trust = Field(1.0, description="Share of what its tracklets say of orientations that counts.")
    same_camera: SameCameraOverrides = Field(
        default_factory=SameCameraOverrides, description="What differs from `matching.same_camera` here."
    )
