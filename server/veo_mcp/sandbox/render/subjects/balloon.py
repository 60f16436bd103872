from functools import partial

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Actor, Point, Shape, drawn, limb
from veo_mcp.sandbox.render.stage import Stage

_CLOTHS = (
    (Colour(214, 70, 60), Colour(246, 226, 190)),
    (Colour(50, 120, 170), Colour(246, 200, 90)),
    (Colour(240, 150, 60), Colour(120, 60, 110)),
)
_GORES = 8


def layers(stage: Stage) -> Layers:
    dice = stage.dice("balloons")
    for i, (x, y, size) in enumerate(((0.3, 0.3, 0.13), (0.58, 0.2, 0.08), (0.82, 0.36, 0.055))):
        first, second = _CLOTHS[i]
        cloth = [
            colour.toward(stage.palette.horizon, 0.1 + 0.18 * i).times(0.55 if stage.is_dark else 1)
            for colour in (stage.tinted(first, PART.words), second)
        ]
        balloon = drawn(_balloon(cloth[0], cloth[1], stage.palette.ground), stage.unit * size)
        yield Depth.BACKDROP, Actor([balloon], partial(_rise, stage, (x, y), dice.uniform(0, 6)))


def _rise(stage: Stage, at: Point, phase: float, t: float) -> Point:
    x = at[0] + stage.drift(t) * 0.008
    return x * stage.width, (at[1] - 0.006 * t + 0.006 * float(np.sin(t * 0.8 + phase))) * stage.height


def _balloon(first: Colour, second: Colour, ink: Colour) -> list[Shape]:
    """The gores between meridians, each a little darker to the right."""
    turns = np.linspace(0, 1, 24)
    profile = [(float(np.sin(np.pi * s**0.82)) * (1 - 0.12 * s), -1 + 2.1 * float(s)) for s in turns]
    shapes: list[Shape] = [
        (limb([(-0.12, 1.05), (-0.09, 1.42)], [0.02, 0.02]), ink),
        (limb([(0.12, 1.05), (0.09, 1.42)], [0.02, 0.02]), ink),
    ]
    edges = np.sin(np.linspace(-np.pi / 2, np.pi / 2, _GORES + 1))
    for i in range(_GORES):
        left, right = float(edges[i]), float(edges[i + 1])
        gore = [(w * left, y) for w, y in profile] + [(w * right, y) for w, y in profile[::-1]]
        shapes.append((gore, (first if i % 2 else second).times(1.08 - 0.5 * i / _GORES)))
    shapes.append(([(-0.14, 1.4), (0.14, 1.4), (0.11, 1.62), (-0.11, 1.62)], ink))
    return shapes


PART = Subject(
    name="balloon",
    words="balloon*, hot air balloon*, montgolfière*, globo*, heißluftballon*, воздушн* шар*, 气球, 気球",
    place=Place.SKY,
    home="meadow",
    layers=layers,
)
