import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.sky import fold_light
from veo_mcp.sandbox.render.stage import Stage

_GREEN = Colour(90, 255, 170)
_VIOLET = Colour(150, 80, 230)


def layers(stage: Stage) -> Layers:
    yield Depth.STARS, Curtain(stage)


class Curtain(Soft):
    """Two folds of northern lights: green at the hem, violet above."""

    def __init__(self, stage: Stage) -> None:
        self._x, self._y = stage.grid
        self._stage = stage
        self._index = stage.coarse.index(self._x * 900, self._y * 0)
        self._phase: list[float] = stage.dice("aurora").uniform(0, 2 * np.pi, 2).tolist()

    def paint(self, rgb: Floats, t: float) -> None:
        horizon = np.float32(self._stage.horizon)
        for i, phase in enumerate(self._phase):
            line = 0.5 + 0.14 * i + 0.1 * np.sin(self._x[:1] * (4.2 - i) + phase + t * 0.35)
            above = line * horizon - self._y
            beams = 0.45 + 0.75 * self._stage.coarse.look(self._index, t * 26 * (i + 1), 300 * i + t * 20)
            body = fold_light(above, 0.16 * beams, hem=0.014) * beams
            share = np.clip(above / (0.3 * horizon), 0, 1)
            colour = column(_GREEN) + (column(_VIOLET) - column(_GREEN)) * share
            rgb += (colour - rgb) * (body * np.float32(0.8)).clip(0, 0.85)


PART = Weather(
    name="aurora",
    words="aurora*, northern lights, aurore*, полярное сияние, 极光, 오로라",
    layers=layers,
)
