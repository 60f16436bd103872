from collections.abc import Sequence

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Shape, disc, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.walking import legs, walker

_HIPS = ((-0.3, 0.0), (0.22, 0.1), (-0.24, 0.5), (0.28, 0.6))


def layers(stage: Stage) -> Layers:
    ink = stage.palette.ground.times(0.5)
    step = 0.12 if stage.is_wide else 0.2
    for i in range(4):

        def camel(turn: float, i: int = i) -> Sequence[Shape]:
            return _camel(turn + i * 0.31, ink, rider=i == 0)

        size = stage.unit * (0.2 - 0.012 * i)
        yield Depth.SUBJECT, walker(stage, camel, size, start=0.5 - i * step, speed=0.018, steps=0.5)


def _camel(turn: float, ink: Colour, *, rider: bool) -> list[Shape]:
    shapes = legs(turn, _HIPS, ink, length=0.6, width=0.05, stride=0.12)
    shapes.append((limb([(-0.38, -0.7), (-0.2, -0.72), (0.1, -0.7), (0.32, -0.72)], [0.14, 0.25, 0.24, 0.22]), ink))
    shapes.append(([(-0.26, -0.8), (-0.1, -0.98), (0.0, -1.0), (0.1, -0.94), (0.22, -0.78)], ink))
    shapes.append((limb([(0.28, -0.74), (0.44, -0.68), (0.52, -0.84), (0.54, -1.06)], [0.2, 0.13, 0.1, 0.08]), ink))
    shapes.append((limb([(0.5, -1.08), (0.6, -1.09), (0.72, -1.02)], [0.08, 0.11, 0.06]), ink))
    shapes.append((limb([(-0.38, -0.74), (-0.45, -0.55)], [0.03, 0.025]), ink))
    if rider:
        shapes.append((limb([(-0.01, -0.98), (0.0, -1.18), (0.01, -1.3)], [0.26, 0.17, 0.1]), ink))
        shapes.append((disc(0.02, -1.38, 0.07), ink))
    return shapes


PART = Subject(
    name="camels",
    words="camel*, caravan, dromedar*, chameau*, camello*, kamel*, верблюд*, 骆驼, ラクダ",
    place=Place.GROUND,
    home="desert",
    layers=layers,
)
