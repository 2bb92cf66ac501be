"""Draws a place as cameras see it: what stands still once and well, vehicles and their shadows in each picture.

What stands still is drawn many times, each time with the picture shifted by part of a pixel, with the sun moved inside its disc,
and with one more direction of the sky whose light falls where nothing is in its way: the mean has soft shadows, daylight in
courtyards, and no jagged edges. Light of the sky and of the sun are kept apart, so that clouds may pass later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from simulation.rendering import _shaders
from simulation.rendering._canvas import (
    Drawable,
    Program,
    ShadowMap,
    View,
    camera_view,
    canvas,
    cube_views,
    parallel_view,
    shadow_map,
    sky_directions,
)
from simulation.rendering.light import Light
from simulation.rendering.mesh import Model, Part
from simulation.rendering.scene import Scene
from simulation.rendering.vertices import KINDS, vertices

__all__ = ["Background", "Exposure", "PlacedVehicle", "Renderer"]

_SUPERSAMPLING = 2
_SUN_DISC = 0.012
_STILL_MAP, _SKY_MAP, _CAR_MAP = 4096, 2048, 3072
_CUBE_SIZE = 128
_CAR_RADIUS = 62.0


@dataclass(frozen=True, slots=True)
class PlacedVehicle:
    """A vehicle on the road.

    Attributes:
        number: Its identity, from 1.
        model: Its shape; one object for each identity, which is kept by the renderer.
        place: x and y of its middle, metres.
        heading: Degrees clockwise from north.
    """

    number: int
    model: Model
    place: tuple[float, float]
    heading: float

    def to_world(self) -> Floats:
        """(4, 4): from the model's to the world's coordinates."""
        turn = np.radians(self.heading)
        matrix = np.eye(4)
        matrix[:2, :2] = ((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn)))
        matrix[:2, 3] = self.place
        return matrix


@dataclass(frozen=True, slots=True)
class Background:
    """What stands still before a camera, with more pixels than its picture: ambient and sun light (H, W, 3), depths (H, W)."""

    ambient: npt.NDArray[np.float32]
    sun: npt.NDArray[np.float32]
    depth: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A picture before the camera changes it.

    Attributes:
        light: (height, width, 3) float32, red, green, blue, linear.
        shares: By vehicle number: pixels in which it is seen, and pixels it would fill if nothing were in its way.
    """

    light: npt.NDArray[np.float32]
    shares: dict[int, tuple[int, int]]


_Pixels = npt.NDArray[np.float32]


class Renderer:
    """Pictures of one camera.

    Args:
        scene: What stands still.
        light: Sun and sky.
        camera: Where from.
        samples: How often what stands still is drawn.
        background: Drawn before, by a renderer with the same arguments.
    """

    def __init__(
        self, scene: Scene, light: Light, camera: CityCamera, samples: int = 64, background: Background | None = None
    ) -> None:
        self._light, self._camera = light, camera
        self._size = (camera.size[0] * _SUPERSAMPLING, camera.size[1] * _SUPERSAMPLING)
        self._view = camera_view(camera)
        self._models: dict[int, Drawable] = {}
        forward = camera.axes()[2]
        level = forward[:2] / np.hypot(*forward[:2])
        foot = np.array(camera.position[:2])
        self._middle = np.array((*(foot + level * 45.0), 0.0))
        self._fill = Program(_shaders.FILL)
        self._depth = Program(_shaders.DEPTH)
        self._outline = Program(_shaders.OUTLINE)
        self._occlusion = Program(_shaders.OCCLUSION)
        self._compose = Program(_shaders.COMPOSE)
        self._vehicle = Program(_shaders.VEHICLE)
        self._sun_map, self._car_map = shadow_map(_STILL_MAP), shadow_map(_CAR_MAP)
        self._still = _by_kind(scene.standing)
        self._flat = _by_kind(scene.lying)
        context = canvas()
        self._edge = context.texture(
            scene.edge.shape[::-1], 1, np.ascontiguousarray(scene.edge, np.float32).tobytes(), dtype="f4"
        )
        self._edge.repeat_x = self._edge.repeat_y = False
        self._edge_area = scene.edge_area
        generator = np.random.default_rng((light.seed, camera.number))
        self.background = background or self._draw_background(samples, generator)
        self._cubes = self._draw_cubes(max(2, min(8, samples // 4)), generator)
        self._light_still_map()
        self._make_targets()

    def _sky_uniforms(self) -> dict[str, object]:
        light = self._light
        return {
            "sun_direction": light.direction(),
            "sun_colour": light.sun,
            "zenith": light.zenith,
            "horizon": light.horizon,
            "overcast": light.overcast,
            "edge_area": self._edge_area,
        }

    def _shade(self, program: Program, target: ShadowMap, view: View, drawables: Sequence[tuple[Drawable, Floats]]) -> None:
        """Draws depths as a light sees them."""
        target.frame.use()
        target.frame.clear(depth=1.0)
        canvas().enable_only(moderngl.DEPTH_TEST)
        program.set(to_clip=view.to_clip)
        for drawable, to_world in drawables:
            program.set(to_world=to_world)
            drawable.draw(program)
            drawable.draw(program, "clear")

    def _accumulate(
        self, views: Sequence[View], size: tuple[int, int], samples: int, generator: np.random.Generator
    ) -> list[tuple[_Pixels, _Pixels, _Pixels]]:
        """Ambient and sun light (H, W, 3) and depths (H, W) of each view, the mean of so many drawings."""
        context = canvas()
        layers = [context.texture(size, 4, dtype="f4") for _ in range(2)]
        depth = context.depth_texture(size)
        frame = context.framebuffer(layers, depth)
        full = context.vertex_array(self._fill.program, [])
        sky_map = shadow_map(_SKY_MAP)
        still = [(drawable, np.eye(4)) for drawable, _ in self._still]
        totals = [[np.zeros((size[1], size[0], 3), np.float32) for _ in range(2)] for _ in views]
        sun = self._light.direction()
        skies = sky_directions(samples, generator)[generator.permutation(samples)]
        for sample in range(samples):
            moved = sun + generator.normal(0, _SUN_DISC, 3)
            moved /= np.linalg.norm(moved)
            sun_view = parallel_view(moved, self._middle, 105.0)
            sky_view = parallel_view(skies[sample], self._middle, 115.0)
            self._shade(self._depth, self._sun_map, sun_view, still)
            self._shade(self._depth, sky_map, sky_view, still)
            jitter = (_halton(sample + 1, 2) - 0.5, _halton(sample + 1, 3) - 0.5) if len(views) == 1 else (0.0, 0.0)
            for number, view in enumerate(views):
                shifted = view.shifted(2 * jitter[0] / size[0], 2 * jitter[1] / size[1])
                self._draw_still(frame, full, shifted, moved, skies[sample], sun_view, sky_view, sky_map.texture, sample)
                for which in range(2):
                    totals[number][which] += np.frombuffer(layers[which].read(), np.float32).reshape(size[1], size[0], 4)[..., :3]
        results: list[tuple[_Pixels, _Pixels, _Pixels]] = []
        for number, view in enumerate(views):
            self._draw_still(frame, full, view, sun, skies[0], sun_view, sky_view, sky_map.texture, 0)
            seen = np.frombuffer(depth.read(), np.float32).reshape(size[1], size[0]).copy()
            ambient, direct = (total / np.float32(samples) for total in totals[number])
            results.append((ambient, direct, seen))
        things: list[Any] = [frame, *layers, depth, sky_map.frame, sky_map.texture, full]
        for thing in things:
            thing.release()
        return results

    def _draw_still(
        self,
        frame: moderngl.Framebuffer,
        full: moderngl.VertexArray,
        view: View,
        sun: Floats,
        sky: Floats,
        sun_view: View,
        sky_view: View,
        sky_texture: moderngl.Texture,
        turn: int,
    ) -> None:
        context = canvas()
        frame.use()
        frame.clear(depth=1.0)
        context.disable(moderngl.DEPTH_TEST)
        self._fill.set(**self._sky_uniforms(), from_clip=np.linalg.inv(view.to_clip), eye=view.eye)
        full.render(moderngl.TRIANGLES, 3)
        context.enable_only(moderngl.DEPTH_TEST)
        self._sun_map.texture.use(0)
        sky_texture.use(1)
        self._edge.use(2)
        self._depth.set(to_clip=view.to_clip, to_world=np.eye(4))
        for drawable, _ in self._still:
            drawable.draw(self._depth)
        context.depth_func = "<="
        for drawable, program in (*self._still, *self._flat):
            program.set(
                **self._sky_uniforms(),
                to_clip=view.to_clip,
                to_world=np.eye(4),
                eye=view.eye,
                sun_sample=sun,
                sky_sample=sky,
                sky_radiance=self._radiance(sky),
                sun_matrix=sun_view.to_clip,
                sky_matrix=sky_view.to_clip,
                sun_map=0,
                sky_map=1,
                edge_map=2,
                turn=float(turn % 97),
            )
            drawable.draw(program)
        context.depth_func = "<"

    def _radiance(self, sky: Floats) -> Floats:
        """Red, green and blue of the sky in a direction; clouds are evened out."""
        light = self._light
        up = max(float(sky[2]), 0.0) ** 0.45
        clear = np.array(light.horizon) * (1 - up) + np.array(light.zenith) * up
        cover = min(1.0, 0.15 + 0.8 * light.overcast)
        glow = 0.05 * max(float(sky @ light.direction()), 0.0) ** 24
        result: Floats = clear * (1 - cover) + np.array(light.horizon) * 1.1 * cover + glow * np.array(light.sun)
        return result

    def _draw_background(self, samples: int, generator: np.random.Generator) -> Background:
        ((ambient, sun, depth),) = self._accumulate([self._view], self._size, samples, generator)
        return Background(ambient, sun, depth)

    def _draw_cubes(self, samples: int, generator: np.random.Generator) -> tuple[moderngl.TextureCube, moderngl.TextureCube]:
        """What vehicles mirror: ambient and sun light around a place on the road."""
        forward = self._camera.axes()[2]
        level = forward[:2] / np.hypot(*forward[:2])
        place = np.array((*(np.array(self._camera.position[:2]) + 24.0 * level), 1.3))
        faces = self._accumulate(cube_views(place), (_CUBE_SIZE, _CUBE_SIZE), samples, generator)
        cubes = []
        for which in range(2):
            data = np.concatenate([face[which] for face in faces]).astype(np.float16)
            cube = canvas().texture_cube((_CUBE_SIZE, _CUBE_SIZE), 3, data.tobytes(), alignment=1, dtype="f2")
            cube.build_mipmaps()
            cube.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            cubes.append(cube)
        upper = np.concatenate([face[0] for face in faces[4:5]])
        self._above = upper.reshape(-1, 3).mean(0)
        lower = faces[5]
        self._ground = (lower[0].reshape(-1, 3).mean(0), lower[1].reshape(-1, 3).mean(0))
        return cubes[0], cubes[1]

    def _light_still_map(self) -> None:
        self._sun_view = parallel_view(self._light.direction(), self._middle, 105.0)
        self._shade(self._depth, self._sun_map, self._sun_view, [(drawable, np.eye(4)) for drawable, _ in self._still])
        self._car_view = parallel_view(self._light.direction(), self._middle, _CAR_RADIUS, 120.0)

    def _make_targets(self) -> None:
        context, size = canvas(), self._size
        self._ambient_layer = context.texture(
            size, 3, np.ascontiguousarray(self.background.ambient).tobytes(), alignment=1, dtype="f4"
        )
        self._sun_layer = context.texture(size, 3, np.ascontiguousarray(self.background.sun).tobytes(), alignment=1, dtype="f4")
        self._depth_layer = context.texture(
            size, 1, np.ascontiguousarray(self.background.depth).tobytes(), alignment=1, dtype="f4"
        )
        self._open_layer = context.texture(size, 1, dtype="f1")
        self._open_frame = context.framebuffer([self._open_layer])
        self._light_out = context.texture(size, 4, dtype="f4")
        self._number_out = context.texture(size, 1, dtype="u4")
        self._frame = context.framebuffer([self._light_out, self._number_out], context.depth_texture(size))
        self._alone = context.framebuffer([context.texture(size, 1, dtype="f1")])
        self._full = context.vertex_array(self._compose.program, [])
        self._decal = context.vertex_array(self._occlusion.program, [])

    def picture(self, vehicles: Sequence[PlacedVehicle], sun_share: float) -> Exposure:
        """A picture with these vehicles.

        Args:
            vehicles: What is on the road, also beside the picture if it is near: its shadow may be seen.
            sun_share: Share of the sun's light that clouds let through.
        """
        placed = [(self._drawable(vehicle), vehicle.to_world()) for vehicle in vehicles]
        self._shade(self._depth, self._car_map, self._car_view, placed)
        self._draw_openness(vehicles)
        self._draw_composed(sun_share)
        self._draw_vehicles(vehicles, placed, sun_share)
        width, height = self._size
        light = np.frombuffer(self._light_out.read(), np.float32).reshape(height, width, 4)[..., :3]
        numbers = np.frombuffer(self._number_out.read(), np.uint32).reshape(height, width)
        shares = self._shares(vehicles, placed, numbers)
        step = _SUPERSAMPLING
        small = light.reshape(height // step, step, width // step, step, 3).mean((1, 3))
        return Exposure(small, shares)

    def _drawable(self, vehicle: PlacedVehicle) -> Drawable:
        if vehicle.number not in self._models:
            self._models[vehicle.number] = Drawable(vertices(vehicle.model.parts))
        return self._models[vehicle.number]

    def forget(self, kept: set[int]) -> None:
        """Gives back the memory of all vehicles but these."""
        for number in set(self._models) - kept:
            self._models.pop(number).release()

    def _draw_openness(self, vehicles: Sequence[PlacedVehicle]) -> None:
        context = canvas()
        self._open_frame.use()
        self._open_frame.clear(1.0, 1.0, 1.0, 1.0)
        context.enable_only(moderngl.BLEND)
        context.blend_func = moderngl.DST_COLOR, moderngl.ZERO
        self._occlusion.set(to_clip=self._view.to_clip)
        for vehicle in vehicles:
            points = np.concatenate([part.points for part in vehicle.model.parts])
            half = np.abs(points[:, :2]).max(0)
            turn = np.radians(vehicle.heading)
            self._occlusion.set(pose=(*vehicle.place, float(np.sin(turn)), float(np.cos(turn))), half_size=tuple(half))
            self._decal.render(moderngl.TRIANGLES, 6)

    def _draw_composed(self, sun_share: float) -> None:
        context = canvas()
        self._frame.use()
        context.enable_only(moderngl.DEPTH_TEST)
        context.depth_func = "1"
        for number, texture in enumerate(
            (self._ambient_layer, self._sun_layer, self._depth_layer, self._open_layer, self._car_map.texture)
        ):
            texture.use(number)
        self._compose.set(
            ambient_layer=0,
            sun_layer=1,
            depth_layer=2,
            open_layer=3,
            car_map=4,
            car_matrix=self._car_view.to_clip,
            from_clip=np.linalg.inv(self._view.to_clip),
            sun_share=sun_share,
            softness=0.0011,
        )
        self._full.render(moderngl.TRIANGLES, 3)
        context.depth_func = "<"

    def _draw_vehicles(
        self, vehicles: Sequence[PlacedVehicle], placed: Sequence[tuple[Drawable, Floats]], sun_share: float
    ) -> None:
        context = canvas()
        context.enable_only(moderngl.DEPTH_TEST)
        self._sun_map.texture.use(0)
        self._car_map.texture.use(1)
        self._cubes[0].use(2)
        self._cubes[1].use(3)
        light = self._light
        self._vehicle.set(
            to_clip=self._view.to_clip,
            eye=self._view.eye,
            sun_direction=light.direction(),
            sun_colour=light.sun,
            sun_share=sun_share,
            above=self._above,
            ground_ambient=self._ground[0],
            ground_sun=self._ground[1],
            sun_matrix=self._sun_view.to_clip,
            car_matrix=self._car_view.to_clip,
            sun_map=0,
            car_map=1,
            around_ambient=2,
            around_sun=3,
            softness=0.0006,
        )
        for through, which in ((0.0, "solid"), (1.0, "clear")):
            if through:
                context.enable(moderngl.BLEND)
                context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
                self._frame.depth_mask = False
            for vehicle, (drawable, to_world) in zip(vehicles, placed, strict=True):
                self._vehicle.set(to_world=to_world, number=vehicle.number, clear_pass=through)
                drawable.draw(self._vehicle, which)
        self._frame.depth_mask = True

    def _shares(
        self, vehicles: Sequence[PlacedVehicle], placed: Sequence[tuple[Drawable, Floats]], numbers: npt.NDArray[np.uint32]
    ) -> dict[int, tuple[int, int]]:
        context = canvas()
        context.enable_only(moderngl.NOTHING)
        self._alone.use()
        self._outline.set(to_clip=self._view.to_clip)
        seen = np.bincount(numbers.ravel(), minlength=1)
        shares = {}
        for vehicle, (drawable, to_world) in zip(vehicles, placed, strict=True):
            around = self._around(vehicle)
            if around is None:
                continue
            left, top, right, bottom = around
            self._alone.scissor = (left, top, right - left, bottom - top)
            self._alone.clear()
            self._outline.set(to_world=to_world)
            drawable.draw(self._outline)
            drawable.draw(self._outline, "clear")
            filled = np.frombuffer(self._alone.read((left, top, right - left, bottom - top), 1, alignment=1), np.uint8)
            count = int((filled > 127).sum())
            if count:
                shares[vehicle.number] = (int(seen[vehicle.number]) if vehicle.number < len(seen) else 0, count)
        self._alone.scissor = (0, 0, *self._size)
        return shares

    def _around(self, vehicle: PlacedVehicle) -> tuple[int, int, int, int] | None:
        """The part of the drawn picture it may lie in."""
        corners = model_corners(vehicle)
        seen = self._camera.to_camera(corners)
        if seen[:, 2].min() < 1.0:
            return None if seen[:, 2].max() < 1.0 else (0, 0, *self._size)
        pixels = self._camera.to_picture(seen) * _SUPERSAMPLING
        low = np.clip(np.floor(pixels.min(0)).astype(int) - 2, 0, self._size)
        high = np.clip(np.ceil(pixels.max(0)).astype(int) + 2, 0, self._size)
        return None if (high <= low).any() else (int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _by_kind(parts: Sequence[Part]) -> list[tuple[Drawable, Program]]:
    """What is to be drawn, with the shaders of its kind."""
    kinds: dict[int, list[Part]] = {}
    for part in parts:
        kinds.setdefault(KINDS.get(part.name, 0), []).append(part)
    return [(Drawable(vertices(some)), Program(_shaders.static(kind))) for kind, some in sorted(kinds.items())]


def model_corners(vehicle: PlacedVehicle) -> Floats:
    """(8, 3): corners of the box around it in the world."""
    points = np.concatenate([part.points for part in vehicle.model.parts])
    low, high = points.min(0), points.max(0)
    corners = np.array([(x, y, z, 1.0) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    result: Floats = (corners @ vehicle.to_world().T)[:, :3]
    return result


def _halton(number: int, base: int) -> float:
    """The Halton sequence, in 0..1."""
    result, share = 0.0, 1.0
    while number:
        share /= base
        result += share * (number % base)
        number //= base
    return result
