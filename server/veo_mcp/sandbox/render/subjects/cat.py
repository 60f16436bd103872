from collections.abc import Sequence

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Shape, disc, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.walking import legs, walker

_HIPS = ((-0.3, 0.0), (0.26, 0.25), (-0.24, 0.5), (0.32, 0.75))
_EYE = Colour(240, 220, 120)


def layers(stage: Stage) -> Layers:
    ink = stage.tinted(stage.palette.ground.times(0.7), PART.words)

    def cat(turn: float) -> Sequence[Shape]:
        return _cat(turn, ink)

    yield Depth.SUBJECT, walker(stage, cat, stage.unit * 0.26, start=0.3, speed=0.03, steps=0.9)


def _cat(turn: float, ink: Colour) -> list[Shape]:
    wave = 0.06 * float(np.sin(2 * np.pi * turn))
    shapes = legs(turn, _HIPS, ink, length=0.34, width=0.055, stride=0.12)
    shapes.append((limb([(-0.38, -0.4), (-0.2, -0.43), (0.1, -0.4), (0.36, -0.44)], [0.16, 0.22, 0.19, 0.2]), ink))
    tail = [(-0.38, -0.44), (-0.54, -0.5), (-0.6 + wave, -0.7), (-0.52 + wave, -0.84)]
    shapes.append((limb(tail, [0.07, 0.055, 0.05, 0.03]), ink))
    shapes.append((limb([(0.34, -0.46), (0.46, -0.58)], [0.17, 0.14]), ink))
    shapes.append((disc(0.5, -0.62, 0.125, 0.11), ink))
    shapes += [([(x, -0.68), (x + 0.01, -0.81), (x + 0.09, -0.7)], ink) for x in (0.39, 0.5)]
    shapes.append((disc(0.555, -0.635, 0.018, 0.022), _EYE))
    return shapes


PART = Subject(
    name="cat",
    words="cat, cats, kitten*, le chat, un chat, chaton*, gato*, katze, кот, кошк*, 猫, 고양이",
    place=Place.GROUND,
    home="meadow",
    layers=layers,
)
