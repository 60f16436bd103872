from functools import partial

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, disc, drawn, glow
from veo_mcp.sandbox.render.stage import Stage

_LAMP = Colour(255, 244, 200)
_WHITE = Colour(226, 222, 214)
_RED = Colour(176, 54, 46)
_TURN_SECONDS = 4.0
_LAMP_HEIGHT = 1.04
_BEAM_REACH = 0.28


def layers(stage: Stage) -> Layers:
    size = stage.unit * 0.42
    foot = (0.27 if stage.is_wide else 0.3) * stage.width, (stage.floor + 0.02) * stage.height
    lamp = foot[0], foot[1] - size * _LAMP_HEIGHT
    yield Depth.CLOUDS, Beam(stage, lamp)
    yield Depth.SUBJECT, Actor([drawn(_tower(stage), size)], lambda _t: foot)
    light = glow(_LAMP, stage.unit * 0.09, 0.95)
    yield Depth.SUBJECT, Actor([light], lambda _t: lamp, opacity=partial(_shine, stage.pace))


def _shine(pace: float, t: float) -> float:
    """Brightest when the beam comes towards us."""
    return 0.55 + 0.45 * float(np.sin(2 * np.pi * t * pace / _TURN_SECONDS)) ** 8


class Beam(Soft):
    """Two beams that turn, seen from the side: long when they cross the picture."""

    def __init__(self, stage: Stage, lamp: Point) -> None:
        (x, y), (kx, ky) = stage.grid, stage.aspect
        down = (y - lamp[1] / stage.height) * ky
        self._rows = slice(*np.flatnonzero(abs(down[:, 0]) < _BEAM_REACH)[[0, -1]].tolist())
        self._across = ((x - lamp[0] / stage.width) * kx)[self._rows].astype(np.float32)
        self._down = down[self._rows].astype(np.float32)
        self._pace, self._light = stage.pace, column(_LAMP)
        self._strength = 0.8 if stage.is_dark else 0.4

    def paint(self, rgb: Floats, t: float) -> None:
        turn = float(np.cos(2 * np.pi * t * self._pace / _TURN_SECONDS))
        length, way = 0.12 + 1.6 * abs(turn), 1.0 if turn > 0 else -1.0
        part = rgb[:, self._rows]
        for side, share in ((way, 0.8), (-way, 0.3)):
            along = np.clip(self._across * side, 0, None)
            beam = np.exp(-((self._down / (0.012 + 0.07 * along)) ** 2) - along / length) * np.clip(along * 30, 0, 1)
            part += (self._light - part) * (beam * np.float32(self._strength * share))


def _tower(stage: Stage) -> list[Shape]:
    shade = 0.34 if stage.is_dark else 0.7
    white, red = (colour.toward(stage.palette.ground, 0.15).times(shade) for colour in (_WHITE, _RED))
    dark = stage.palette.ground.times(0.8)
    shapes: list[Shape] = [([(-0.15, 0), (0.15, 0), (0.085, -0.94), (-0.085, -0.94)], white)]
    for low, high in ((0.18, 0.36), (0.54, 0.72)):
        wide, narrow = 0.15 - 0.069 * low, 0.15 - 0.069 * high
        shapes.append(([(-wide, -low), (wide, -low), (narrow, -high), (-narrow, -high)], red))
    shapes.append(([(0.03, 0), (0.15, 0), (0.085, -0.94), (0.02, -0.94)], white.toward(dark, 0.55)))
    shapes.append(([(-0.13, -0.94), (0.13, -0.94), (0.13, -0.97), (-0.13, -0.97)], dark))
    shapes.append(([(-0.06, -0.97), (0.06, -0.97), (0.06, -1.1), (-0.06, -1.1)], _LAMP))
    shapes += [
        ([(x - 0.007, -0.97), (x + 0.007, -0.97), (x + 0.007, -1.1), (x - 0.007, -1.1)], dark) for x in (-0.05, 0, 0.05)
    ]
    shapes.append(([(-0.085, -1.1), (0.085, -1.1), (0.03, -1.18), (-0.03, -1.18)], red))
    shapes.append((disc(0, -1.2, 0.02), dark))
    shapes.append(([(-0.035, 0), (0.02, 0), (0.02, -0.1), (-0.035, -0.1)], dark))
    return shapes


PART = Subject(
    name="lighthouse",
    words="lighthouse*, phare, faro, leuchtturm, маяк*, 灯塔, 灯台, 등대",
    place=Place.GROUND,
    home="beach",
    layers=layers,
)
