"""``calibration.txt`` of CityFlow's cameras: a homography between places on the ground and pixels, and what the lens does.

Lines are ``Homography matrix: a b c;d e f;g h i``, perhaps ``Intrinsic parameter matrix: ...`` and ``Distortion coefficients:
k1 k2 p1 p2`` (of cameras with a wide lens: the homography then is that of the picture with straight lines) and ``Reprojection
error: e`` in pixels. A first line without a name is the homography. Places are latitude and longitude in degrees.

The data set's manual says that the matrix leads from the ground to pixels. Files that lead the other way are about as well, so
which way it is is told by the matrix itself: of the two, one takes the lower part of a picture to one street on earth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from throughline.formats._rows import FormatError, read_text
from throughline.ground import METRES_A_DEGREE, scales
from throughline.settings import GroundSettings

__all__ = ["CityFlowCalibration", "ground_of", "read_calibration"]

Floats: TypeAlias = npt.NDArray[np.float64]
_Exact: TypeAlias = tuple[tuple[Fraction, ...], ...]

_HOMOGRAPHY: Final = "homography matrix"
_INTRINSIC: Final = "intrinsic parameter matrix"
_DISTORTION: Final = "distortion coefficients"
_REPROJECTION: Final = "reprojection error"
_BOX_ON_THE_ROAD: Final = 2.0
"""Metres: how far from its middle a vehicle's lower edge is on the ground, whatever the matrix."""
_LONGEST_STREET: Final = 3000.0
"""Metres between any two places in the lower part of one picture."""
_GRID: Final = 9
_COEFFICIENTS: Final = (4, 5, 8, 12, 14)
"""How many there may be of a lens, as OpenCV counts them."""


@dataclass(frozen=True, slots=True)
class CityFlowCalibration:
    """What a file says.

    Attributes:
        path: The file.
        homography: 3 x 3, exactly as written.
        intrinsic: (3, 3) camera matrix in pixels; None: straight lines are straight in the picture.
        distortion: (4,) k1, k2, p1, p2, or more, as OpenCV takes them; None with ``intrinsic``.
        reprojection_error: Pixels; None: not told.
    """

    path: Path
    homography: _Exact
    intrinsic: Floats | None = None
    distortion: Floats | None = None
    reprojection_error: float | None = None


def read_calibration(path: Path) -> CityFlowCalibration:
    """Reads a file.

    Raises:
        FormatError: it cannot be read, a line is wrong, or there is no homography; names file and line.
    """
    found: dict[str, list[list[Fraction]]] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        name, colon, values = line.rpartition(":")
        key = name.strip().lower() if colon else _HOMOGRAPHY
        rows, columns = {_HOMOGRAPHY: (3, 3), _INTRINSIC: (3, 3), _DISTORTION: (1, None), _REPROJECTION: (1, 1)}.get(
            key, (0, None)
        )
        if not rows:
            raise FormatError(
                f"{path}:{number}: expected 'Homography matrix: ...' or another line of a calibration, found {name!r}"
            )
        matrix = _matrix(values)
        if key == _DISTORTION and matrix is not None and len(matrix[0]) not in _COEFFICIENTS:
            raise FormatError(f"{path}:{number}: expected {' or '.join(map(str, _COEFFICIENTS))} {key}, found {len(matrix[0])}")
        if matrix is None or len(matrix) != rows or any(len(row) != (columns or len(row)) for row in matrix):
            shape = "numbers" if columns is None else f"{rows} x {columns} numbers, rows with ; between"
            raise FormatError(f"{path}:{number}: expected {shape} after '{key}'")
        found[key] = matrix
    if _HOMOGRAPHY not in found:
        raise FormatError(f"{path}: expected a line 'Homography matrix: a b c;d e f;g h i'")
    if (_INTRINSIC in found) != (_DISTORTION in found):
        raise FormatError(f"{path}: expected both an intrinsic parameter matrix and distortion coefficients, or neither")
    exact = tuple(tuple(row) for row in found[_HOMOGRAPHY])
    if _determinant(exact) == 0:
        raise FormatError(f"{path}: the matrix cannot be inverted, so it is no homography")
    intrinsic, distortion = (np.array(found[key], np.float64) if key in found else None for key in (_INTRINSIC, _DISTORTION))
    error = float(found[_REPROJECTION][0][0]) if _REPROJECTION in found else None
    return CityFlowCalibration(path, exact, intrinsic, None if distortion is None else distortion[0], error)


def ground_of(calibration: CityFlowCalibration, size: tuple[int, int]) -> GroundSettings:
    """The same as a site file has it: from pixels, as the camera takes them, to latitude and longitude.

    What the lens bends is straightened as well as one homography can, fitted to the lower two thirds of the picture; how far off
    that is, and the reprojection error near the camera, are part of ``uncertainty``.

    Args:
        calibration: What the file says.
        size: Width and height of the picture in pixels.

    Raises:
        FormatError: neither way does the matrix take the lower part of the picture to one place on earth, or both do.
    """
    straight = _from_pixels(calibration, size)
    matrix, bent = straight, 0.0
    if calibration.intrinsic is not None and calibration.distortion is not None:
        matrix, bent = _fitted(calibration.path, calibration.intrinsic, calibration.distortion, straight, size)
    rows = [tuple(row) for row in (matrix / np.abs(matrix).max()).tolist()]
    settings = GroundSettings(homography=(rows[0], rows[1], rows[2]), units="degrees")
    down = scales(settings, np.array([size[0] / 2]), np.array([0.9 * size[1]]))[1]
    off = (calibration.reprojection_error or 0.0) * float(np.linalg.norm(down))
    return settings.model_copy(update={"uncertainty": round(min(math.hypot(_BOX_ON_THE_ROAD, off, bent), 1000.0), 2)})


def _matrix(text: str) -> list[list[Fraction]] | None:
    try:
        return [[Fraction(value) for value in row.replace(",", " ").split()] for row in text.strip().rstrip(";").split(";")]
    except (ValueError, ZeroDivisionError):
        return None


def _from_pixels(calibration: CityFlowCalibration, size: tuple[int, int]) -> Floats:
    """(3, 3) from pixels of a picture without distortion to latitude and longitude."""
    ways = [_rounded(calibration.homography), _rounded(_adjugate(calibration.homography))]
    right = [matrix for matrix in ways if _is_a_street(matrix, size)]
    if len(right) != 1:
        raise FormatError(
            f"{calibration.path}: {'both ways' if right else 'neither way'} does the homography lead from a picture of "
            f"{size[0]} x {size[1]} pixels to latitude and longitude of one street"
        )
    return right[0]


def _is_a_street(matrix: Floats, size: tuple[int, int]) -> bool:
    width, height = size
    pixels = np.array([(x * width, y * height, 1.0) for x in (0.2, 0.5, 0.8) for y in (0.8, 0.9, 1.0)])
    with np.errstate(all="ignore"):
        places = pixels @ matrix.T
        places = places[:, :2] / places[:, 2:]
    if not np.isfinite(places).all() or (np.abs(places) > (90.0, 180.0)).any():
        return False
    metres = np.ptp(places, axis=0) * METRES_A_DEGREE * (1.0, math.cos(math.radians(places[0, 0])))
    return bool(0.5 < np.hypot(*metres) < _LONGEST_STREET)


def _fitted(path: Path, intrinsic: Floats, distortion: Floats, straight: Floats, size: tuple[int, int]) -> tuple[Floats, float]:
    """The homography that is nearest to lens and matrix together, and how far it is off: metres, root mean square."""
    across, up = np.meshgrid(np.linspace(0.05, 0.95, _GRID) * size[0], np.linspace(1 / 3, 1.0, _GRID) * size[1])
    pixels = np.column_stack((across.ravel(), up.ravel()))
    seen = cv2.undistortPoints(pixels.reshape(-1, 1, 2), intrinsic, distortion, P=intrinsic).reshape(-1, 2)
    places = np.column_stack((seen, np.ones(len(seen)))) @ straight.T
    # Points above the horizon have no place; which side of it is below, the lower edge tells.
    below = np.isfinite(places).all(axis=1) & (places[:, 2] * np.sign(places[-_GRID // 2, 2]) > 0)
    places = places[below, :2] / places[below, 2:]
    origin = np.median(places, axis=0)
    unit = METRES_A_DEGREE * np.array((1.0, math.cos(math.radians(float(origin[0])))))
    metres = (places - origin) * unit
    near = np.hypot(*(metres - np.median(metres, axis=0)).T) < _LONGEST_STREET / 10
    fitted, _ = cv2.findHomography(pixels[below][near], metres[near], 0) if near.sum() >= 4 else (None, None)
    if fitted is None:
        raise FormatError(f"{path}: the picture with straight lines shows too little of the ground")
    back = np.column_stack((pixels[below][near], np.ones(int(near.sum())))) @ fitted.T
    off = np.hypot(*(back[:, :2] / back[:, 2:] - metres[near]).T)
    to_degrees = np.array(((1 / unit[0], 0.0, origin[0]), (0.0, 1 / unit[1], origin[1]), (0.0, 0.0, 1.0)))
    return np.asarray(to_degrees @ fitted), float(np.sqrt(np.mean(off**2)))


def _determinant(m: _Exact) -> Fraction:
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _adjugate(m: _Exact) -> _Exact:
    """The inverse up to scale, exactly: degrees with metres in their sixth decimal leave no room for rounding."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )


def _rounded(matrix: Sequence[Sequence[Fraction]]) -> Floats:
    largest = max(abs(value) for row in matrix for value in row)
    return np.array([[float(value / largest) for value in row] for row in matrix])
