"""Text formats of the field: MOT rows, AI City rows, and folders of recorded tracks."""

from throughline.formats._rows import FormatError

__all__ = ["FormatError"]
