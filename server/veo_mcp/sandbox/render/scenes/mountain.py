from collections.abc import Iterable

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import conifers, hills, peaks
from veo_mcp.sandbox.render.palette import MOONLIT_SNOW, SNOW, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.relief import rock
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land


def backdrop(stage: Stage) -> Layers:
    yield Depth.BACKDROP, _range(stage, "far peaks", rise=0.36, distance=0.55, pan=0.5, snow=0.95)


def layers(stage: Stage) -> Layers:
    yield from backdrop(stage)
    yield Depth.FAR, _range(stage, "near peaks", rise=0.24, distance=0.28, pan=1, snow=0.5, down=0.08)
    palette, tree = stage.palette, 0.12 * stage.height * stage.lift
    dice, snowy = stage.dice("slope"), stage.has("snow")
    yield (
        Depth.NEAR,
        land(
            stage,
            lambda width: _slope(dice, width, tree, snowy=snowy),
            base=stage.floor + 0.12,
            rise=0.13,
            top=(MOONLIT_SNOW if stage.is_dark else SNOW).toward(palette.horizon, 0.4) if snowy else palette.land(0.05),
            bottom=palette.land(0.35) if snowy else palette.ground.times(0.6),
            pan=2,
        ),
    )


def _slope(dice: np.random.Generator, width: int, tree: float, *, snowy: bool) -> Floats:
    return hills(dice, width, cells=2) if snowy else conifers(dice, width, tree, spacing=0.17, ground=0.4)


def _range(
    stage: Stage, name: str, *, rise: float, distance: float, pan: float, snow: float, down: float = 0.03
) -> Strip:
    palette, dice = stage.palette, stage.dice(name)
    return land(
        stage,
        lambda width: peaks(dice, width, stage.unit * 0.5, round(5 * width / stage.unit)),
        base=stage.horizon + down,
        rise=rise,
        top=palette.land(distance).toward(palette.zenith, 0.3),
        bottom=palette.land(min(1.0, distance + 0.34)),
        pan=pan,
        shade=rock(stage, snow=snow),
        foot=stage.shore,
    )


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(140, 900, 0.6) * desk.swell(0.11, 0.75) * 0.2
    yield desk.noise(500, 1500, 0.2) * desk.swell(0.23, 1.0) ** 2 * 0.05


PART = Scene(
    name="mountain",
    words=(
        "mountain*, peak, peaks, alps, cliff*, valley, canyon, summit, ridge, himalaya*, glacier, "
        "montagne*, montaña*, berg, berge, гор*, 山, 산"
    ),
    rank=10,
    moods=(Mood.MORNING, Mood.DAY, Mood.SUNSET),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=0.62,
    floor=0.8,
    layers=layers,
    backdrop=backdrop,
    sound=sound,
)
