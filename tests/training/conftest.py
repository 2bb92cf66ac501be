"""Sets that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.drawn_crops import write_sets


@pytest.fixture(scope="session")
def drawn_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``train`` and ``test``; read only."""
    return write_sets(tmp_path_factory.mktemp("sets"))
