"""Where points come to lie when their picture is varied, and the heat-maps that they become."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inference.networks.key_points import MIRRORED_KEY_POINTS
from training.augmentation import Picture
from training.keypoints.recipe import KeyPointAugmentationSettings

__all__ = ["correct_points", "draw_affine", "heatmaps", "identity_affine", "peaks", "transform"]

Floats = npt.NDArray[np.float32]
Affine = npt.NDArray[np.float64]
_MIRRORED = np.array(MIRRORED_KEY_POINTS)


def identity_affine(shape: tuple[int, int], size: tuple[int, int]) -> Affine:
    """(2, 3) from pixels of a picture of a shape (height, width) to pixels of one stretched to a size.

    0 is the centre of the first pixel, so the picture's border is at -0.5.
    """
    x, y = size[1] / shape[1], size[0] / shape[0]
    return np.array([[x, 0.0, 0.5 * x - 0.5], [0.0, y, 0.5 * y - 0.5]])


def draw_affine(
    shape: tuple[int, int], size: tuple[int, int], settings: KeyPointAugmentationSettings, random: np.random.Generator
) -> tuple[Affine, bool]:
    """A random (2, 3) like `identity_affine`, after turning and scaling the picture about its centre; and whether it flips."""
    factor = float(np.clip(random.normal(1.0, settings.scale), 1 - settings.scale, 1 + settings.scale))
    rotation = settings.rotation
    turned = random.random() < rotation.probability
    angle = float(np.clip(random.normal(0.0, rotation.deviation), -rotation.most, rotation.most)) if turned else 0.0
    flips = bool(random.random() < settings.flip)
    centre = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    turn = np.vstack([cv2.getRotationMatrix2D(centre, angle, factor), [0.0, 0.0, 1.0]])
    stretch = np.vstack([identity_affine(shape, size), [0.0, 0.0, 1.0]])
    mirror = np.array([[-1.0, 0.0, size[1] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) if flips else np.eye(3)
    return (mirror @ stretch @ turn)[:2], flips


def transform(
    picture: Picture,
    points: Floats,
    visible: npt.NDArray[np.bool_],
    affine: Affine,
    size: tuple[int, int],
    *,
    flips: bool,
) -> tuple[Picture, Floats, npt.NDArray[np.bool_]]:
    """Picture (height, width, 3) at a size, points (K, 2) and visibility (K,) after an affine.

    A flip also makes left points right ones. Points that leave the picture are not visible any more.
    """
    warped = cv2.warpAffine(picture, affine, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    moved = (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)
    if flips:
        moved, visible = moved[_MIRRORED], visible[_MIRRORED]
    inside = (moved >= -0.5).all(1) & (moved[:, 0] < size[1] - 0.5) & (moved[:, 1] < size[0] - 0.5)
    return warped.astype(np.uint8, copy=False), moved, visible & inside


def heatmaps(
    points: Floats, visible: npt.NDArray[np.bool_], size: tuple[int, int], shape: tuple[int, int], sigma: float
) -> Floats:
    """(K, h, w) a Gaussian with a peak of 1 in the cell of each visible point, cut off three standard deviations away.

    Args:
        points: (K, 2) in pixels of the picture.
        visible: (K,).
        size: (height, width) of the picture.
        shape: (h, w) of the maps.
        sigma: Standard deviation in cells.
    """
    maps = np.zeros((len(points), *shape), np.float32)
    reach = 3.0 * sigma
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for number in np.flatnonzero(visible):
        # the cell whose area holds the point
        x = int((points[number, 0] + 0.5) * shape[1] / size[1])
        y = int((points[number, 1] + 0.5) * shape[0] / size[0])
        away = (columns - x) ** 2 + (rows - y) ** 2
        near = (np.abs(columns - x) <= reach) & (np.abs(rows - y) <= reach)
        maps[number] = np.where(near, np.exp(-away / (2.0 * sigma**2)), 0.0)
    return maps


def peaks(maps: Floats) -> npt.NDArray[np.int64]:
    """(..., 2) column and row of the largest value of each of (..., h, w)."""
    flat = maps.reshape(*maps.shape[:-2], -1).argmax(-1)
    return np.stack([flat % maps.shape[-1], flat // maps.shape[-1]], -1)


def correct_points(maps: Floats, targets: Floats, share: float = 0.5) -> npt.NDArray[np.bool_]:
    """(N, K) whether a peak is where it should be: nearer than a share of a tenth of the map's height and width (PCK).

    Args:
        maps: (N, K, h, w).
        targets: Of the same shape.
        share: Of the tenth.
    """
    tenth = np.array([maps.shape[-1], maps.shape[-2]]) / 10.0
    away = (peaks(maps) - peaks(targets)) / tenth
    return np.asarray(np.linalg.norm(away, axis=-1) < share)
