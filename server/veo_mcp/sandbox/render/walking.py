"""How those who stand on the ground move."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, Sprite, drawn, limb, mirrored
from veo_mcp.sandbox.render.stage import Stage

POSES = 16


def legs(
    turn: float, hips: Sequence[tuple[float, float]], ink: Colour, *, length: float, width: float, stride: float
) -> list[Shape]:
    """Legs mid-step. A hip is its place and its phase in turns; `turn` says how far the step is."""
    shapes: list[Shape] = []
    for x, phase in hips:
        angle = 2 * np.pi * (turn + phase)
        swing, lift = stride * float(np.sin(angle)), 0.07 * length * max(0.0, float(np.cos(angle)))
        knee = x + swing * 0.4 + 0.03 * length, -length * 0.48 - lift
        points = [(x, -length * 1.1), knee, (x + swing, -lift - 0.03 * length), (x + swing + 0.06 * length, -lift)]
        shapes.append((limb(points, [width * 1.7, width, width * 0.7, width * 0.8]), ink))
    return shapes


def walker(
    stage: Stage,
    figure: Callable[[float], Sequence[Shape]],
    size: float,
    *,
    start: float,
    speed: float,
    steps: float,
    sink: float = 0.012,
) -> Actor:
    """Let a figure, drawn for a share of its step, walk the way the shot is heading.

    `start` is a fraction of the width, `speed` fractions a second, `steps` full cycles a second.
    """
    poses = [_turned(stage, figure(k / POSES), size) for k in range(POSES)]
    return Actor(poses, partial(_stroll, stage, start, speed, sink), partial(_step, steps * stage.pace))


def _turned(stage: Stage, shapes: Sequence[Shape], size: float) -> Sprite:
    if stage.heading > 0:
        return drawn(shapes, size)
    return drawn([(mirrored(polygon), colour) for polygon, colour in shapes], size)


def _stroll(stage: Stage, start: float, speed: float, sink: float, t: float) -> Point:
    side = start if stage.heading > 0 else 1 - start
    return (side + stage.drift(t) * speed) * stage.width, (stage.floor + sink) * stage.height


def _step(steps: float, t: float) -> float:
    return t * steps * POSES
