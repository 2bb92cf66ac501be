"""What stands still, drawn once and well.

It is drawn many times, each time with the picture shifted by part of a pixel, with the sun moved inside its disc, and one more
direction of the sky whose light falls where nothing is in its way: the mean has soft shadows, daylight in courtyards, and no
jagged edges. Light of the sky and of the sun are kept apart, so that clouds may pass later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moderngl
import numpy as np
import numpy.typing as npt

from simulation.city.cameras import Floats
from simulation.rendering import _shaders
from simulation.rendering._canvas import Drawable, Program, ShadowMap, View, canvas, parallel_view, program, shade, shadow_map
from simulation.rendering.light import Light
from simulation.rendering.mesh import Part
from simulation.rendering.scene import Scene
from simulation.rendering.vertices import KINDS, vertices

__all__ = ["SHADED", "Background", "StillScenery"]

SHADED = 105.0
"""Metres around the middle of what is seen in which things throw shadows."""

_SUN_DISC = 0.012
_LOWEST_SKY = 6.0
_SUN_MAP, _SKY_MAP = 4096, 2048

_Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Background:
    """What stands still in a view: ambient and sun light (H, W, 3), red, green, blue, linear, and OpenGL's depths (H, W)."""

    ambient: _Pixels
    sun: _Pixels
    depth: _Pixels


@dataclass(frozen=True, slots=True)
class _Instant:
    """The sun and one more direction of the sky, as unit vectors, their views, and a number for what is drawn at random."""

    sun: Floats
    sky: Floats
    sun_view: View
    sky_view: View
    number: int


class StillScenery:
    """What stands still around a place.

    Args:
        scene: What it is.
        light: Sun and sky.
        middle: (3,) of what is seen.
    """

    def __init__(self, scene: Scene, light: Light, middle: Floats) -> None:
        self._light, self._middle = light, middle
        self._standing, self._lying = _by_kind(scene.standing), _by_kind(scene.lying)
        self._sun_map, self._sky_map = shadow_map(_SUN_MAP), shadow_map(_SKY_MAP)
        self._edge = canvas().texture(
            scene.edge.shape[::-1], 1, np.ascontiguousarray(scene.edge, np.float32).tobytes(), dtype="f4"
        )
        self._edge.repeat_x = self._edge.repeat_y = False
        self._fill, self._depth = program(_shaders.FILL), program(_shaders.DEPTH)
        self._constants = {
            "sun_direction": light.direction(),
            "sun_colour": light.sun,
            "zenith": light.zenith,
            "horizon": light.horizon,
            "overcast": light.overcast,
            "edge_area": scene.edge_area,
        }

    def shadows(self) -> tuple[ShadowMap, View]:
        """The shadows of the middle of the sun, for what moves; valid until the next call of `draw`."""
        view = parallel_view(self._light.direction(), self._middle, SHADED)
        shade(self._sun_map, view, [(drawable, np.eye(4)) for drawable, _ in self._standing])
        return self._sun_map, view

    def draw(
        self, views: Sequence[View], size: tuple[int, int], samples: int, generator: np.random.Generator
    ) -> list[Background]:
        """Each view in ``size`` (width, height), the mean of so many drawings; depths are those of pixels' middles."""
        context = canvas()
        layers = [context.texture(size, 4, dtype="f4") for _ in range(2)]
        depth = context.depth_texture(size)
        frame = context.framebuffer(layers, depth)
        shape = (size[1], size[0])
        totals = np.zeros((len(views), 2, *shape, 3), np.float32)
        skies = _sky_directions(samples, generator)[generator.permutation(samples)]
        for number in range(samples):
            instant = self._instant(number, skies[number], generator)
            across, up = (_halton(number + 1, 2) - 0.5, _halton(number + 1, 3) - 0.5) if len(views) == 1 else (0.0, 0.0)
            for total, view in zip(totals, views, strict=True):
                self._draw_once(frame, view.shifted(2 * across / size[0], 2 * up / size[1]), instant)
                for kind, layer in zip(total, layers, strict=True):
                    kind += np.frombuffer(layer.read(), np.float32).reshape(*shape, 4)[..., :3]
        totals /= np.float32(samples)
        found = []
        for total, view in zip(totals, views, strict=True):
            self._draw_once(frame, view, instant)
            found.append(Background(total[0], total[1], np.frombuffer(depth.read(), np.float32).reshape(shape).copy()))
        return found

    def _instant(self, number: int, sky: Floats, generator: np.random.Generator) -> _Instant:
        sun = self._light.direction() + generator.normal(0, _SUN_DISC, 3)
        sun /= np.linalg.norm(sun)
        views = (parallel_view(sun, self._middle, SHADED), parallel_view(sky, self._middle, SHADED + 10))
        for target, view in zip((self._sun_map, self._sky_map), views, strict=True):
            shade(target, view, [(drawable, np.eye(4)) for drawable, _ in self._standing])
        return _Instant(sun, sky, *views, number)

    def _draw_once(self, frame: moderngl.Framebuffer, view: View, instant: _Instant) -> None:
        context = canvas()
        frame.use()
        frame.clear(depth=1.0)
        context.disable(moderngl.DEPTH_TEST)
        self._fill.set(**self._constants, from_clip=np.linalg.inv(view.to_clip), eye=view.eye)
        self._fill.full_picture()
        context.enable_only(moderngl.DEPTH_TEST)
        for number, texture in enumerate((self._sun_map.texture, self._sky_map.texture, self._edge)):
            texture.use(number)
        # Depths first: shading what will be covered costs more than drawing twice.
        self._depth.set(to_clip=view.to_clip, to_world=np.eye(4))
        for drawable, _ in self._standing:
            drawable.draw(self._depth)
        context.depth_func = "<="
        for drawable, shaders in (*self._standing, *self._lying):
            shaders.set(
                **self._constants,
                to_clip=view.to_clip,
                to_world=np.eye(4),
                eye=view.eye,
                sun_sample=instant.sun,
                sky_sample=instant.sky,
                sky_radiance=_radiance(self._light, instant.sky),
                sun_matrix=instant.sun_view.to_clip,
                sky_matrix=instant.sky_view.to_clip,
                sun_map=0,
                sky_map=1,
                edge_map=2,
                turn=float(instant.number),
            )
            drawable.draw(shaders)
        context.depth_func = "<"


def _by_kind(parts: Sequence[Part]) -> list[tuple[Drawable, Program]]:
    """What is to be drawn, with the shaders of its kind."""
    kinds: dict[int, list[Part]] = {}
    for part in parts:
        kinds.setdefault(KINDS.get(part.name, 0), []).append(part)
    return [(Drawable(vertices(some)), program(_shaders.static(kind))) for kind, some in sorted(kinds.items())]


def _radiance(light: Light, sky: Floats) -> Floats:
    """Red, green and blue of the sky in a direction; clouds are evened out."""
    up = max(float(sky[2]), 0.0) ** 0.45
    clear = np.array(light.horizon) * (1 - up) + np.array(light.zenith) * up
    cover = min(1.0, 0.15 + 0.8 * light.overcast)
    glow = 0.05 * max(float(sky @ light.direction()), 0.0) ** 24
    result: Floats = clear * (1 - cover) + np.array(light.horizon) * 1.1 * cover + glow * np.array(light.sun)
    return result


def _sky_directions(count: int, generator: np.random.Generator) -> Floats:
    """(count, 3): unit vectors evenly over the sky, but for the lowest degrees."""
    number = np.arange(count) + generator.uniform(0, 1)
    lowest = np.sin(np.radians(_LOWEST_SKY))
    up = lowest + (1 - lowest) * (np.arange(count) + generator.uniform(0.2, 0.8, count)) / count
    turn = number * np.pi * (3 - np.sqrt(5))
    level = np.sqrt(1 - up**2)
    return np.stack((np.cos(turn) * level, np.sin(turn) * level, up), 1)


def _halton(number: int, base: int) -> float:
    """The Halton sequence, in 0..1."""
    result, share = 0.0, 1.0
    while number:
        share /= base
        result += share * (number % base)
        number //= base
    return result
