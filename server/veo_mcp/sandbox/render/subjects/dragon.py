from collections.abc import Iterable
from functools import partial

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, Sprite, drawn, limb, mirrored
from veo_mcp.sandbox.render.stage import Stage

_POSES = 24
_EYE = Colour(255, 190, 60)


def layers(stage: Stage) -> Layers:
    ink = stage.tinted(stage.palette.ground.times(0.7), PART.words)
    poses = [_dragon(stage, ink, k / _POSES) for k in range(_POSES)]
    yield Depth.SUBJECT, Actor(poses, partial(_path, stage), lambda t: t * _POSES * 0.62 * stage.pace)


def _path(stage: Stage, t: float) -> Point:
    start = 0.3 if stage.heading > 0 else 0.7
    beat = float(np.sin(2 * np.pi * (0.62 * stage.pace * t) + 2.4))
    x = start + stage.drift(t) * 0.035
    return x * stage.width, (0.36 + 0.014 * beat + 0.03 * float(np.sin(t * 0.5))) * stage.height


def _dragon(stage: Stage, ink: Colour, turn: float) -> Sprite:
    lift = float(np.sin(2 * np.pi * turn))
    wave = float(np.cos(2 * np.pi * turn))
    shapes = [*_wing(lift * 0.92, ink.times(1.5), 0.1), *_body(wave, ink), *_wing(lift, ink, -0.04)]
    if stage.heading < 0:
        shapes = [(mirrored(polygon), colour) for polygon, colour in shapes]
    return drawn(shapes, stage.unit * 0.3)


def _body(wave: float, ink: Colour) -> list[Shape]:
    tail = [(-0.3, 0.02), (-0.62, 0.1 + 0.04 * wave), (-0.94, 0.08 - 0.08 * wave), (-1.22, -0.02 - 0.14 * wave)]
    neck = [(0.28, 0.0), (0.48, -0.08), (0.6, -0.22), (0.74, -0.3)]
    tip = tail[-1]
    return [
        (limb([*tail[::-1], (0.0, 0.0), (0.3, 0.0)], [0.015, 0.06, 0.1, 0.17, 0.27, 0.2]), ink),
        (limb(neck, [0.2, 0.13, 0.11, 0.1]), ink),
        (
            [
                (tip[0] + 0.04, tip[1]),
                (tip[0] - 0.08, tip[1] - 0.09),
                (tip[0] - 0.2, tip[1]),
                (tip[0] - 0.08, tip[1] + 0.07),
            ],
            ink,
        ),
        (
            [
                (0.66, -0.36),
                (0.8, -0.38),
                (1.02, -0.29),
                (1.0, -0.26),
                (0.84, -0.26),
                (0.98, -0.21),
                (0.78, -0.2),
                (0.66, -0.25),
            ],
            ink,
        ),
        ([(0.72, -0.35), (0.58, -0.47), (0.66, -0.33)], ink),
        ([(0.77, -0.36), (0.66, -0.5), (0.72, -0.33)], ink),
        ([(0.8, -0.325), (0.855, -0.315), (0.81, -0.3)], _EYE),
        *[
            ([(x, y), (x + 0.03, y - 0.09), (x + 0.1, y + 0.01)], ink)
            for x, y in ((0.0, -0.11), (0.14, -0.1), (0.28, -0.09), (0.44, -0.14))
        ],
        (limb([(0.16, 0.08), (0.1, 0.22), (0.2, 0.27)], [0.1, 0.06, 0.03]), ink),
        (limb([(-0.16, 0.1), (-0.26, 0.24), (-0.18, 0.3)], [0.12, 0.07, 0.03]), ink),
    ]


def _wing(lift: float, ink: Colour, shift: float) -> list[Shape]:
    """A bat's wing: an arm, three fingers, and skin hung between them."""
    shoulder, elbow = (0.16 + shift, -0.08), (0.02 + shift, -0.42 * lift - 0.1)
    tips = [(-0.2 + shift, -1.0 * lift - 0.06), (-0.56 + shift, -0.66 * lift), (-0.66 + shift, -0.28 * lift + 0.04)]
    root = (-0.34 + shift, 0.02)
    skin: list[Point] = [shoulder, elbow, tips[0]]
    for first, second in zip(tips, [*tips[1:], root], strict=True):
        hollow = (
            0.5 * (first[0] + second[0]) * 0.8 + elbow[0] * 0.2,
            0.5 * (first[1] + second[1]) * 0.8 + elbow[1] * 0.2,
        )
        skin += [hollow, second]
    shapes: list[Shape] = [(skin, ink)]
    bone = ink.times(0.6)
    shapes.append((limb([shoulder, elbow, tips[0]], [0.08, 0.05, 0.01]), bone))
    shapes += [(limb([elbow, tip], [0.03, 0.008]), bone) for tip in tips[1:]]
    return shapes


def sound(desk: Desk) -> Iterable[Floats]:
    beat = desk.swell(0.62 * desk.stage.pace, 1.0) ** 4
    yield desk.noise(60, 500, 0.6) * beat * 0.3
    yield desk.strike(1.2, desk.noise(70, 420, 0.8) * desk.swell(23, 0.6), 0.25, 0.6) * 0.35


PART = Subject(
    name="dragon",
    words="dragon*, wyvern*, pterodactyl*, drache*, дракон*, 龙, 龍, 竜, 드래곤",
    place=Place.SKY,
    home="mountain",
    layers=layers,
    sound=sound,
)
