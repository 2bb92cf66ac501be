"""Real footage and weights that are not part of the product, for those who have them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["shared_data"]


def shared_data() -> Path:
    """The folder in which they are looked for: `$THROUGHLINE_SHARED_DATA`, or `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return Path(os.environ.get("THROUGHLINE_SHARED_DATA", beside))
