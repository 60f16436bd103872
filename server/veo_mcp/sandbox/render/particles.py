"""Many small lights: stars, drops, flakes, sparks, bubbles."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from veo_mcp.sandbox.render.layers import Sharp
from veo_mcp.sandbox.render.noise import Indices
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.picture import Floats, Picture, Yuv
from veo_mcp.sandbox.render.shot import FPS
from veo_mcp.sandbox.render.stage import Stage

_TINTED_ABOVE = 0.25


@dataclass(frozen=True, slots=True)
class Stamp:
    """The pixels of one particle and how much light each gets."""

    x: Indices
    y: Indices
    weight: Floats

    @staticmethod
    def dot(radius: float) -> "Stamp":
        reach = int(radius) + 2
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        weight = np.clip(1.35 - np.hypot(x, y) / max(radius, 0.6), 0, 1)
        lit = weight > 0
        return Stamp(x[lit], y[lit], weight[lit].astype(np.float32))

    @staticmethod
    def streak(across: float, down: float, width: int = 1) -> "Stamp":
        """A line that fades in and out, in pixels."""
        step = np.arange(max(2, int(down)))
        weight = np.sin(np.pi * (step + 0.5) / len(step))
        x = np.concatenate([(step * across / len(step)).astype(np.int64) + w for w in range(width)])
        return Stamp(x, np.tile(step, width), np.tile(weight, width).astype(np.float32))

    @staticmethod
    def ring(radius: float) -> "Stamp":
        reach = int(radius) + 2
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        away = np.hypot(x, y)
        rim = np.clip(1 - np.abs(away - radius) / max(1.0, radius * 0.22), 0, 1)
        shine = np.clip(1 - np.hypot(x + radius * 0.35, y + radius * 0.35) / max(1.0, radius * 0.3), 0, 1)
        weight = np.maximum(rim * 0.7, shine)
        lit = weight > 0
        return Stamp(x[lit], y[lit], weight[lit].astype(np.float32))


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Pixels a frame, and how far a particle sways, as a fraction of the width."""

    across: float = 0.0
    down: float = 0.0
    sway: float = 0.0


STILL = Motion()


def evenly(_x: Floats, y: Floats) -> Floats:
    return np.ones_like(y)


class Particles(Sharp):
    """Specks that move, wrap around at the edges and lighten what they cross."""

    def __init__(
        self,
        stage: Stage,
        name: str,
        stamp: Stamp,
        *,
        count: int,
        colour: Colour,
        strength: float = 1.0,
        motion: Motion = STILL,
        twinkle: float = 0.0,
        reach: tuple[float, float] = (0.0, 1.0),
        fade: Callable[[Floats, Floats], Floats] = evenly,
    ) -> None:
        """`reach` is the span of the height they live in; `fade` dims them by their place, in fractions."""
        dice = stage.dice(name)
        self._stamp, self._motion, self._twinkle, self._fade = stamp, motion, twinkle, fade
        self._top = reach[0] * stage.height
        self._span = (reach[1] - reach[0]) * stage.height
        self._x = dice.uniform(0, stage.width, count)
        self._y = dice.uniform(0, self._span, count)
        self._near = dice.uniform(0.45, 1, count)
        self._phase = dice.uniform(0, 2 * np.pi, count)
        self._yuv = Yuv.of(colour)
        self._strength = strength

    def draw(self, picture: Picture, t: float) -> None:
        x, y = self._places(t, picture.width)
        light = (
            self._near
            * self._strength
            * self._fade((x / picture.width).astype(np.float32), (y / picture.height).astype(np.float32))
        )
        if self._twinkle:
            light = light * (1 - self._twinkle + self._twinkle * np.sin(self._phase + t * (2 + 4 * self._near)))
        across = (x[:, None] + self._stamp.x).astype(np.int64)
        down = (y[:, None] + self._stamp.y).astype(np.int64)
        share = np.clip(light[:, None] * self._stamp.weight, 0, 1).astype(np.float32)
        seen = (across >= 0) & (across < picture.width) & (down >= 0) & (down < picture.height) & (share > 0)
        self._lighten(picture, down[seen], across[seen], share[seen])

    def _places(self, t: float, width: int) -> tuple[Floats, Floats]:
        frame = t * FPS
        sway = np.sin(self._phase + t * 1.7) * width * self._motion.sway
        x = (self._x + self._motion.across * self._near * frame + sway) % width
        y = (self._y + self._motion.down * self._near * frame) % self._span + self._top
        return x.astype(np.float32), y.astype(np.float32)

    def _lighten(self, picture: Picture, y: Indices, x: Indices, share: Floats) -> None:
        luma, *chroma = picture.planes
        ground = luma[y, x].astype(np.float32)
        luma[y, x] = (ground + np.maximum(np.float32(self._yuv.y) - ground, 0) * share).astype(np.uint8)
        strong = share > _TINTED_ABOVE
        y, x, share = y[strong] // 2, x[strong] // 2, share[strong]
        for plane, target in zip(chroma, self._yuv[1:], strict=True):
            ground = plane[y, x].astype(np.float32)
            plane[y, x] = (ground + (np.float32(target) - ground) * share).astype(np.uint8)
