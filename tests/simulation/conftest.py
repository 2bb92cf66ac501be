"""Clips that several tests of the simulation play."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clips import coded_picture, noise_pictures, write_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 20 a second, keyframes every 5, no reordering."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", [coded_picture(n) for n in range(30)], gop=5)


@pytest.fixture(scope="session")
def reordered_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 20 a second, of which two in three are B-frames."""
    pictures = [coded_picture(n) for n in range(30)]
    return write_clip(tmp_path_factory.mktemp("reordered") / "clip.mp4", pictures, gop=6, b_frames=2)


@pytest.fixture(scope="session")
def heavy_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames at 20 a second of dozens of packets each."""
    return write_clip(tmp_path_factory.mktemp("heavy") / "clip.mp4", noise_pictures(20, 320, 240), gop=5, qp=16)
