"""Detection with YOLOX written out plainly, in loops over numbers: what the product's fast code must agree with."""

from __future__ import annotations

import math

import cv2
import numpy as np

from throughline.types import FloatArray, Image, IntArray

__all__ = ["reference_decode", "reference_input", "reference_iou", "reference_suppression"]

Candidate = tuple[float, float, float, float, float, int]
"""x1, y1, x2, y2 in pixels of the picture, score, vehicle type."""


def reference_input(image: Image, side: int) -> tuple[FloatArray, float, float]:
    """The network's input (1, 3, side, side) and its scale across and down."""
    height, width = image.shape[:2]
    ratio = min(side / height, side / width)
    new_width, new_height = int(width * ratio), int(height * ratio)
    resized = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    padded = np.zeros((1, 3, side, side), np.float32)
    for channel in range(3):
        for y in range(side):
            for x in range(side):
                inside = y < new_height and x < new_width
                padded[0, channel, y, x] = float(resized[y, x, channel]) if inside else 114.0
    return padded, new_width / width, new_height / height


def reference_decode(
    rows: FloatArray, side: int, image: Image, scale: tuple[float, float], types: dict[int, int], floor: float
) -> list[Candidate]:
    """Candidates in pixels of the picture, clipped to it, in the order of the network's cells."""
    height, width = image.shape[:2]
    found: list[Candidate] = []
    number = 0
    for stride in (8, 16, 32):
        for row in range(side // stride):
            for column in range(side // stride):
                values = rows[number]
                number += 1
                best = max(types, key=lambda index: float(values[5 + index]))
                score = float(values[4]) * float(values[5 + best])
                if score < floor:
                    continue
                x, y = (float(values[0]) + column) * stride, (float(values[1]) + row) * stride
                w, h = math.exp(float(values[2])) * stride, math.exp(float(values[3])) * stride
                x1, x2 = (min(max(edge / scale[0], 0.0), width) for edge in (x - w / 2, x + w / 2))
                y1, y2 = (min(max(edge / scale[1], 0.0), height) for edge in (y - h / 2, y + h / 2))
                if x2 > x1 and y2 > y1:
                    found.append((x1, y1, x2, y2, score, types[best]))
    assert number == len(rows)
    return found


def reference_iou(first: FloatArray, second: FloatArray) -> float:
    """Intersection over union of two boxes."""
    width = min(float(first[2]), float(second[2])) - max(float(first[0]), float(second[0]))
    height = min(float(first[3]), float(second[3])) - max(float(first[1]), float(second[1]))
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(float(box[2]) - float(box[0])) * (float(box[3]) - float(box[1])) for box in (first, second)]
    union = areas[0] + areas[1] - shared
    return shared / union if union > 0 else 0.0


def reference_suppression(
    boxes: FloatArray, scores: FloatArray, classes: IntArray, iou: float, across: float | None
) -> list[int]:
    """Indices kept: each box against every better one that was kept."""
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda index: (-float(scores[index]), index)):
        beaten = False
        for better in kept:
            overlap = reference_iou(boxes[index], boxes[better])
            if (classes[index] == classes[better] and overlap > iou) or (across is not None and overlap > across):
                beaten = True
        if not beaten:
            kept.append(index)
    return kept
