"""Drawn vehicles as crops on disk: each has a colour, a type (its shape) and a mark of its own, seen by several cameras."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

COLOURS = {"red": (200, 30, 30), "green": (30, 170, 40), "blue": (40, 60, 200), "white": (235, 235, 235)}
TYPES = ("car", "truck")
SIDES = ("front", "rear", "left", "left-front", "left-rear", "right", "right-front", "right-rear")


def draw(vehicle: int, camera: int, random: np.random.Generator, size: tuple[int, int] = (40, 56)) -> np.ndarray:
    """One crop, (height, width, 3) uint8, RGB."""
    height, width = size
    picture = np.full((height, width, 3), (90, 100 - 15 * camera, 90 + 15 * camera), np.uint8)
    top = 4 if TYPES[vehicle % 2] == "truck" else height // 3
    colour = list(COLOURS.values())[vehicle % len(COLOURS)]
    cv2.rectangle(picture, (6, top), (width - 6, height - 8), colour, -1)
    mark = 8 + (vehicle * 7) % (width - 24)  # where its window is
    cv2.rectangle(picture, (mark, top + 3), (mark + 9, top + 9), (20, 20, 20), -1)
    noisy = picture.astype(np.float32) + random.normal(0, 6, picture.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def write_sets(folder: Path) -> Path:
    """``train`` and ``test``, other vehicles in each, in our own layout and with ``points.txt``."""
    write_crops(folder / "train", first=0, seed=1)
    write_crops(folder / "test", first=8, seed=2)
    return folder


def write_crops(folder: Path, *, first: int = 0, vehicles: int = 8, cameras: int = 3, images: int = 2, seed: int = 0) -> Path:
    """A set in our own layout: ``vehicles * cameras * images`` pictures, their index, and key points in ``points.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    rows: list[dict[str, str]] = []
    for vehicle in range(first, first + vehicles):
        for camera in range(cameras):
            for image in range(images):
                name = f"v{vehicle:03d}_c{camera}_{image}.png"
                picture = draw(vehicle, camera, random)
                cv2.imwrite(str(folder / name), picture[:, :, ::-1])
                rows.append(
                    {
                        "file": name,
                        "vehicle_id": f"v{vehicle:03d}",
                        "cam": f"c{camera}",
                        "class": TYPES[vehicle % 2],
                        "colour": list(COLOURS)[vehicle % len(COLOURS)],
                        "roof": "unknown" if vehicle % 3 == 0 else str(vehicle % 2),
                        "logo": f"{vehicle % 4}{'?' if image else ''}",
                        "orientation": SIDES[vehicle % 8],
                        "sequence": f"s{camera}",
                        "frame": str(10 * vehicle + image),
                    }
                )
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    points = [f"{row['file']} {' '.join(f'{x} {y}' for x, y in drawn_points(int(row['vehicle_id'][1:])))}" for row in rows]
    (folder / "points.txt").write_text("\n".join(points) + "\n", encoding="utf-8")
    return folder


def drawn_points(vehicle: int, size: tuple[int, int] = (40, 56)) -> list[tuple[int, int]]:
    """Where the 20 key points of `draw`'s vehicle are: its corners, its mark, and 15 that are not visible."""
    height, width = size
    top = 4 if TYPES[vehicle % 2] == "truck" else height // 3
    mark = 8 + (vehicle * 7) % (width - 24)
    corners = [(6, height - 8), (width - 6, height - 8), (width - 6, top), (6, top), (mark + 4, top + 6)]
    return [*corners, *[(-1, -1)] * 15]
