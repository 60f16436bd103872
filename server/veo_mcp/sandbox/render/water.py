"""Water that mirrors what is above it."""

import numpy as np

from veo_mcp.sandbox.render.layers import Sharp, Soft
from veo_mcp.sandbox.render.noise import Indices
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.picture import Floats, Picture, column
from veo_mcp.sandbox.render.stage import Stage

_LAG = 9


class Sea(Soft):
    """Waves in perspective: each pixel shows the sky that its slope mirrors, and glitters beneath the sun."""

    def __init__(self, stage: Stage) -> None:
        x, y = stage.grid
        self._first = int(stage.horizon * len(y))
        self._stage, self._texture = stage, stage.fine
        x, rows = x[self._first :], len(y) - self._first
        near = ((np.arange(rows) + 1.5) / rows).astype(np.float32)[:, None]
        kx, _ = stage.aspect
        across = (x - 0.5) * kx / near
        self._long = self._texture.index(across * 420 + 4096, 360 / near)
        self._short = self._texture.index(across * 950 + 4096, 800 / near)
        self._unit = np.float32(1 / (self._slope(self._long, 0, 0).std() + 1e-6))
        self._calm = np.clip(near * 2.6, 0.12, 1)
        self._mirror = self._first - 2 - np.arange(rows, dtype=np.float32)[:, None] * 0.9
        self._reach = 1.6 + 7.5 * near
        self._column: Indices = np.zeros(x.shape, np.int64) + np.arange(x.shape[1], dtype=np.int64)
        self._fresnel = 0.82 - 0.5 * near
        self._set_light(stage, x, near)

    def _set_light(self, stage: Stage, x: Floats, near: Floats) -> None:
        storm = stage.mood is Mood.STORM
        self._glitter = np.exp(-(((x - stage.sun[0]) / (0.035 + 0.15 * near)) ** 2)) * (0 if storm else 1)
        self._foam = near * np.float32(0.62 if storm else 0.26)
        self._foam_from = 1.5 if storm else 2.3
        self._light = column(stage.palette.light)
        day = stage.mood in {Mood.DAY, Mood.MORNING, Mood.WINTER}
        deep = Colour(10, 62, 96) if day else stage.palette.zenith.toward(stage.palette.ground, 0.6)
        self._deep = column(deep)

    def _slope(self, index: Indices, across: float, down: float) -> Floats:
        here = self._texture.look(index, across, down)
        return here - self._texture.look(index, across + _LAG // 2, down + _LAG)

    def paint(self, rgb: Floats, t: float) -> None:
        drift, pace = self._stage.drift(t), t * self._stage.pace
        slope = self._slope(self._long, drift * 36, pace * 120)
        slope = (slope + self._slope(self._short, -drift * 50, pace * 200) * np.float32(0.6)) * self._unit * self._calm
        row = np.clip(self._mirror - slope * self._reach, 0, self._first - 1).astype(np.int64)
        index = row * rgb.shape[2] + self._column
        share = np.clip(self._fresnel + slope * 0.06, 0.08, 0.95)
        shine = np.clip((slope - 0.75) * 0.8, 0, 0.95) * self._glitter
        shine = shine + np.clip((slope - self._foam_from) * 0.6, 0, 1) * self._foam
        for channel, deep, light in zip(rgb, self._deep, self._light, strict=True):
            water = np.take(channel.ravel(), index)
            water = deep + (water - deep) * share
            channel[self._first :] = water + (light - water) * shine


class Mirror(Sharp):
    """A wet street or a still lake: the rows above a line again, upside down, darker and rippled."""

    def __init__(self, stage: Stage, line: float, *, keep: float, ripple: float = 0.006) -> None:
        self._first = int(line * stage.height) & ~1
        self._rows = stage.height - self._first
        self._keep = np.uint16(keep * 256)
        self._tint = np.uint16(256 - self._keep)
        self._ripple = ripple * stage.height
        self._dark = 20

    def draw(self, picture: Picture, t: float) -> None:
        for i, plane in enumerate(picture.planes):
            scale = 2 if i else 1
            rows = np.arange(self._rows // scale, dtype=np.float32) * scale
            wave = np.sin(rows * 0.21 - t * 5.1) + np.sin(rows * 0.053 + t * 2.3)
            source = self._first - 2 - rows * 1.15 + wave * self._ripple * np.clip(rows / self._rows * 2, 0.15, 1)
            source = np.clip(source / scale, 0, self._first // scale - 1).astype(np.int64)
            ground = np.uint16(128 if i else self._dark)
            mirrored = plane[source] * self._keep + ground * self._tint
            plane[self._first // scale : self._first // scale + len(source)] = mirrored >> 8
