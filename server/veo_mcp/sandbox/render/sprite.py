"""Figures made of polygons, and the paths that they take."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from veo_mcp.sandbox.render.layers import Sharp
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.picture import Floats, Patch, Picture

Point = tuple[float, float]
Shape = tuple[Sequence[Point], Colour]

_OVERSAMPLE = 3


class Sprite:
    """A drawn figure and the place of its origin inside."""

    def __init__(self, patch: Patch, origin: Point) -> None:
        self.patch = patch
        self._origin = origin

    def lay(self, picture: Picture, at: Point, opacity: float = 1.0) -> None:
        picture.lay(self.patch, round(at[0] - self._origin[0]), round(at[1] - self._origin[1]), opacity)


def drawn(shapes: Sequence[Shape], size: float) -> Sprite:
    """Draw polygons given in `size` pixels around an origin, later ones over earlier ones."""
    points = np.array([p for polygon, _ in shapes for p in polygon]) * size
    left, top = (np.floor(points.min(axis=0)) - 2).astype(int).tolist()
    right, bottom = (np.ceil(points.max(axis=0)) + 4).astype(int).tolist()
    ink = tuple(int(c) for c in shapes[0][1])
    image = Image.new("RGBA", ((right - left) * _OVERSAMPLE, (bottom - top) * _OVERSAMPLE), (*ink, 0))
    draw = ImageDraw.Draw(image)
    for polygon, colour in shapes:
        scaled = [((x * size - left) * _OVERSAMPLE, (y * size - top) * _OVERSAMPLE) for x, y in polygon]
        draw.polygon(scaled, fill=(*(int(c) for c in colour), 255))
    rgba = np.asarray(image.reduce(_OVERSAMPLE), np.float32)
    return Sprite(Patch.of(np.moveaxis(rgba[..., :3], -1, 0), rgba[..., 3] / 255), (-left, -top))


def glow(colour: Colour, radius: float, strength: float = 1.0) -> Sprite:
    """A round light that fades out towards its rim."""
    reach = int(radius) + 2
    away = np.hypot(*np.mgrid[-reach:reach, -reach:reach]).astype(np.float32) / np.float32(radius)
    cover = np.clip(1 - away, 0, 1) ** 2 * np.float32(strength)
    return Sprite(Patch.of(flat(colour, cover), cover), (reach, reach))


def flat(colour: Colour, like: Floats) -> Floats:
    return np.broadcast_to(np.asarray(colour, np.float32)[:, None, None], (3, *like.shape))


def disc(x: float, y: float, across: float, down: float | None = None, corners: int = 28) -> list[Point]:
    """An ellipse's outline."""
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    tall = across if down is None else down
    return [(x + across * float(np.cos(a)), y + tall * float(np.sin(a))) for a in turns]


def limb(points: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """The outline of a line whose width changes from point to point: a leg, a neck, a branch."""
    line = np.array(points, float)
    along = np.gradient(line, axis=0)
    along /= np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) * (np.array(widths)[:, None] / 2)
    return [(float(x), float(y)) for x, y in np.concatenate([line + side, (line - side)[::-1]])]


def mirrored(points: Sequence[Point]) -> list[Point]:
    return [(-x, y) for x, y in points]


def blended(a: Sequence[Point], b: Sequence[Point], share: float) -> list[Point]:
    """A pose between two."""
    return [(x + (u - x) * share, y + (v - y) * share) for (x, y), (u, v) in zip(a, b, strict=True)]


class Actor(Sharp):
    """One of a few poses at a time, on a path."""

    def __init__(
        self,
        poses: Sequence[Sprite],
        path: Callable[[float], Point],
        pose: Callable[[float], float] = lambda _t: 0,
        opacity: Callable[[float], float] = lambda _t: 1,
    ) -> None:
        """`path` gives pixels for seconds; `pose` gives a number whose whole part picks the pose, round and round."""
        self._poses = poses
        self._path = path
        self._pose = pose
        self._opacity = opacity

    def draw(self, picture: Picture, t: float) -> None:
        sprite = self._poses[int(self._pose(t)) % len(self._poses)]
        sprite.lay(picture, self._path(t), self._opacity(t))
