from functools import partial

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, Sprite, disc, drawn, limb
from veo_mcp.sandbox.render.stage import Stage

_POSES = 48
_SUIT = Colour(232, 234, 240)
_SHADE = Colour(120, 126, 146)
_VISOR = Colour(26, 30, 48)
_GOLD = Colour(224, 170, 90)
_CHEST = Colour(70, 110, 190)


def layers(stage: Stage) -> Layers:
    size = stage.unit * 0.2
    poses = [_floating(size, k / _POSES) for k in range(_POSES)]
    yield Depth.SUBJECT, Actor(poses, partial(_path, stage), lambda t: t * _POSES * 0.11 * stage.pace)


def _path(stage: Stage, t: float) -> Point:
    start = (0.3, 0.42) if stage.is_wide else (0.36, 0.34)
    x = start[0] + stage.drift(t) * 0.012
    return x * stage.width, (start[1] + 0.02 * float(np.sin(t * 0.7))) * stage.height


def _floating(size: float, turn: float) -> Sprite:
    """Tumble a little to and fro, the limbs following."""
    angle = -0.35 + 0.4 * float(np.sin(2 * np.pi * turn))
    bend = 0.12 * float(np.sin(2 * np.pi * turn + 1.2))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    turned = [([(x * cos - y * sin, x * sin + y * cos) for x, y in p], c) for p, c in _suit(bend)]
    return drawn(turned, size)


def _suit(bend: float) -> list[Shape]:
    return [
        ([(-0.42, -0.42), (-0.2, -0.46), (-0.2, 0.3), (-0.42, 0.24)], _SHADE.times(0.8)),
        (limb([(-0.12, 0.3), (-0.2 - bend, 0.66), (-0.34 - bend, 1.0)], [0.28, 0.23, 0.2]), _SHADE),
        (limb([(0.12, 0.3), (0.24 + bend, 0.62), (0.16 + bend, 1.0)], [0.28, 0.23, 0.2]), _SUIT),
        (limb([(0.12 + bend, 0.98), (0.3 + bend, 1.06)], [0.2, 0.16]), _SHADE),
        (limb([(-0.38 - bend, 1.0), (-0.2 - bend, 1.08)], [0.2, 0.16]), _SHADE.times(0.8)),
        (limb([(-0.22, -0.28), (-0.52, -0.02 + bend), (-0.7, -0.28 + bend)], [0.24, 0.2, 0.17]), _SHADE),
        (limb([(0.0, -0.4), (0.0, 0.36)], [0.56, 0.48]), _SUIT),
        (limb([(-0.2, -0.36), (-0.18, 0.36)], [0.16, 0.12]), _SHADE.toward(_SUIT, 0.4)),
        (limb([(0.24, -0.28), (0.5, 0.06 - bend), (0.78, -0.1 - bend)], [0.24, 0.2, 0.17]), _SUIT),
        ([(-0.12, -0.12), (0.16, -0.12), (0.16, 0.1), (-0.12, 0.1)], _SHADE.times(0.7)),
        ([(-0.08, -0.08), (0.02, -0.08), (0.02, 0.0), (-0.08, 0.0)], _CHEST),
        (disc(0.0, -0.64, 0.32), _SUIT),
        (disc(0.07, -0.63, 0.23, 0.2), _VISOR),
        (disc(0.0, -0.69, 0.1, 0.05), _GOLD),
    ]


PART = Subject(
    name="astronaut",
    words=(
        "astronaut*, cosmonaut*, spaceman, spacewalk*, astronaute*, astronauta*, космонавт*, 宇航员, "
        "宇宙飛行士, 우주비행사"
    ),
    place=Place.SPACE,
    home="space",
    layers=layers,
)
