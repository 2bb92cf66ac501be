"""How good the matcher's decisions are, as far as that can be known without a truth."""

from matcher.quality.monitor import QualityMonitor
from matcher.quality.report import BIN_NAMES, QualityReport

__all__ = ["BIN_NAMES", "QualityMonitor", "QualityReport"]
