from functools import partial

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, Sprite, drawn, limb, mirrored
from veo_mcp.sandbox.render.stage import Stage

_POSES = 24
_SWING = 0.045
_CANVAS = Colour(236, 226, 208)


def layers(stage: Stage) -> Layers:
    size = stage.unit * 0.26
    leans = [_SWING * float(np.sin(2 * np.pi * k / _POSES)) for k in range(_POSES)]
    poses = [_leaning(stage, size, lean) for lean in leans]
    below = [_leaning(stage, size, lean, upside_down=True) for lean in leans]
    yield Depth.SUBJECT, Actor(below, partial(_path, stage), _rock, opacity=lambda _t: 0.24)
    yield Depth.SUBJECT, Actor(poses, partial(_path, stage), _rock)


def _rock(t: float) -> float:
    return t * _POSES * 0.28


def _path(stage: Stage, t: float) -> Point:
    start = 0.36 if stage.heading > 0 else 0.64
    bob = 0.004 * float(np.sin(t * 1.76))
    return (start + stage.drift(t) * 0.014) * stage.width, (stage.horizon + 0.085 + bob) * stage.height


def _leaning(stage: Stage, size: float, lean: float, *, upside_down: bool = False) -> Sprite:
    shapes: list[Shape] = []
    for polygon, colour in _boat(stage):
        turned = [(x - y * lean, y + x * lean) for x, y in polygon]
        if upside_down:
            turned = [(x + 0.02 * float(np.sin(y * 40)), 0.14 - y * 0.7) for x, y in turned]
        shapes.append((turned if stage.heading > 0 else mirrored(turned), colour))
    return drawn(shapes, size)


def _boat(stage: Stage) -> list[Shape]:
    palette = stage.palette
    hull = palette.ground.times(0.8)
    sail = stage.tinted(palette.ground.toward(_CANVAS, 0.3 if stage.is_dark else 0.82), PART.words)
    shade = sail.toward(palette.ground, 0.3)
    return [
        ([(-0.5, -0.12), (-0.1, -0.09), (0.3, -0.1), (0.62, -0.17), (0.44, 0.06), (0.3, 0.1), (-0.38, 0.1)], hull),
        (limb([(0.04, -0.08), (0.03, -1.3)], [0.024, 0.014]), hull),
        ([(0.0, -1.24), (-0.06, -0.9), (-0.22, -0.5), (-0.46, -0.2), (0.01, -0.18)], sail),
        ([(-0.07, -0.88), (-0.22, -0.5), (-0.46, -0.2), (-0.3, -0.2), (-0.12, -0.5)], shade),
        ([(0.06, -1.1), (0.2, -0.72), (0.36, -0.42), (0.56, -0.2), (0.08, -0.2)], shade),
        ([(0.03, -1.3), (-0.1, -1.27), (0.03, -1.24)], Colour(190, 60, 50).toward(palette.ground, 0.2)),
    ]


PART = Subject(
    name="sailboat",
    words=(
        "boat*, sail*, ship*, yacht*, schooner, galleon, bateau, voilier, barco, velero, schiff, "
        "boot, лодк*, корабл*, парус*, 船, 帆"
    ),
    place=Place.WATER,
    home="ocean",
    layers=layers,
)
