"""Pictures that show what a score means: rankings of vehicles, and boxes found and missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from throughline.types import Image

__all__ = ["FOUND", "IGNORED", "MISSED", "WRONG", "draw_boxes", "draw_ranking", "to_jpeg"]

FOUND: Final = (70, 160, 40)
MISSED: Final = (40, 40, 220)
WRONG: Final = (30, 140, 250)
IGNORED: Final = (150, 150, 150)
"""Colours of frames, BGR."""

_TILE = 128
_FRAME = 4
_GAP = 6
_LINE = 16
_LONGEST_SIDE = 960


def draw_ranking(query: Image, ranked: Sequence[tuple[Image, bool, str]], *, text: str = "") -> Image:
    """One row: the query, then pictures of the gallery, most alike first, right ones in green and wrong ones in red.

    Args:
        query: (height, width, 3) uint8, BGR, of any size.
        ranked: Picture, whether it shows the query's vehicle, and what to write below it.
        text: What to write below the query.
    """
    tiles = [_tile(query, (60, 60, 60), text)]
    tiles += [_tile(picture, FOUND if right else MISSED, below) for picture, right, below in ranked]
    return np.concatenate([tiles[0], np.full((tiles[0].shape[0], 2 * _GAP, 3), 255, np.uint8), *tiles[1:]], axis=1)


def draw_boxes(image: Image, groups: Sequence[tuple[npt.NDArray[np.float64], tuple[int, int, int]]]) -> Image:
    """A picture with boxes (N, 4) x1, y1, x2, y2 in pixels, each group in its colour; large pictures are made smaller."""
    scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    drawn = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for boxes, colour in groups:
        for x1, y1, x2, y2 in np.rint(boxes * scale).astype(int).tolist():
            cv2.rectangle(drawn, (x1, y1), (x2, y2), colour, 1)
    return drawn


def to_jpeg(image: Image) -> bytes:
    """The picture as a JPEG."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return bytes(data)


def _tile(picture: Image, colour: tuple[int, int, int], text: str) -> Image:
    inner = _TILE - 2 * _FRAME
    scale = inner / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    tile = np.full((_TILE + _LINE, _TILE + _GAP, 3), 255, np.uint8)
    tile[:_TILE, :_TILE] = colour
    tile[_FRAME : _FRAME + inner, _FRAME : _FRAME + inner] = 245
    top, left = (_TILE - size[1]) // 2, (_TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = shown
    cv2.putText(tile, text[:22], (0, _TILE + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.34, (40, 40, 40), 1, cv2.LINE_AA)
    return tile
