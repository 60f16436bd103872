from collections.abc import Sequence

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Shape, disc, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.walking import legs, walker

_UMBRELLA = "umbrella*, parasol*, parapluie*, paraguas, regenschirm*, зонт*, 傘, 伞, 우산"
_CLOTHES = "coat*, raincoat*, jacket*, dress, gown, cloak*, cape, robe*, suit, kimono*, hoodie*, sweater*"


def layers(stage: Stage) -> Layers:
    ink = stage.palette.ground.times(0.6)
    coat = stage.tinted(ink, _CLOTHES)
    umbrella = stage.tinted(ink, _UMBRELLA) if stage.has("rain") or stage.says(_UMBRELLA) else None

    def person(turn: float) -> Sequence[Shape]:
        return _person(turn, ink, coat, umbrella)

    yield Depth.SUBJECT, walker(stage, person, stage.unit * 0.3, start=0.52, speed=0.02, steps=0.8)


def _person(turn: float, ink: Colour, cloth: Colour, umbrella: Colour | None) -> list[Shape]:
    swing = 0.14 * float(np.sin(2 * np.pi * turn))
    shapes = legs(turn, ((-0.01, 0.0), (0.01, 0.5)), ink, length=0.46, width=0.075, stride=0.15)
    coat = [(-0.1, -0.84), (0.1, -0.84), (0.12, -0.6), (0.14, -0.36), (-0.13, -0.36), (-0.11, -0.6)]
    shapes.append((coat, cloth))
    shapes.append((disc(0.0, -0.84, 0.1, 0.045), ink))
    shapes.append((limb([(0.0, -0.82), (0.01, -0.92)], [0.08, 0.06]), ink))
    shapes.append((disc(0.015, -0.965, 0.064, 0.078), ink))
    shapes.append(
        (limb([(-0.07, -0.82), (-0.07 - swing * 0.5, -0.62), (-0.04 - swing, -0.45)], [0.07, 0.06, 0.045]), ink)
    )
    if umbrella:
        shapes.append((limb([(0.07, -0.8), (0.18, -0.68), (0.16, -0.8)], [0.07, 0.055, 0.045]), ink))
        shapes.append((limb([(0.16, -0.72), (0.1, -1.3)], [0.014, 0.012]), ink))
        shapes.append(
            ([(0.1 + 0.38 * x, -1.1 - 0.22 * (1 - x * x)) for x in np.linspace(-1, 1, 17).tolist()], umbrella)
        )
    else:
        shapes.append(
            (limb([(0.07, -0.82), (0.07 + swing * 0.5, -0.62), (0.1 + swing, -0.46)], [0.07, 0.06, 0.045]), ink)
        )
    return shapes


PART = Subject(
    name="person",
    words=(
        "man, woman, girl, boy, person, people, child, children, traveler, traveller, hiker*, "
        "wanderer, samurai, detective, couple, dancer*, monk, warrior, knight, wizard, femme, homme, "
        "mujer, hombre, frau, mann, человек, женщин*, мужчин*, девушк*, 女孩, 男人, 人, 사람, "
        f"{_UMBRELLA}"
    ),
    place=Place.GROUND,
    home="lights",
    layers=layers,
)
