"""Silhouettes across the whole width that pan with the camera."""

from collections.abc import Callable

import numpy as np

from veo_mcp.sandbox.render.layers import Sharp
from veo_mcp.sandbox.render.noise import smoothed
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.picture import Floats, Octets, Patch, Picture, column, overlap, to_yuv
from veo_mcp.sandbox.render.shot import FPS
from veo_mcp.sandbox.render.sprite import Point
from veo_mcp.sandbox.render.stage import Stage

Shade = Callable[[Floats, Floats], None]
"""Change a strip's planar RGB in place, given each pixel's depth in pixels below the outline."""


class Strip(Sharp):
    """A band that pans as a whole: blended where it is open, copied below the last open row."""

    def __init__(self, stage: Stage, rgb: Floats, cover: Floats, *, top: int, pan: float) -> None:
        """Take what `room_for` the pan has made wide enough; `top` is an even row of the picture."""
        self._stage = stage
        self._speed, self._travel = _pan(stage, pan)
        self._top = top
        self._edge, self._solid = _split(rgb, cover)

    def draw(self, picture: Picture, t: float) -> None:
        moved = self._speed * t * FPS
        offset = int(moved if self._stage.heading > 0 else self._travel - 2 - moved)
        picture.lay(self._edge, -offset, self._top)
        start = self._top + self._edge.height
        for i, plane in enumerate(picture.planes):
            shift = 1 if i else 0
            rows, from_rows = overlap(plane.shape[0], len(self._solid[i]), start >> shift)
            left = offset >> shift
            plane[rows] = self._solid[i][from_rows, left : left + plane.shape[1]]


def room_for(stage: Stage, pan: float) -> int:
    """Say how wide a strip is that pans so far, in pixels."""
    return stage.width + _pan(stage, pan)[1]


def land(
    stage: Stage,
    outline: Callable[[int], Floats],
    *,
    base: float,
    rise: float,
    top: Colour,
    bottom: Colour,
    pan: float,
    shade: Shade | None = None,
    foot: float = 1.0,
) -> Strip:
    """Fill an outline (0..1 for each column) that rises `rise` above `base`, down to `foot`: fractions of the height.

    `pan` is in pixels of a 1080p frame for each 24th of a second.
    """
    rise *= stage.lift
    first = max(0, int((base - rise) * stage.height)) & ~1
    profile = outline(room_for(stage, pan)) * np.float32(rise * stage.height)
    rows = np.arange(max(2, int(foot * stage.height) - first), dtype=np.float32)[:, None]
    below = rows - (np.float32(base * stage.height - first) - profile)[None]
    # Graded by the smoothed outline: by the outline itself, each treetop would cast a stripe.
    lie = np.float32(base * stage.height - first) - smoothed(profile, stage.unit // 4)
    rgb = _graded(top, bottom, rows - lie[None], stage.height)
    if shade:
        shade(rgb, below)
    return Strip(stage, np.clip(rgb, 0, 255, out=rgb), np.clip(below + 0.5, 0, 1), top=first, pan=pan)


def passing(stage: Stage, pan: float, at: Point, t: float) -> Point:
    """Say where, in pixels, a thing that stands on a strip is: `at` is in shares of the picture when the pan begins.

    Where the camera goes left, that is where it is when the pan ends.
    """
    moved = _pan(stage, pan)[0] * FPS * (t if stage.heading > 0 else t - stage.shot.duration)
    return at[0] * stage.width - moved * stage.heading, at[1] * stage.height


def _pan(stage: Stage, pan: float) -> tuple[float, int]:
    speed = pan * stage.unit / 1080 * stage.pace
    return speed, int(speed * stage.shot.frames) + 2


def _graded(top: Colour, bottom: Colour, below: Floats, height: int) -> Floats:
    share = np.clip(below * np.float32(1 / (0.34 * height)), 0, 1)
    first, last = column(top), column(bottom)
    return first + (last - first) * share[None]


def _split(rgb: Floats, cover: Floats) -> tuple[Patch, tuple[Octets, Octets, Octets]]:
    height, width = cover.shape[0] & ~1, cover.shape[1] & ~1
    open_rows = np.flatnonzero(cover[:height].min(axis=1) < 1)
    edge = (int(open_rows[-1]) + 2) & ~1 if len(open_rows) else 0
    y, u, v = (np.round(p).astype(np.uint8) for p in to_yuv(rgb[:, edge:height, :width]))
    return Patch.of(rgb[:, :edge], cover[:edge]), (y, u, v)
