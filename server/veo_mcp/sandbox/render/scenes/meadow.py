from collections.abc import Iterable
from functools import partial

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import crowns, grass, hills
from veo_mcp.sandbox.render.palette import MOONLIT_SNOW, SNOW, Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.sprite import Actor, Shape, disc, drawn, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land, passing

_GREEN = Colour(96, 150, 64)
_PETALS = (Colour(250, 236, 220), Colour(236, 92, 82), Colour(246, 196, 72), Colour(170, 130, 220))
_NEAR_PAN = 2.4


def layers(stage: Stage) -> Layers:
    yield Depth.BACKDROP, _hill(stage, "far hill", base=0.03, rise=0.13, distance=0.68, pan=0.4)
    dice = stage.dice("copse")
    yield (
        Depth.BACKDROP,
        land(
            stage,
            lambda width: crowns(dice, width, stage.unit * 0.07),
            base=stage.horizon + 0.06,
            rise=0.06,
            top=_turf(stage, 0.5).times(0.8),
            bottom=_turf(stage, 0.5),
            pan=0.7,
        ),
    )
    yield Depth.FAR, _hill(stage, "middle hill", base=0.12, rise=0.08, distance=0.34, pan=1)
    yield Depth.MIDDLE, _hill(stage, "near hill", base=0.2, rise=0.06, distance=0.14, pan=1.6)
    blades = stage.dice("blades")
    yield (
        Depth.NEAR,
        land(
            stage,
            lambda width: grass(blades, width, stage.unit * 0.009),
            base=stage.floor + 0.03,
            rise=0.09,
            top=_turf(stage, 0).times(0.8),
            bottom=_turf(stage, 0).times(0.3),
            pan=_NEAR_PAN,
        ),
    )
    if not stage.has("snow"):
        yield from _flowers(stage)


def _turf(stage: Stage, distance: float) -> Colour:
    if stage.has("snow"):
        snow = MOONLIT_SNOW if stage.is_dark else SNOW
        return snow.toward(stage.palette.ground, 0.2).toward(stage.palette.horizon, distance / 2)
    lit = 0.12 if stage.is_dark else 0.45 if stage.mood is Mood.SUNSET else 0.85
    return stage.palette.ground.toward(_GREEN, lit).toward(stage.palette.horizon, distance)


def _hill(stage: Stage, name: str, *, base: float, rise: float, distance: float, pan: float) -> Strip:
    dice, colour = stage.dice(name), _turf(stage, distance)
    return land(
        stage,
        lambda width: hills(dice, width, cells=2.5),
        base=stage.horizon + base,
        rise=rise,
        top=colour.times(1.15),
        bottom=colour.times(0.75),
        pan=pan,
    )


def _flowers(stage: Stage) -> Layers:
    dice = stage.dice("flowers")
    stem = _turf(stage, 0).times(0.5)
    for _ in range(34):
        size = stage.unit * dice.uniform(0.05, 0.11)
        petal = _PETALS[int(dice.integers(len(_PETALS)))].toward(stage.palette.ground, 0.55 if stage.is_dark else 0.12)
        flower = drawn(_flower(stem, petal, lean=dice.normal() * 0.12), size)
        place = dice.uniform(0, 1.4), dice.uniform(0.95, 1.02)
        yield Depth.NEAR, Actor([flower], partial(passing, stage, _NEAR_PAN, place))


def _flower(stem: Colour, petal: Colour, *, lean: float) -> list[Shape]:
    top = (lean, -1.0)
    petals = [
        (disc(lean + dx, -1 + dy, 0.1, 0.1, 12), petal) for dx, dy in ((-0.1, 0), (0.1, 0), (0, -0.09), (0, 0.08))
    ]
    stalk: Shape = (limb([(0, 0), (lean * 0.4, -0.5), top], [0.035, 0.03, 0.025]), stem)
    return [stalk, *petals, (disc(*top, 0.06, 0.05, 12), petal.times(0.55))]


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(300, 2200, 0.5) * desk.swell(0.12, 0.8) * 0.1
    yield desk.calls(2700, 0.3, 0.15, 2.0) * 0.1
    yield desk.noise(170, 240, 0.0) * desk.swell(0.4, 1.0) ** 3 * 0.03


PART = Scene(
    name="meadow",
    words=(
        "meadow*, field, fields, grass*, garden*, flower*, countryside, hill, hills, hillside, "
        "farm*, village, park, prairie, savanna*, champ*, campo, wiese, поле, луг*, сад, 花, 草原"
    ),
    rank=30,
    moods=(Mood.DAY, Mood.MORNING, Mood.SUNSET),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=0.58,
    floor=0.84,
    layers=layers,
    sound=sound,
)
