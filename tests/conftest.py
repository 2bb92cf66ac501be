"""Fixtures that every part's tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Footage, weights and tracks that the repository does not carry; skips the test where they are absent."""
    folder = Path(os.environ.get("THROUGHLINE_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder, which is not at {folder} (set THROUGHLINE_SHARED_DATA)")
    return folder
