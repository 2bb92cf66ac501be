"""OpenGL without a screen: one context, programs, targets and shadow maps, by moderngl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import moderngl
import numpy as np

from simulation.city.cameras import NEAR, CityCamera, Floats
from simulation.rendering._shaders import DEPTH
from simulation.rendering.vertices import COLUMNS, Vertices

__all__ = [
    "FAR",
    "Drawable",
    "Program",
    "RenderingError",
    "ShadowMap",
    "View",
    "camera_view",
    "canvas",
    "cube_views",
    "parallel_view",
    "program",
    "shade",
    "shadow_map",
]

FAR = 700.0
"""Metres in front of a camera beyond which nothing is drawn."""

_NAMES = ("in_point", "in_normal", "in_colour", "in_metallic", "in_roughness", "in_opacity", "in_emission", "in_kind")
_CUBE = (
    ((0, 0, -1), (0, -1, 0), (1, 0, 0)),
    ((0, 0, 1), (0, -1, 0), (-1, 0, 0)),
    ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((1, 0, 0), (0, 0, -1), (0, -1, 0)),
    ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
)


class RenderingError(RuntimeError):
    """Pictures cannot be made here; says what to install."""


@lru_cache(maxsize=1)
def canvas() -> moderngl.Context:
    """The process's OpenGL context.

    Raises:
        RenderingError: there is no EGL with a driver.
    """
    try:
        where: dict[str, Any] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
        context = moderngl.create_context(standalone=True, require=330, **where)
    except Exception as error:  # moderngl and glcontext raise plain exceptions of several kinds
        raise RenderingError(
            f"no OpenGL without a screen ({error}); expected Mesa's: apt-get install libegl1 libgl1 libgl1-mesa-dri"
        ) from error
    context.gc_mode = "auto"  # what Python forgets is given back
    return context


@dataclass(frozen=True, slots=True)
class View:
    """A projection: where from, and world to clip coordinates (4, 4)."""

    eye: Floats
    to_clip: Floats

    def shifted(self, x: float, y: float) -> View:
        """Moved by so much in clip coordinates (2 is the picture's width or height)."""
        shift = np.eye(4)
        shift[0, 3], shift[1, 3] = x, y
        return View(self.eye, shift @ self.to_clip)


def _perspective(eye: Floats, axes: Floats, across: float, up: float) -> View:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = axes, -axes @ eye
    projection = np.zeros((4, 4))
    projection[0, 0], projection[1, 1] = across, up
    projection[2, 2], projection[2, 3] = (FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
    projection[3, 2] = 1.0
    return View(eye, projection @ pose)


def camera_view(camera: CityCamera) -> View:
    """The view of a camera; its first row is the upper one."""
    width, height = camera.size
    return _perspective(np.array(camera.position), camera.axes(), 2 * camera.focal / width, 2 * camera.focal / height)


def cube_views(place: Floats) -> list[View]:
    """The six views of a cube map around ``place``, in OpenGL's order and orientation."""
    return [_perspective(place, np.array(axes, float), 1.0, 1.0) for axes in _CUBE]


def parallel_view(direction: Floats, middle: Floats, radius: float, deep: float = 260.0) -> View:
    """What a far light in ``direction`` sees of the ball of ``radius`` metres around ``middle``."""
    forward = -direction
    other = np.array((0.0, 0.0, 1.0)) if abs(forward[2]) < 0.95 else np.array((0.0, 1.0, 0.0))
    right = np.cross(forward, other)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack((right / radius, np.cross(forward, right) / radius, forward / deep))
    pose[:3, 3] = -pose[:3, :3] @ middle
    return View(middle - forward * deep, pose)


class Program:
    """A shader program whose unused uniforms may be set all the same."""

    def __init__(self, sources: tuple[str, str]) -> None:
        self.program = canvas().program(vertex_shader=sources[0], fragment_shader=sources[1])

        self._full: moderngl.VertexArray | None = None

    def full_picture(self) -> None:
        """Draws one triangle that covers the whole picture."""
        if self._full is None:
            self._full = canvas().vertex_array(self.program, [])
        self._full.render(moderngl.TRIANGLES, 3)

    def set(self, **values: Any) -> None:
        """Sets uniforms: numbers, vectors, matrices (4, 4) in the order of mathematics."""
        for name, value in values.items():
            if name not in self.program:
                continue
            member: Any = self.program[name]
            if isinstance(value, np.ndarray) and value.ndim == 2:
                member.write(np.ascontiguousarray(value.T, np.float32).tobytes())
            elif isinstance(value, np.ndarray | tuple):
                member.value = tuple(float(entry) for entry in value)
            else:
                member.value = value


@lru_cache(maxsize=64)
def program(sources: tuple[str, str]) -> Program:
    """The program of a vertex and a fragment shader; compiled once, and shared."""
    return Program(sources)


class Drawable:
    """Vertices that lie with the renderer."""

    def __init__(self, what: Vertices) -> None:
        context = canvas()
        self._rows = context.buffer(what.rows.tobytes()) if len(what.rows) else None
        self._index = {
            name: context.buffer(triangles.tobytes())
            for name, triangles in (("solid", what.solid), ("clear", what.clear))
            if len(triangles)
        }
        self._arrays: dict[tuple[int, str], moderngl.VertexArray] = {}

    def draw(self, program: Program, which: str = "solid") -> None:
        """Draws its ``solid`` or ``clear`` triangles, if it has any."""
        if which not in self._index:
            return
        key = (id(program), which)
        if key not in self._arrays:
            used = [(size, name) for size, name in zip(COLUMNS.split(), _NAMES, strict=True)]
            layout = " ".join(size if name in program.program else f"{int(size[:-1]) * 4}x" for size, name in used)
            names = [name for _, name in used if name in program.program]
            content = [(self._rows, layout, *names)]
            self._arrays[key] = canvas().vertex_array(program.program, content, index_buffer=self._index[which])
        self._arrays[key].render()

    def release(self) -> None:
        """Gives its memory back."""
        for array in self._arrays.values():
            array.release()
        for buffer in (self._rows, *self._index.values()):
            if buffer is not None:
                buffer.release()


@dataclass(frozen=True, slots=True)
class ShadowMap:
    """Depths as a light sees them."""

    texture: moderngl.Texture
    frame: moderngl.Framebuffer
    size: int


def shadow_map(size: int) -> ShadowMap:
    """An empty square shadow map."""
    texture = canvas().depth_texture((size, size))
    texture.compare_func = "<="
    texture.repeat_x = texture.repeat_y = False
    return ShadowMap(texture, canvas().framebuffer(depth_attachment=texture), size)


def shade(target: ShadowMap, view: View, drawables: Sequence[tuple[Drawable, Floats]]) -> None:
    """Draws depths of things, each with its matrix to the world (4, 4), as a light sees them."""
    depth = program(DEPTH)
    target.frame.use()
    target.frame.clear(depth=1.0)
    canvas().enable_only(moderngl.DEPTH_TEST)
    depth.set(to_clip=view.to_clip)
    for drawable, to_world in drawables:
        depth.set(to_world=to_world)
        drawable.draw(depth)
        drawable.draw(depth, "clear")
