from collections.abc import Iterable

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.sky import Backdrop, fold_light, gradient
from veo_mcp.sandbox.render.stage import Stage

_COUNT = 44
_RIBBONS = 4


def layers(stage: Stage) -> Layers:
    yield Depth.SKY, Backdrop(gradient(stage, 1.05))
    yield Depth.STARS, Ribbons(stage)
    yield Depth.CLOUDS, Bokeh(stage)


class Ribbons(Soft):
    """Folded veils of light, as of silk seen from its edge."""

    def __init__(self, stage: Stage) -> None:
        self._x, self._y = stage.grid
        self._stage = stage
        dice = stage.dice("ribbons")
        self._waves = dice.uniform(0.6, 2.4, (_RIBBONS, 3))
        self._phases = dice.uniform(0, 2 * np.pi, (_RIBBONS, 3))
        palette = stage.palette
        self._colours = [column(c) for c in (palette.horizon, palette.cloud, palette.light, palette.middle)]

    def paint(self, rgb: Floats, t: float) -> None:
        drift = self._stage.drift(t)
        for i in range(_RIBBONS):
            angles = self._x[:1] * 2 * np.pi * self._waves[i][:, None] + self._phases[i][:, None]
            angles += drift * (0.35 + 0.2 * self._waves[i][:, None])
            fold = (np.sin(angles) * np.array([[0.09], [0.05], [0.03]])).sum(axis=0, keepdims=True)
            away = self._y - np.float32(0.3 + 0.13 * i) - fold.astype(np.float32)
            width = (0.13 + 0.05 * np.cos(angles[:1])).astype(np.float32)
            veil = fold_light(away, width, hem=0.01)
            rgb += (self._colours[i % 4] - rgb) * (veil * np.float32(0.3))


class Bokeh(Soft):
    """Lamps out of focus that drift by."""

    def __init__(self, stage: Stage) -> None:
        dice = stage.dice("bokeh")
        self._stage = stage
        self._places = dice.uniform(-0.1, 1.1, (_COUNT, 2))
        self._radii = dice.uniform(0.02, 0.1, _COUNT)
        self._phases = dice.uniform(0, 2 * np.pi, _COUNT)
        palette = stage.palette
        colours = (palette.light, palette.horizon, palette.cloud, palette.middle)
        self._colours = [column(colours[int(k)]) for k in dice.integers(0, 4, _COUNT)]
        self._strengths = dice.uniform(0.08, 0.34, _COUNT)

    def paint(self, rgb: Floats, t: float) -> None:
        for i in range(_COUNT):
            self._lamp(rgb, t, i)

    def _lamp(self, rgb: Floats, t: float, i: int) -> None:
        height, width = rgb.shape[1:]
        phase, radius = float(self._phases[i]), float(self._radii[i]) * min(width, height)
        drift = self._stage.drift(t) * (0.012 + 0.25 * float(self._radii[i]))
        x = ((self._places[i, 0] + drift + 0.1) % 1.2 - 0.1) * width
        y = (self._places[i, 1] + 0.02 * np.sin(t * 0.4 + phase)) * height
        left, right = (int(np.clip(x + side, 0, width)) for side in (-radius - 2, radius + 3))
        top, bottom = (int(np.clip(y + side, 0, height)) for side in (-radius - 2, radius + 3))
        down, across = np.mgrid[top:bottom, left:right].astype(np.float32)
        away = np.hypot(across - x, down - y).astype(np.float32)
        shape = np.clip((radius - away) / 2.2, 0, 1) * (0.55 + 0.45 * (away / radius) ** 2)
        light = float(self._strengths[i]) * (0.75 + 0.25 * np.sin(t * 1.3 + phase))
        part = rgb[:, top:bottom, left:right]
        part += (self._colours[i] - part) * (shape * np.float32(light))


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(200, 1200, 0.6) * desk.swell(0.1, 0.9) * 0.05
    yield desk.calls(880, 0.0, 1.4, 0.7) * 0.12


PART = Scene(
    name="lights",
    words="abstract, bokeh, particles, kaleidoscope, light trails, pattern*, shapes, silk",
    rank=0,
    moods=(Mood.SUNSET, Mood.NEON, Mood.NIGHT, Mood.WARM),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=1.0,
    floor=0.9,
    layers=layers,
    sound=sound,
)
