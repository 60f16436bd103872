from collections.abc import Iterable

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.noise import ridge
from veo_mcp.sandbox.render.outlines import peaks
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Shade, land

_LAVA = Colour(255, 150, 46)
_SMOKE = Colour(58, 40, 40)
_CRATER = 0.32
_RISE = 0.36


def layers(stage: Stage) -> Layers:
    yield Depth.CLOUDS, Plume(stage)
    cone = stage.dice("cone")
    yield (
        Depth.BACKDROP,
        land(
            stage,
            lambda width: _cone(cone, width, stage.width * _CRATER, stage.unit * 0.75),
            base=stage.horizon + 0.1,
            rise=_RISE,
            top=stage.palette.land(0.06),
            bottom=stage.palette.land(0.34),
            pan=0.2,
            shade=_streams(stage),
        ),
    )
    for depth, base, rise, distance, pan in ((Depth.FAR, 0.14, 0.1, 0.14, 1.0), (Depth.NEAR, 0.26, 0.12, 0.0, 2.0)):
        crags = stage.dice(f"crags {base}")
        strip = land(
            stage,
            lambda width, dice=crags: peaks(dice, width, stage.unit * 0.3, 9),
            base=stage.horizon + base,
            rise=rise,
            top=stage.palette.land(distance),
            bottom=stage.palette.ground.times(0.6),
            pan=pan,
        )
        yield depth, strip


def _cone(dice: np.random.Generator, width: int, crater: float, reach: float) -> Floats:
    away = np.abs(np.arange(width) - crater) / reach
    flank = np.clip(1.06 - away, 0, 0.94) ** 1.5
    torn = ridge(dice, width, cells=12, octaves=5) * 0.07
    return np.clip(flank + torn, 0, 1).astype(np.float32)


def _streams(stage: Stage) -> Shade:
    def shade(rgb: Floats, below: Floats) -> None:
        rows, cols = below.shape
        y, x = np.mgrid[0:rows, 0:cols].astype(np.float32)
        u = np.float32(stage.unit)
        wander = (stage.coarse.look(stage.coarse.index(y * 3 * 1080 / u, y * 0)) - 0.5) * u * np.float32(0.12)
        deep = np.clip(below / (0.3 * stage.height), 0, 1)
        light = np.zeros_like(below)
        for lean, width in ((-0.28, 0.009), (0.05, 0.014), (0.36, 0.008)):
            middle = stage.width * _CRATER + y * lean + wander * (1 + lean)
            light = np.maximum(light, np.exp(-(((x - middle) / (u * width)) ** 2)))
            light = np.maximum(light, 0.3 * np.exp(-np.abs(x - middle) / (u * width * 5)))
        light *= (1 - deep * 0.75) * (below > 0)
        rgb += (column(_LAVA) - rgb) * light

    return shade


class Plume(Soft):
    """Smoke over the crater, lit from beneath by what it rises from."""

    def __init__(self, stage: Stage) -> None:
        (x, y), (kx, ky) = stage.grid, stage.aspect
        self._stage = stage
        crater = (_CRATER, stage.horizon + 0.1 - _RISE)
        up = np.clip(crater[1] - y, 0, 1) * ky
        lean = up**1.4 * 0.55
        width = 0.035 + up * 0.55
        away = np.abs((x - crater[0]) * kx - lean) / width
        self._column = (np.clip(1.25 - away, 0, 1) * np.clip(up * 16, 0, 1)).astype(np.float32)
        self._index = stage.coarse.index(x * kx * 620, y * ky * 520)
        self._detail = stage.fine.index(x * kx * 1100, y * ky * 950)
        self._glow = np.exp(-stage.distance(crater) / 0.13).astype(np.float32)

    def paint(self, rgb: Floats, t: float) -> None:
        billow = self._stage.coarse.look(self._index, -t * 34, t * 120) * 0.6
        billow = billow + self._stage.fine.look(self._detail, -t * 50, t * 210) * 0.4
        cover = np.clip((billow - 0.62 + self._column * 0.55) * 3.4, 0, 0.92) * np.clip(self._column * 3, 0, 1)
        lit = np.clip(0.5 + (billow - 0.5) * 2.4, 0.15, 1.3)
        smoke = column(_SMOKE) * lit + column(_LAVA) * (self._glow * 0.9)
        rgb += (smoke - rgb) * cover
        flicker = 0.75 + 0.12 * np.sin(t * 9) + 0.08 * np.sin(t * 23)
        rgb += (column(_LAVA) - rgb) * (self._glow * np.float32(flicker * 0.8))


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(24, 140, 0.8) * desk.swell(0.3, 0.6) * 0.4
    yield desk.noise(80, 900, 0.7) * 0.12
    yield desk.crackle(20) * 0.4


PART = Scene(
    name="volcano",
    words="volcan*, lava, magma, erupt*, вулкан*, лава, 火山, 화산",
    rank=5,
    moods=(Mood.FIRE,),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=0.66,
    floor=0.86,
    layers=layers,
    sound=sound,
    fixed_mood=True,
)
