import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.stage import Stage

_HAZE = Colour(150, 160, 214)
_CORE = Colour(255, 226, 190)


def layers(stage: Stage) -> Layers:
    yield Depth.STARS, Band(stage)
    for name, count, radius in (("grains", 1500, 0.0008), ("lamps", 160, 0.0013)):

        def along(x: Floats, y: Floats) -> Floats:
            return np.exp(-((_away(stage, x, y) / 0.13) ** 2)) * (1.08 - y / stage.horizon).clip(0, 1)

        dots = Particles(
            stage,
            f"milky way {name}",
            Stamp.dot(radius * stage.unit),
            count=count,
            colour=_CORE.toward(_HAZE, 0.4),
            twinkle=0.25,
            reach=(0.0, stage.horizon),
            fade=along,
        )
        yield Depth.STARS, dots


def _away(stage: Stage, x: Floats, y: Floats) -> Floats:
    """How far from the band's middle, in short sides: it leans across the sky and meets the horizon."""
    kx, ky = stage.aspect
    foot = 0.36, stage.horizon
    across, down = (x - foot[0]) * kx, (y - foot[1]) * ky
    lean = 0.62
    return ((across + down * lean) / np.float32(np.hypot(1, lean))).astype(np.float32)


class Band(Soft):
    """The galaxy from inside: a hazy band, brightest in the middle, torn by dark lanes."""

    def __init__(self, stage: Stage) -> None:
        (x, y), (kx, ky) = stage.grid, stage.aspect
        away = _away(stage, x, y)
        wide = stage.coarse.look(stage.coarse.index(x * kx * 900 + 700, y * ky * 700 + 300))
        fine = stage.fine.look(stage.fine.index(x * kx * 1700 + 700, y * ky * 1400))
        clumps = wide * 0.55 + fine * 0.45
        lane = np.exp(-(((away + (wide - 0.5) * 0.16) / 0.035) ** 2)) * np.clip(clumps * 2.6 - 0.5, 0, 1)
        low = np.clip((1.04 - y / stage.horizon) * 5, 0, 1)
        body = np.exp(-((away / (0.15 + 0.06 * wide)) ** 2)) * (0.35 + 0.9 * clumps)
        self._haze = (np.clip(body * (1 - 0.75 * lane), 0, 1) * low * 0.75).astype(np.float32)
        core = np.exp(-((away / 0.06) ** 2)) * np.clip(clumps * 2 - 0.45, 0, 1) * (1 - 0.85 * lane)
        self._core = (core * low * 0.7).astype(np.float32)

    def paint(self, rgb: Floats, t: float) -> None:
        glow = np.float32(1 + 0.04 * np.sin(t * 0.9))
        rgb += (column(_HAZE) - rgb) * self._haze * glow
        rgb += (column(_CORE) - rgb) * self._core * glow


PART = Weather(
    name="milkyway",
    words="milky way, voie lactée, vía láctea, milchstraße, млечн*, 银河, 銀河, 天の川, 은하수",
    home="space",
    layers=layers,
)
