from collections.abc import Iterable

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.weather.fog import Bank

_DUST, _MARTIAN = Colour(196, 140, 92), Colour(190, 104, 66)


def layers(stage: Stage) -> Layers:
    dust = (_MARTIAN if stage.says("mars, martian") else _DUST).times(0.45 if stage.is_dark else 1)
    yield Depth.CLOUDS, Wall(stage, dust)
    for i, (depth, height) in enumerate(((Depth.BACKDROP, 0.0), (Depth.FAR, 0.08), (Depth.NEAR, 0.2))):
        yield depth, Bank(stage, stage.horizon + height, speed=5 + 3 * i, name=f"dust {i}", colour=dust)
    for name, count, length in (("far", 260, 0.03), ("near", 90, 0.06)):
        across = length * 1.3 * stage.unit
        grains = Stamp.streak(across * stage.heading, 2, max(1, stage.unit // 540))
        motion = Motion(across=across * stage.heading, down=0.001 * stage.unit)
        colour = dust.toward(stage.palette.light, 0.35)
        yield (
            Depth.AIR,
            Particles(stage, f"dust {name}", grains, count=count, colour=colour, strength=0.5, motion=motion),
        )


class Wall(Soft):
    """A front of dust that rolls in over the land and takes the sky."""

    def __init__(self, stage: Stage, dust: Colour) -> None:
        (x, y), (kx, ky) = stage.grid, stage.aspect
        self._stage = stage
        self._index = stage.coarse.index(x * kx * 700 + 2048, y * ky * 900)
        self._detail = stage.fine.index(x * kx * 1500 + 2048, y * ky * 1700)
        rise = np.clip(1.15 - (stage.horizon - y) / (0.8 * stage.horizon), 0.15, 1)
        self._thick = rise.astype(np.float32)
        self._lit, self._shadow = column(dust.toward(stage.palette.light, 0.25)), column(dust.times(0.62))

    def paint(self, rgb: Floats, t: float) -> None:
        moved = -self._stage.drift(t) * 90
        billow = self._stage.coarse.look(self._index, moved, t * 20) * 0.62
        billow = billow + self._stage.fine.look(self._detail, moved * 1.6, t * 40) * 0.38
        cover = np.clip(self._thick * 1.5 + (billow - 0.5) * 2.2 - 0.2, 0.45, 0.94)
        shade = np.clip(0.5 + (billow - 0.5) * 3, 0, 1)
        rgb += (self._shadow + (self._lit - self._shadow) * shade - rgb) * cover


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(120, 1400, 0.5) * desk.swell(0.23, 0.7) * 0.3
    yield desk.noise(2200, 9000, 0.2) * desk.swell(0.31, 0.9) ** 2 * 0.08


PART = Weather(name="dust", words="duststorm*", layers=layers, sound=sound)
