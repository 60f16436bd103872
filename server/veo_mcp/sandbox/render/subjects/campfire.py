from collections.abc import Iterable

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.picture import Floats, Patch
from veo_mcp.sandbox.render.shot import FPS
from veo_mcp.sandbox.render.sprite import Actor, Sprite, drawn, glow, limb
from veo_mcp.sandbox.render.stage import Stage

_POSES = 32
_SHEET = 2048
_LIGHT = Colour(255, 150, 60)
_LOG = Colour(38, 22, 16)


def layers(stage: Stage) -> Layers:
    at = 0.5 * stage.width, (stage.floor + 0.05) * stage.height
    size = stage.unit * 0.24
    yield (
        Depth.NEAR,
        Actor([glow(_LIGHT, stage.unit * 0.55, 0.42)], lambda _t: (at[0], at[1] - size * 0.4), opacity=_flicker),
    )
    flames = [_flame(stage, size, k / _POSES) for k in range(_POSES)]
    yield Depth.NEAR, Actor(flames, lambda _t: at, lambda t: t * FPS * 0.9)
    logs = [
        (limb([(-0.42, 0.03), (0.34, -0.12)], [0.13, 0.11]), _LOG),
        (limb([(0.42, 0.03), (-0.34, -0.13)], [0.13, 0.11]), _LOG.times(1.4)),
    ]
    yield Depth.NEAR, Actor([drawn(logs, size)], lambda _t: at)


def _flicker(t: float) -> float:
    return 0.8 + 0.1 * float(np.sin(t * 11.0)) + 0.08 * float(np.sin(t * 27.0 + 1))


def _flame(stage: Stage, size: float, turn: float) -> Sprite:
    """One of a round of poses: the noise scrolls by a whole sheet in a round, so that it ends as it began."""
    tall, wide = int(size * 1.25) & ~1, int(size * 1.1) & ~1
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
    up, side = 1 - y / tall, (x / wide - 0.5) * 2
    scale = 420 / size
    index = stage.coarse.index(x * scale * 2.4, y * scale * 1.5)
    sway = (stage.coarse.look(index, 300, turn * _SHEET) - 0.5) * up * 0.9
    noise = stage.coarse.look(index, 0, turn * _SHEET) * 0.6 + stage.fine.look(index, 0, turn * _SHEET * 2) * 0.4
    width = 0.1 + 0.72 * np.clip(1 - up, 0, 1) ** 0.75 * np.clip(0.35 + up * 5, 0, 1)
    body = 1 - np.abs(side + sway) / width
    heat = np.clip(body * 1.25 - up * 0.55 + (noise - 0.5) * 2.3 + 0.02, 0, 1)
    heat *= np.clip((1 - np.abs(side)) * 6, 0, 1) * np.clip((1 - up) * 4, 0, 1)
    return Sprite(Patch.of(_heated(heat), np.clip(heat * 3.2, 0, 1) * np.clip(up * 14, 0, 1)), (wide / 2, tall * 0.98))


def _heated(heat: Floats) -> Floats:
    """From red through orange to near white."""
    return np.stack(
        [np.clip(150 + heat * 400, 0, 255), np.clip(30 + heat * 330, 0, 236), np.clip(heat * 330 - 130, 8, 190)]
    )


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(60, 520, 0.6) * desk.swell(0.9, 0.3) * 0.14
    yield desk.crackle(26) * 0.7


PART = Subject(
    name="campfire",
    words=(
        "campfire*, camp fire, bonfire*, camping, fireplace, torch*, feu de camp, hoguera, "
        "lagerfeuer, кост*р*, 篝火, 焚き火"
    ),
    place=Place.GROUND,
    home="forest",
    layers=layers,
    sound=sound,
)
