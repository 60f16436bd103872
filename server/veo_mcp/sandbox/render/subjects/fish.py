from functools import partial

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, Sprite, disc, drawn, mirrored
from veo_mcp.sandbox.render.stage import Stage

_POSES = 8
_COLOURS = (Colour(250, 150, 60), Colour(250, 210, 90), Colour(120, 200, 240), Colour(240, 120, 130))
_EYE = Colour(12, 16, 24)


def layers(stage: Stage) -> Layers:
    yield from _school(stage, "far school", count=16, size=0.026, tone=0.62, depth=Depth.FAR)
    yield from _school(stage, "near school", count=9, size=0.062, tone=0.1, depth=Depth.SUBJECT)


def _school(stage: Stage, name: str, *, count: int, size: float, tone: float, depth: Depth) -> Layers:
    dice = stage.dice(name)
    middle = dice.uniform(0.25, 0.5), dice.uniform(0.36, 0.56)
    usual = _COLOURS[int(dice.integers(len(_COLOURS)))]
    colour = stage.tinted(usual, PART.words).toward(stage.palette.middle, tone)
    for _ in range(count):
        length = stage.unit * size * dice.uniform(0.75, 1.25)
        poses = [_fish(stage, colour.times(dice.uniform(0.85, 1.1)), length, k / _POSES) for k in range(_POSES)]
        at = middle[0] + dice.normal() * 0.1, middle[1] + dice.normal() * 0.07
        beat, phase = dice.uniform(1.4, 2.0), dice.uniform(0, 7)
        path = partial(_swim, stage, at, phase, 0.02 + size * 0.5)
        yield depth, Actor(poses, path, partial(_beat, beat, phase))


def _beat(beat: float, phase: float, t: float) -> float:
    return (t * beat + phase) * _POSES


def _swim(stage: Stage, at: Point, phase: float, speed: float, t: float) -> Point:
    x = (at[0] + stage.drift(t) * speed + 0.01 * float(np.sin(t * 0.9 + phase)) + 0.15) % 1.3 - 0.15
    return x * stage.width, (at[1] + 0.012 * float(np.sin(t * 1.2 + phase))) * stage.height


def _fish(stage: Stage, colour: Colour, length: float, turn: float) -> Sprite:
    wag = 0.16 * float(np.sin(2 * np.pi * turn))
    tail = [
        (-0.42, -0.05),
        (-0.82 + abs(wag) * 0.3, -0.3 + wag),
        (-0.7, wag * 0.6),
        (-0.82 + abs(wag) * 0.3, 0.3 + wag),
        (-0.42, 0.05),
    ]
    body = [
        (-0.5, 0.0),
        (-0.2, -0.22),
        (0.15, -0.3),
        (0.42, -0.2),
        (0.6, 0.0),
        (0.42, 0.18),
        (0.15, 0.26),
        (-0.2, 0.18),
    ]
    fin = [(-0.12, -0.24), (0.02, -0.46), (0.26, -0.28)]
    belly = [(-0.3, 0.08), (0.1, 0.1), (0.5, 0.06), (0.42, 0.18), (0.15, 0.26), (-0.2, 0.18)]
    shapes: list[Shape] = [
        (tail, colour.times(0.82)),
        (fin, colour.times(0.75)),
        (body, colour),
        (belly, colour.toward(Colour(255, 250, 240), 0.4)),
        ([(0.16, -0.3), (0.26, -0.27), (0.22, 0.25), (0.12, 0.26)], colour.toward(Colour(255, 250, 240), 0.7)),
        (disc(0.42, -0.06, 0.05), _EYE),
    ]
    return drawn(shapes if stage.heading > 0 else [(mirrored(p), c) for p, c in shapes], length)


PART = Subject(
    name="fish",
    words="fish, fishes, school of fish, shark*, poisson*, pez, peces, fisch*, рыб*, 鱼, 魚",
    implied_by=("underwater",),
    place=Place.DEEP,
    home="underwater",
    layers=layers,
)
