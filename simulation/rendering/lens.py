"""What cameras make of light: exposure that follows the scene, white balance, blur, sharpening, noise, dark corners."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from throughline.types import Image

__all__ = ["DEMO_TRAITS", "CameraTraits", "Lens", "traits_drawn"]

_METERED = 0.985
"""Quantile of brightness above which exposure cares for nothing: lamps and mirrored sun."""


@dataclass(frozen=True, slots=True)
class CameraTraits:
    """How one camera differs from others.

    Attributes:
        balance: Factors of red, green and blue.
        level: Mean brightness that its exposure aims at (0..1, linear).
        gamma: Exponent of its curve; larger is flatter.
        contrast: Factor about mid-grey.
        saturation: 1: as it is, 0: grey.
        blur: Standard deviation of its lens, pixels.
        sharpening: Share of the difference to a blurred picture that is added.
        noise: Standard deviation of noise in mid-grey, of 255.
        colour_noise: As much for colour, in blots of a few pixels.
        corners: Share of light lost in the corners.
        lag: Seconds in which its exposure follows most of a change.
        seed: Of its noise.
    """

    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    level: float = 0.30
    gamma: float = 2.2
    contrast: float = 1.0
    saturation: float = 1.0
    blur: float = 0.55
    sharpening: float = 0.35
    noise: float = 2.0
    colour_noise: float = 1.5
    corners: float = 0.15
    lag: float = 1.2
    seed: int = 0


DEMO_TRAITS = {
    "c01": CameraTraits(seed=1),
    "c02": CameraTraits(balance=(1.05, 1.0, 0.93), level=0.33, saturation=0.95, blur=0.85, sharpening=0.25, seed=2),
    "c03": CameraTraits(balance=(0.95, 1.0, 1.06), level=0.27, gamma=2.35, noise=3.6, colour_noise=3.0, sharpening=0.2, seed=3),
    "c04": CameraTraits(level=0.26, contrast=1.08, saturation=0.85, sharpening=0.6, corners=0.28, noise=2.6, seed=4),
}
"""The demo's cameras: an ordinary one, a warm and soft one, a cold and noisy one, and a hard one with dark corners."""


class Lens:
    """Develops the pictures of one camera, one after the other.

    Args:
        traits: Its own ways.
        size: Width and height of its pictures.
    """

    def __init__(self, traits: CameraTraits, size: tuple[int, int]) -> None:
        self._traits = traits
        self._generator = np.random.default_rng(traits.seed)
        self._gain = 0.0
        width, height = size
        x, y = (np.arange(width) + 0.5) / width - 0.5, (np.arange(height) + 0.5) / height - 0.5
        apart = (x[None] ** 2 + y[:, None] ** 2) / 0.5
        self._falloff = (1 - traits.corners * apart**1.5).astype(np.float32)[..., None]

    def develop(self, light: npt.NDArray[np.float32], seconds: float = 0.0) -> Image:
        """A picture (height, width, 3) uint8, BGR, of light (height, width, 3), red, green, blue.

        Args:
            light: What falls in.
            seconds: Since the last picture; the first one is exposed right at once.
        """
        traits = self._traits
        bright = light.mean(2)
        wanted = traits.level / max(float(np.minimum(bright, np.quantile(bright, _METERED)).mean()), 1e-6)
        share = 1.0 if not self._gain else 1 - math.exp(-seconds / traits.lag)
        self._gain = wanted if not self._gain else self._gain * (wanted / self._gain) ** (0.85 * share)
        shown = light * (np.array(traits.balance, np.float32) * self._gain) * self._falloff
        if traits.blur > 0:
            shown = np.asarray(cv2.GaussianBlur(shown, (0, 0), traits.blur), np.float32)
        curved = np.clip(1.25 * shown * (1 + shown / 9) / (1 + shown), 0, 1) ** (1 / traits.gamma)
        curved = (curved - 0.5) * traits.contrast + 0.5
        grey = curved.mean(2, keepdims=True)
        curved = grey + (curved - grey) * traits.saturation
        if traits.sharpening > 0:
            curved = curved + traits.sharpening * (curved - cv2.GaussianBlur(curved, (0, 0), 1.1))
        noisy = curved * 255 + self._noise(grey)
        return np.ascontiguousarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[..., ::-1])

    def _noise(self, grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """More of it in the dark and at a high gain, as sensors have it."""
        traits, (height, width) = self._traits, grey.shape[:2]
        fine = self._generator.standard_normal((height, width, 1), dtype=np.float32) * traits.noise
        small = self._generator.standard_normal(((height + 2) // 3, (width + 2) // 3, 3), dtype=np.float32)
        blots = cv2.resize(small * (traits.colour_noise * 1.6), (width, height), interpolation=cv2.INTER_LINEAR)
        blots -= blots.mean(2, keepdims=True)
        result: npt.NDArray[np.float32] = (fine + blots) * (1.45 - 0.9 * np.clip(grey, 0, 1))
        return result


def traits_drawn(seed: int) -> CameraTraits:
    """A camera drawn from ``seed``, from good to poor."""
    generator = np.random.default_rng((seed, 43))
    poor = float(generator.beta(1.3, 2.2))
    warm = float(generator.normal(0, 0.06))
    return CameraTraits(
        balance=(1 + warm, 1.0, 1 - warm + float(generator.normal(0, 0.03))),
        level=float(generator.uniform(0.20, 0.40)),
        gamma=float(generator.uniform(1.9, 2.5)),
        contrast=float(generator.uniform(0.88, 1.12)),
        saturation=float(generator.uniform(0.75, 1.15)),
        blur=0.4 + 0.9 * poor,
        sharpening=float(generator.uniform(0.0, 0.7)),
        noise=1.0 + 5.0 * poor,
        colour_noise=0.5 + 4.0 * poor,
        corners=float(generator.uniform(0.0, 0.3)),
        seed=seed,
    )
