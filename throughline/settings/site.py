"""The whole site file, and the rules that hold between its sections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from throughline.settings._fields import Identifier, Section
from throughline.settings._yaml import SiteFileError, environment, explain, read_file, read_yaml
from throughline.settings.cameras import CameraSettings
from throughline.settings.kafka import KafkaSettings
from throughline.settings.links import GroupSettings, LinkSettings, TravelSettings
from throughline.settings.matching import MatchingSettings
from throughline.settings.models import ModelsSettings
from throughline.settings.search import SearchSettings
from throughline.settings.streams import StreamSettings
from throughline.settings.telemetry import TelemetrySettings
from throughline.settings.tracking import TrackingSettings

__all__ = ["Site", "dump_site", "load_site", "parse_site", "site_json_schema"]


class Site(Section):
    """A set of cameras that are followed together."""

    site: Identifier = Field(description="Name of the site; the key of its records on Kafka.")
    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="How to reach Kafka.")
    models: ModelsSettings = Field(default_factory=ModelsSettings, description="Networks that look at the pictures.")
    streams: StreamSettings = Field(default_factory=StreamSettings, description="Sources and workers.")
    tracking: TrackingSettings = Field(default_factory=TrackingSettings, description="Tracker and tracklets.")
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings, description="Metrics and logs.")
    cameras: tuple[CameraSettings, ...] = Field(min_length=1, description="At least one.")
    links: tuple[LinkSettings, ...] = Field((), description="How vehicles get from one view to the next.")
    groups: dict[Identifier, GroupSettings] = Field(default_factory=dict, description="Links among all cameras of a set.")
    unlisted_links: Literal["allow", "deny", "learn"] = Field(
        "deny",
        description="What holds between cameras that no link joins: no road (`deny`), a road that takes `unlisted_travel` like "
        "any other (`allow`), or one of which it is learned how many vehicles take it, and how long they need (`learn`).",
    )
    unlisted_travel: TravelSettings = Field(
        default_factory=lambda: TravelSettings(min=-60.0, typical=5.0, max=180.0),
        description="Travel time looked for between cameras that no link joins, as long as nothing is learned of it.",
    )
    matching: MatchingSettings = Field(default_factory=MatchingSettings, description="How matches are decided.")
    search: SearchSettings = Field(default_factory=SearchSettings, description="Search by picture.")

    @field_validator("cameras")
    @classmethod
    def _unique_cameras(cls, cameras: tuple[CameraSettings, ...]) -> tuple[CameraSettings, ...]:
        seen: set[str] = set()
        for camera in cameras:
            if camera.id in seen:
                raise ValueError(f"two cameras are called {camera.id}")
            seen.add(camera.id)
        return cameras

    @model_validator(mode="after")
    def _known_cameras(self) -> Self:
        known = {camera.id for camera in self.cameras}
        for link in self.links:
            for end in (link.from_, link.to):
                if end not in known:
                    raise ValueError(
                        f"the link {link.from_} -> {link.to} names the camera {end}, which is not listed under cameras"
                    )
        for name, group in self.groups.items():
            for member in group.cameras:
                if member not in known:
                    raise ValueError(f"the group {name} names the camera {member}, which is not listed under cameras")
        return self

    def camera(self, camera: str) -> CameraSettings:
        """The camera with this id.

        Raises:
            KeyError: there is none.
        """
        for candidate in self.cameras:
            if candidate.id == camera:
                return candidate
        raise KeyError(camera)


def load_site(path: Path) -> Site:
    """Reads and validates a site file; paths in it are relative to it.

    Raises:
        SiteFileError: it cannot be used; a line for each problem with file, line, field and what was expected.
    """
    return parse_site(read_file(path), name=str(path), folder=path.parent)


def parse_site(
    text: str, *, name: str = "site.yaml", folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> Site:
    """Validates the text of a site file.

    Args:
        text: YAML.
        name: What to call it in errors.
        folder: What paths in it are relative to; default: they are left as they are.
        variables: Values for `${NAME}`; default: the environment.

    Raises:
        SiteFileError: it cannot be used.
    """
    data, lines = read_yaml(text, name, environment() if variables is None else variables)
    if not isinstance(data, dict):
        raise SiteFileError(f"{name}:1: site: expected fields such as `site: harbour` and `cameras:`")
    try:
        site = Site.model_validate(data)
    except ValidationError as error:
        raise SiteFileError(explain(error, name, lines)) from None  # the cause repeats values, which may be secret
    return site if folder is None else _anchored(site, folder)


def _anchored(site: Site, folder: Path) -> Site:
    def model(name: str) -> str:
        return str(folder / Path(name).expanduser()) if "/" in name or name.endswith(".onnx") else name

    cameras = []
    for camera in site.cameras:
        changes: dict[str, Any] = {}
        if isinstance(camera.roi, Path):
            changes["roi"] = folder / camera.roi
        if camera.url is not None and "://" not in camera.url and not camera.url.startswith("webcam:"):
            changes["url"] = str(folder / camera.url.removeprefix("file:"))
        cameras.append(camera.model_copy(update=changes))
    embedders = tuple(member.model_copy(update={"model": model(member.model)}) for member in site.models.embedders)
    models = site.models.model_copy(update={"detector": model(site.models.detector), "embedders": embedders})
    files = {name: folder / path for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile") if (path := getattr(site.kafka, name))}
    return site.model_copy(update={"cameras": tuple(cameras), "models": models, "kafka": site.kafka.model_copy(update=files)})


def site_json_schema() -> dict[str, Any]:
    """JSON Schema of the site file, for editors."""
    schema = Site.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Throughline site file"
    return schema


def dump_site(site: Site) -> str:
    """YAML text that `parse_site` reads back as the same site; secrets are left out."""
    return yaml.safe_dump(site.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=False, allow_unicode=True)
