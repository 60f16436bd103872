from collections.abc import Sequence

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Shape, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.walking import legs, walker

_WILD = "fox, foxes, wolf, wolves, coyote*, лис*, волк*, 狐, 狼, zorro*, lobo*, renard*, loup*, fuchs, 여우, 늑대"
_RED, _RED_FUR = "red fox*, ginger fox*", Colour(192, 92, 40)
_HIPS = ((-0.31, 0.0), (0.24, 0.5), (-0.25, 0.5), (0.3, 0.0))


def layers(stage: Stage) -> Layers:
    ink = stage.palette.ground.times(0.7)
    ink = ink.toward(_RED_FUR, 0.4 if stage.is_dark else 0.9) if stage.says(_RED) else stage.tinted(ink, PART.words)
    wild = stage.says(_WILD)

    def dog(turn: float) -> Sequence[Shape]:
        return _dog(turn, ink, wild=wild)

    yield Depth.SUBJECT, walker(stage, dog, stage.unit * 0.27, start=0.3, speed=0.035, steps=1.0)


def _dog(turn: float, ink: Colour, *, wild: bool) -> list[Shape]:
    shapes = legs(turn, _HIPS, ink, length=0.42, width=0.055, stride=0.13)
    trunk = [(-0.4, -0.52), (-0.22, -0.5), (0.02, -0.48), (0.22, -0.51), (0.36, -0.56)]
    shapes.append((limb(trunk, [0.16, 0.21, 0.19, 0.27, 0.22]), ink))
    shapes.append((limb([(0.28, -0.56), (0.42, -0.68), (0.48, -0.76)], [0.24, 0.18, 0.15]), ink))
    shapes.append((limb([(0.4, -0.78), (0.52, -0.77), (0.64, -0.72), (0.76, -0.69)], [0.12, 0.19, 0.11, 0.05]), ink))
    return [*shapes, *(_wild(turn, ink) if wild else _tame(turn, ink))]


def _wild(turn: float, ink: Colour) -> list[Shape]:
    """Ears that stand and a brush that hangs."""
    sway = 0.03 * float(np.sin(2 * np.pi * turn))
    brush = [(-0.38, -0.54), (-0.54, -0.46), (-0.7, -0.32 + sway), (-0.84, -0.24 + sway)]
    ears: list[Shape] = [([(x, -0.8), (x + 0.01, -0.98), (x + 0.1, -0.82)], ink) for x in (0.4, 0.47)]
    return [(limb(brush, [0.08, 0.15, 0.15, 0.015]), ink), *ears]


def _tame(turn: float, ink: Colour) -> list[Shape]:
    """An ear that hangs and a tail that wags."""
    wag = 0.06 * float(np.sin(4 * np.pi * turn))
    tail = [(-0.4, -0.56), (-0.52, -0.66), (-0.6 + wag, -0.8)]
    ear = [(0.42, -0.86), (0.5, -0.86), (0.5, -0.72), (0.44, -0.62), (0.38, -0.68)]
    return [(limb(tail, [0.08, 0.06, 0.025]), ink), (ear, ink.times(0.72))]


PART = Subject(
    name="dog",
    words=f"dog, dogs, puppy, puppies, hound*, {_WILD}, собак*, пёс, пес, perro*, chien*, hund, hunde, 犬, 狗, 개가",
    place=Place.GROUND,
    home="meadow",
    layers=layers,
)
