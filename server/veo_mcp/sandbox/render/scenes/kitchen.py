from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import crowns
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.sprite import Actor, Point, glow
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land, passing, room_for

_PAN = 0.5
_CLEAR = (0, 0, 0, 0)
_LAMP = Colour(255, 206, 130)
_STEAM = Colour(255, 246, 232)
_WALL, _WOOD, _DARK = Colour(150, 92, 58), Colour(112, 66, 38), Colour(46, 26, 18)
_JARS = (Colour(176, 84, 56), Colour(206, 164, 96), Colour(104, 124, 92), Colour(190, 196, 186), Colour(120, 76, 92))
_MUG = (0.62, 0.8)
_LAMPS = (0.2, 0.5, 0.82)


def layers(stage: Stage) -> Layers:
    dice = stage.dice("garden")
    yield (
        Depth.BACKDROP,
        land(
            stage,
            lambda width: crowns(dice, width, stage.unit * 0.16),
            base=0.62,
            rise=0.14,
            top=stage.palette.land(0.3),
            bottom=stage.palette.land(0.1),
            pan=_PAN * 0.4,
        ),
    )
    yield Depth.MIDDLE, _room(stage)
    for i, x in enumerate(_LAMPS):
        place = partial(passing, stage, _PAN, (x, 0.2))
        light = partial(_flicker, i)
        yield Depth.SUBJECT, Actor([glow(_LAMP, stage.unit * 0.3, 0.55)], place, opacity=light)
        yield Depth.SUBJECT, Actor([glow(Colour(255, 244, 214), stage.unit * 0.035)], place)
    for i in range(7):
        puff = glow(_STEAM, stage.unit * (0.03 + 0.006 * i), 0.3)
        yield Depth.SUBJECT, Actor([puff], partial(_rise, stage, i / 7), opacity=partial(_thin, i / 7))


def _flicker(phase: int, t: float) -> float:
    return 0.88 + 0.06 * float(np.sin(t * 5 + phase * 2)) + 0.05 * float(np.sin(t * 13 + phase))


def _rise(stage: Stage, phase: float, t: float) -> Point:
    share = (t * 0.22 + phase) % 1
    x, y = passing(stage, _PAN, _MUG, t)
    return x + stage.unit * 0.02 * float(np.sin(share * 7 + phase * 5)), y - stage.unit * (0.06 + 0.2 * share)


def _thin(phase: float, t: float) -> float:
    share = (t * 0.22 + phase) % 1
    return float(np.sin(np.pi * share)) * 0.8


def _room(stage: Stage) -> Strip:
    """The wall with its window cut out, and what stands before it."""
    width, height = room_for(stage, _PAN), stage.height
    image = Image.new("RGBA", (width, height), _ink(_WALL.times(0.62)))
    brush = _Brush(ImageDraw.Draw(image), stage.width, height)
    _window(brush)
    _shelf(brush, stage.dice("jars"))
    _table(brush)
    rgba = np.asarray(image, np.float32)
    rgb = np.moveaxis(rgba[..., :3], -1, 0) * _lamplight(stage, width)
    return Strip(stage, np.clip(rgb, 0, 255), rgba[..., 3] / 255, top=0, pan=_PAN)


def _ink(colour: Colour) -> tuple[int, int, int, int]:
    return int(colour.red), int(colour.green), int(colour.blue), 255


class _Brush:
    """Draws in fractions of the picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        self._draw, self._width, self._height = draw, width, height

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: Colour | None, round_: float = 0
    ) -> None:
        corners = (left * self._width, top * self._height, right * self._width, bottom * self._height)
        fill = _ink(colour) if colour else _CLEAR
        self._draw.rounded_rectangle(corners, round_ * min(self._width, self._height), fill=fill)

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([(x * self._width, y * self._height) for x, y in points], fill=_ink(colour))


def _window(brush: _Brush) -> None:
    brush.box(0.285, 0.2, 0.715, 0.655, _WOOD.times(1.15), 0.01)
    for left, right in ((0.3, 0.492), (0.508, 0.7)):
        for top, bottom in ((0.225, 0.405), (0.42, 0.625)):
            brush.box(left, top, right, bottom, None)
    brush.box(0.265, 0.64, 0.735, 0.672, _WOOD.times(1.4), 0.005)
    brush.box(0.345, 0.575, 0.385, 0.642, _JARS[0].times(0.9), 0.008)
    for lean in (-0.035, -0.016, 0.004, 0.024, 0.042):
        leaf = [(0.365, 0.585), (0.36 + lean, 0.51), (0.367 + lean * 1.5, 0.45 + abs(lean)), (0.371 + lean, 0.52)]
        brush.shape(leaf, Colour(58, 96, 50))


def _shelf(brush: _Brush, dice: np.random.Generator) -> None:
    for left, right in ((-0.05, 0.235), (0.775, 1.2)):
        for y in (0.42, 0.58):
            x = left + 0.02
            while x < right - 0.05:
                wide, tall = dice.uniform(0.022, 0.04), dice.uniform(0.05, 0.1)
                colour = _JARS[int(dice.integers(len(_JARS)))].times(dice.uniform(0.6, 0.9))
                brush.box(x, y - tall, x + wide, y, colour, 0.008)
                brush.box(x + wide * 0.12, y - tall - 0.014, x + wide * 0.88, y - tall + 0.006, _DARK.times(1.5), 0.003)
                brush.box(x + wide * 0.16, y - tall * 0.85, x + wide * 0.28, y - tall * 0.2, colour.times(1.35), 0.003)
                x += wide + dice.uniform(0.006, 0.03)
            brush.box(left, y, right, y + 0.018, _WOOD.times(1.2))
            brush.box(left, y + 0.018, right, y + 0.026, _DARK)


def _table(brush: _Brush) -> None:
    brush.box(-0.1, 0.8, 1.3, 1.1, _WOOD.times(0.8))
    brush.box(-0.1, 0.795, 1.3, 0.815, _WOOD.times(1.5))
    for y in (0.86, 0.92, 0.985):
        brush.box(-0.1, y, 1.3, y + 0.004, _WOOD.times(0.62))
    x, y = _MUG
    brush.box(x + 0.02, y - 0.085, x + 0.052, y - 0.025, Colour(186, 178, 164), 0.02)
    brush.box(x + 0.024, y - 0.07, x + 0.042, y - 0.04, _WALL.times(0.55), 0.012)
    brush.box(x - 0.03, y - 0.105, x + 0.03, y + 0.004, Colour(222, 212, 196), 0.014)
    brush.box(x - 0.03, y - 0.105, x - 0.016, y + 0.004, Colour(170, 158, 146), 0.01)
    brush.box(0.4, 0.772, 0.52, 0.802, Colour(120, 60, 48), 0.006)
    brush.box(0.408, 0.748, 0.51, 0.774, Colour(72, 92, 96), 0.006)
    for lamp in _LAMPS:
        brush.box(lamp - 0.0015, 0, lamp + 0.0015, 0.16, _DARK)
        brush.shape([(lamp - 0.012, 0.145), (lamp + 0.012, 0.145), (lamp + 0.045, 0.2), (lamp - 0.045, 0.2)], _DARK)


def _lamplight(stage: Stage, width: int) -> Floats:
    """Pools of light on the wall beneath the lamps."""
    x = np.arange(width, dtype=np.float32)[None] / stage.width
    y = np.arange(stage.height, dtype=np.float32)[:, None] / stage.height
    kx, ky = stage.aspect
    light = np.full((stage.height, width), 0.5, np.float32)
    for lamp in _LAMPS:
        away = np.hypot((x - lamp) * kx, (y - 0.3) * ky)
        light += 0.75 * np.exp(-((away / 0.42) ** 2)).astype(np.float32)
    return light[None]


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(60, 420, 0.8) * 0.07
    yield desk.noise(1500, 6000, 0.3) * desk.swell(0.27, 0.5) * 0.03
    yield desk.calls(1900, 0.0, 0.5, 0.35) * 0.06
    yield desk.crackle(5, 0.004) * 0.3


PART = Scene(
    name="kitchen",
    words=(
        "kitchen*, room, indoors, indoor, cosy, cozy, cafe, café, interior*, office, restaurant*, "
        "bakery, library, bedroom, living room, cuisine, cocina, küche, кухн*, комнат*, 厨房, 台所, 부엌"
    ),
    hints="coffee*, candle*, cook*, chef*, tea",
    rank=65,
    moods=(Mood.SUNSET, Mood.NIGHT, Mood.MORNING),
    offers=frozenset({Place.GROUND}),
    horizon=0.7,
    floor=0.93,
    layers=layers,
    sound=sound,
    closed=True,
)
