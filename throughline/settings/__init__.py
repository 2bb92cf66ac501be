"""The site file: one YAML file that configures everything, validated, with a default that works for all but the cameras."""

from throughline.settings._yaml import SiteFileError
from throughline.settings.cameras import CameraSettings, ClockSettings, GroundSettings
from throughline.settings.evidence import CameraMatchingSettings, SameCameraOverrides, SameCameraSettings
from throughline.settings.kafka import EMBEDDED, KafkaSettings
from throughline.settings.links import GroupSettings, LinkDefaults, LinkSettings, TravelSettings
from throughline.settings.matching import MatchingSettings
from throughline.settings.models import EmbedderSettings, ModelsSettings
from throughline.settings.reranking import RerankingSettings
from throughline.settings.search import SearchSettings
from throughline.settings.site import Site, dump_site, load_site, parse_site, site_json_schema
from throughline.settings.streams import StreamSettings
from throughline.settings.telemetry import TelemetrySettings
from throughline.settings.tracking import RejoinSettings, TrackAppearanceSettings, TrackingSettings

__all__ = [
    "EMBEDDED",
    "CameraMatchingSettings",
    "CameraSettings",
    "ClockSettings",
    "EmbedderSettings",
    "GroundSettings",
    "GroupSettings",
    "KafkaSettings",
    "LinkDefaults",
    "LinkSettings",
    "MatchingSettings",
    "ModelsSettings",
    "RejoinSettings",
    "RerankingSettings",
    "SameCameraOverrides",
    "SameCameraSettings",
    "SearchSettings",
    "Site",
    "SiteFileError",
    "StreamSettings",
    "TelemetrySettings",
    "TrackAppearanceSettings",
    "TrackingSettings",
    "TravelSettings",
    "dump_site",
    "load_site",
    "parse_site",
    "site_json_schema",
]
