"""Draws a place as a camera sees it: vehicles and their shadows, over what stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moderngl
import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from simulation.rendering import _shaders
from simulation.rendering._canvas import Drawable, camera_view, canvas, cube_views, parallel_view, program, shade, shadow_map
from simulation.rendering.light import Light
from simulation.rendering.mesh import Model
from simulation.rendering.scene import Scene
from simulation.rendering.still import Background, StillScenery
from simulation.rendering.vertices import vertices

__all__ = ["Exposure", "PlacedVehicle", "Renderer"]

_SUPERSAMPLING = 2
_CAR_MAP = 3072
_CAR_RADIUS = 62.0
_CUBE_SIZE = 128
_MIDDLE, _MIRRORS = 45.0, 24.0
"""Metres before a camera's foot: the middle of what is seen, and where it is seen what vehicles mirror."""


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

    def corners(self) -> Floats:
        """(8, 3): of the box around it in the world."""
        points = np.concatenate([part.points for part in self.model.parts])
        low, high = points.min(0), points.max(0)
        corners = np.array([(x, y, z, 1.0) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        result: Floats = (corners @ self.to_world().T)[:, :3]
        return result


@dataclass(frozen=True, slots=True)
class Exposure:
    """A picture before the camera changes it.

    Attributes:
        light: (height, width, 3) float32, red, green, blue, linear.
        shares: By vehicle number: pixels in which it is seen, and pixels it would fill if nothing were in its way.
    """

    light: npt.NDArray[np.float32]
    shares: dict[int, tuple[int, int]]


class Renderer:
    """Pictures of one camera.

    Args:
        scene: What stands still.
        light: Sun and sky.
        camera: Where from.
        samples: How often what stands still is drawn.

    Raises:
        RenderingError: there is no OpenGL here.
    """

    def __init__(self, scene: Scene, light: Light, camera: CityCamera, samples: int = 24) -> None:
        self._light, self._camera = light, camera
        self._size = (camera.size[0] * _SUPERSAMPLING, camera.size[1] * _SUPERSAMPLING)
        self._view = camera_view(camera)
        self._models: dict[int, Drawable] = {}
        forward = camera.axes()[2][:2]
        foot, level = np.array(camera.position[:2]), forward / np.hypot(*forward)
        middle = np.array((*(foot + level * _MIDDLE), 0.0))
        self._outline, self._occlusion = program(_shaders.OUTLINE), program(_shaders.OCCLUSION)
        self._compose, self._vehicle = program(_shaders.COMPOSE), program(_shaders.VEHICLE)
        self._still = StillScenery(scene, light, middle)
        generator = np.random.default_rng((light.seed, camera.number))
        (background,) = self._still.draw([self._view], self._size, samples, generator)
        mirrors = cube_views(np.array((*(foot + level * _MIRRORS), 1.3)))
        self._set_mirrors(self._still.draw(mirrors, (_CUBE_SIZE, _CUBE_SIZE), max(2, min(8, samples // 4)), generator))
        self._sun_map, self._sun_view = self._still.shadows()
        self._car_map, self._car_view = shadow_map(_CAR_MAP), parallel_view(light.direction(), middle, _CAR_RADIUS, 120.0)
        self._make_targets(background)

    def _set_mirrors(self, faces: Sequence[Background]) -> None:
        """Keeps what vehicles mirror, from the six faces of a cube, and the light from above and from the ground."""
        self._mirrors = []
        for light in ([face.ambient for face in faces], [face.sun for face in faces]):
            data = np.concatenate(light).astype(np.float16)
            cube = canvas().texture_cube((_CUBE_SIZE, _CUBE_SIZE), 3, data.tobytes(), alignment=1, dtype="f2")
            cube.build_mipmaps()
            cube.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            self._mirrors.append(cube)
        upper, lower = faces[4], faces[5]
        self._above, self._below, self._below_sun = (
            face.reshape(-1, 3).mean(0) for face in (upper.ambient, lower.ambient, lower.sun)
        )

    def _make_targets(self, background: Background) -> None:
        context, size = canvas(), self._size
        self._layers = [
            context.texture(size, 3 if layer.ndim == 3 else 1, np.ascontiguousarray(layer).tobytes(), alignment=1, dtype="f4")
            for layer in (background.ambient, background.sun, background.depth)
        ]
        self._open_layer = context.texture(size, 1, dtype="f1")
        self._open_frame = context.framebuffer([self._open_layer])
        self._light_out = context.texture(size, 4, dtype="f4")
        self._number_out = context.texture(size, 1, dtype="u4")
        self._frame = context.framebuffer([self._light_out, self._number_out], context.depth_texture(size))
        self._alone = context.framebuffer([context.texture(size, 1, dtype="f1")])
        self._decal = context.vertex_array(self._occlusion.program, [])

    def picture(self, vehicles: Sequence[PlacedVehicle], sun_share: float) -> Exposure:
        """A picture with these vehicles.

        Args:
            vehicles: What is on the road, also beside the picture if it is near: its shadow may be seen.
            sun_share: Share of the sun's light that clouds let through.
        """
        placed = [(self._drawable(vehicle), vehicle.to_world()) for vehicle in vehicles]
        shade(self._car_map, self._car_view, placed)
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
        for number, texture in enumerate((*self._layers, self._open_layer, self._car_map.texture)):
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
        self._compose.full_picture()
        context.depth_func = "<"

    def _draw_vehicles(
        self, vehicles: Sequence[PlacedVehicle], placed: Sequence[tuple[Drawable, Floats]], sun_share: float
    ) -> None:
        context = canvas()
        context.enable_only(moderngl.DEPTH_TEST)
        self._sun_map.texture.use(0)
        self._car_map.texture.use(1)
        self._mirrors[0].use(2)
        self._mirrors[1].use(3)
        light = self._light
        self._vehicle.set(
            to_clip=self._view.to_clip,
            eye=self._view.eye,
            sun_direction=light.direction(),
            sun_colour=light.sun,
            sun_share=sun_share,
            above=self._above,
            ground_ambient=self._below,
            ground_sun=self._below_sun,
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
        corners = vehicle.corners()
        seen = self._camera.to_camera(corners)
        if seen[:, 2].min() < 1.0:
            return None if seen[:, 2].max() < 1.0 else (0, 0, *self._size)
        pixels = self._camera.to_picture(seen) * _SUPERSAMPLING
        low = np.clip(np.floor(pixels.min(0)).astype(int) - 2, 0, self._size)
        high = np.clip(np.ceil(pixels.max(0)).astype(int) + 2, 0, self._size)
        return None if (high <= low).any() else (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
