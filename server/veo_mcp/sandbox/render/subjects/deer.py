from collections.abc import Sequence

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Shape, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.walking import legs, walker

_HIPS = ((-0.36, 0.0), (0.2, 0.25), (-0.3, 0.5), (0.26, 0.75))


def layers(stage: Stage) -> Layers:
    ink = stage.tinted(stage.palette.ground.times(0.8), PART.words)

    def deer(turn: float) -> Sequence[Shape]:
        return _deer(turn, ink, antlers=True)

    def doe(turn: float) -> Sequence[Shape]:
        return _deer(turn, ink, antlers=False)

    yield Depth.SUBJECT, walker(stage, deer, stage.unit * 0.26, start=0.34, speed=0.022, steps=0.55)
    yield Depth.SUBJECT, walker(stage, doe, stage.unit * 0.21, start=0.16, speed=0.022, steps=0.6)


def _deer(turn: float, ink: Colour, *, antlers: bool) -> list[Shape]:
    shapes = legs(turn, _HIPS, ink, length=0.56, width=0.05, stride=0.13)
    shapes.append((limb([(-0.46, -0.66), (-0.3, -0.66), (0.0, -0.63), (0.3, -0.68)], [0.14, 0.25, 0.22, 0.25]), ink))
    shapes.append((limb([(0.24, -0.7), (0.36, -0.86), (0.42, -1.04)], [0.22, 0.13, 0.09]), ink))
    shapes.append((limb([(0.36, -1.06), (0.46, -1.04), (0.6, -0.98)], [0.08, 0.11, 0.045]), ink))
    shapes.append(([(0.38, -1.06), (0.28, -1.14), (0.41, -1.1)], ink))
    shapes.append((limb([(-0.45, -0.7), (-0.53, -0.62)], [0.07, 0.02]), ink))
    if antlers:
        for lean in (0.0, 0.09):
            beam = [(0.4 + lean, -1.08), (0.33 + lean, -1.24), (0.36 + lean, -1.38), (0.44 + lean, -1.48)]
            shapes.append((limb(beam, [0.03, 0.026, 0.022, 0.008]), ink))
            shapes.append((limb([(0.33 + lean, -1.22), (0.44 + lean, -1.3)], [0.024, 0.008]), ink))
            shapes.append((limb([(0.35 + lean, -1.36), (0.28 + lean, -1.46)], [0.022, 0.008]), ink))
    return shapes


PART = Subject(
    name="deer",
    words="deer, stag, doe, fawn, elk, moose, reindeer, cerf, ciervo, hirsch, олен*, 鹿, 사슴",
    place=Place.GROUND,
    home="forest",
    layers=layers,
)
