from collections.abc import Iterable
from functools import partial

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.sprite import Actor, Point, Sprite, drawn
from veo_mcp.sandbox.render.stage import Stage

_POSES = 12


def layers(stage: Stage) -> Layers:
    dice = stage.dice("birds")
    start = dice.uniform(0.12, 0.3), dice.uniform(0.2, 0.3)
    for i in range(int(dice.integers(5, 9))):
        size = stage.unit * 0.02 * dice.uniform(0.7, 1.2)
        poses = [_bird(stage, np.sin(2 * np.pi * k / _POSES), size) for k in range(_POSES)]
        # A skein: one ahead, the others behind it to either side.
        behind = (i + 1) // 2
        at = (
            start[0] - stage.heading * behind * 0.026 * dice.uniform(0.8, 1.2),
            start[1] + behind * 0.024 * (-1) ** i * dice.uniform(0.6, 1.2),
        )
        beat = dice.uniform(1.2, 1.5)
        yield Depth.SUBJECT, Actor(poses, partial(_path, stage, at, i), partial(_wing, beat, i))


def _wing(beat: float, phase: int, t: float) -> float:
    return (t * beat + phase * 0.37) * _POSES


def _path(stage: Stage, at: Point, phase: int, t: float) -> Point:
    x = (at[0] + stage.drift(t) * 0.035) % 1.15
    return x * stage.width, (at[1] + 0.006 * float(np.sin(t * 1.1 + phase))) * stage.height


def _bird(stage: Stage, lift: float, size: float) -> Sprite:
    upper = [(-1.0, -0.55 * lift), (-0.45, -0.42 * lift - 0.12), (0.0, 0.0), (0.45, -0.42 * lift - 0.12)]
    lower = [(1.0, -0.55 * lift), (0.42, -0.3 * lift + 0.02), (0.0, 0.17), (-0.42, -0.3 * lift + 0.02)]
    return drawn([(upper + lower, stage.tinted(stage.palette.ground, PART.words))], size)


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.calls(2300, -0.35, 0.22, 1.6) * 0.1


PART = Subject(
    name="birds",
    words="bird*, gull*, seagull*, eagle*, geese, crow*, raven*, swallows, dove*, flock*, птиц*, 鸟",
    place=Place.SKY,
    home="ocean",
    layers=layers,
    sound=sound,
)
