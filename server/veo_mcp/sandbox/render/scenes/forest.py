from collections.abc import Iterable
from functools import partial

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import conifers, grass
from veo_mcp.sandbox.render.palette import Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.sprite import Actor, Point, Sprite, drawn, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land, passing

_TRUNK_PAN = 3.0


def backdrop(stage: Stage) -> Layers:
    yield Depth.BACKDROP, _wood(stage, "far wood", base=0.03, tree=0.1, distance=0.56, pan=0.5)


def layers(stage: Stage) -> Layers:
    yield from backdrop(stage)
    yield Depth.FAR, _wood(stage, "middle wood", base=0.09, tree=0.22, distance=0.32, pan=1)
    yield Depth.MIDDLE, _wood(stage, "near wood", base=0.22, tree=0.42, distance=0.13, pan=1.6)
    dice = stage.dice("grass")
    yield (
        Depth.NEAR,
        land(
            stage,
            lambda width: grass(dice, width, stage.unit * 0.012),
            base=stage.floor + 0.03,
            rise=0.07,
            top=stage.palette.land(0.03),
            bottom=stage.palette.ground.times(0.5),
            pan=2.4,
        ),
    )
    yield from _trunks(stage)


def _wood(stage: Stage, name: str, *, base: float, tree: float, distance: float, pan: float) -> Strip:
    dice, palette = stage.dice(name), stage.palette
    return land(
        stage,
        lambda width: conifers(dice, width, tree * stage.height * stage.lift, spacing=0.075, ground=0.22),
        base=stage.horizon + base,
        rise=tree,
        top=palette.land(distance),
        bottom=palette.land(min(1.0, distance + 0.2)),
        pan=pan,
        foot=stage.shore,
    )


def _trunks(stage: Stage) -> Layers:
    """Stems that are too near to see their tops."""
    dice = stage.dice("trunks")
    for at in (0.03, 0.96, 1.24):
        trunk = _trunk(stage, dice)
        yield Depth.NEAR, Actor([trunk], partial(passing, stage, _TRUNK_PAN, (at + dice.normal() * 0.02, 0)))


def _trunk(stage: Stage, dice: np.random.Generator) -> Sprite:
    ink, tall = stage.palette.ground.times(0.55), stage.height / stage.unit + 0.05
    wide = dice.uniform(0.035, 0.06)
    lean = dice.normal() * 0.03
    stem: list[Point] = [(lean, -0.02), (lean * 0.6, tall * 0.4), (0, tall * 0.86), (0, tall)]
    shapes = [(limb(stem, [wide * 0.8, wide * 0.9, wide, wide * 1.7]), ink)]
    for _ in range(5):
        y, side, reach = dice.uniform(0.02, tall * 0.5), dice.choice((-1, 1)), dice.uniform(0.08, 0.26)
        bough: list[Point] = [
            (0, y),
            (side * reach * 0.5, y - reach * 0.12),
            (side * reach, y - reach * dice.uniform(0.1, 0.5)),
        ]
        shapes.append((limb(bough, [wide * 0.26, wide * 0.16, 0.003]), ink))
    return drawn(shapes, stage.unit)


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(250, 2600, 0.5) * desk.swell(0.13, 0.7) * 0.1
    if desk.stage.is_dark:
        chirp = (np.sin(2 * np.pi * 27 * desk.seconds) > 0.1) * desk.swell(1.3, 1.0)
        yield desk.tone(4300, overtones=()) * chirp.astype(np.float32) * np.float32(0.025)
    else:
        yield desk.calls(3100, 0.35, 0.13, 2.5) * 0.1
        yield desk.calls(2100, -0.5, 0.26, 0.8) * 0.1


PART = Scene(
    name="forest",
    words=(
        "forest*, tree, trees, wood, woods, woodland, jungle, pine, pines, grove, birch*, forêt, "
        "bosque, wald, лес, лесу, леса, 森, 森林, 숲"
    ),
    rank=50,
    moods=(Mood.MORNING, Mood.SUNSET, Mood.DAY),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=0.6,
    floor=0.84,
    layers=layers,
    backdrop=backdrop,
    sound=sound,
)
