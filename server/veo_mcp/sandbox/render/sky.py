"""The sky: its gradient, the sun or moon in it, and clouds."""

import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.stage import Stage

_MIDDLE_AT = 0.55

# The disc's radius in short sides, and how strong its halo is.
_DISC = {
    Mood.SUNSET: (0.085, 0.6),
    Mood.MORNING: (0.06, 0.6),
    Mood.NEON: (0.11, 0.45),
    Mood.FIRE: (0.07, 0.5),
    Mood.NIGHT: (0.05, 0.3),
    Mood.ARID: (0.05, 0.55),
    Mood.WARM: (0.06, 0.5),
}
_USUAL_DISC = (0.034, 0.5)

_COVER = {Mood.NIGHT: 0.3, Mood.STORM: 0.66, Mood.WINTER: 0.46, Mood.SUNSET: 0.42, Mood.MORNING: 0.4, Mood.NEON: 0.36}
_USUAL_COVER = 0.37


def sky(stage: Stage) -> Layers:
    yield Depth.SKY, Backdrop(gradient(stage, stage.horizon))
    if stage.mood not in {Mood.STORM, Mood.FIRE} and not stage.has("rain", "milkyway", "dust"):
        yield Depth.SKY, Sun(stage)
    yield Depth.CLOUDS, Clouds(stage)


def gradient(stage: Stage, horizon: float) -> Floats:
    """From the zenith through the middle colour to the horizon's, which goes on below."""
    palette, (_, y) = stage.palette, stage.grid
    share = np.clip(y / np.float32(horizon), 0, 1)[None] ** np.float32(1.15)
    zenith, middle, low = column(palette.zenith), column(palette.middle), column(palette.horizon)
    upper = zenith + (middle - zenith) * (share / _MIDDLE_AT)
    lower = middle + (low - middle) * ((share - _MIDDLE_AT) / (1 - _MIDDLE_AT))
    return np.where(share < _MIDDLE_AT, upper, lower).astype(np.float32)


def fold_light(away: Floats, width: Floats | float, *, hem: float) -> Floats:
    """A veil's light by the distance from its hem: at once on the one side, slowly fading on the other."""
    return np.exp(-np.clip(away, 0, None) / width) * np.exp(-((np.clip(-away, 0, None) / hem) ** 2))


class Backdrop(Soft):
    """What does not move."""

    def __init__(self, rgb: Floats) -> None:
        self._rgb = rgb

    def paint(self, rgb: Floats, t: float) -> None:  # noqa: ARG002
        rgb[:] = self._rgb


class Sun(Soft):
    """The sun or the moon, with its halo."""

    def __init__(self, stage: Stage) -> None:
        radius, halo = _DISC.get(stage.mood, _USUAL_DISC)
        away = stage.distance(stage.sun)
        rim = 1.5 / min(stage.soft_size)
        disc = np.clip((radius - away) / rim, 0, 1)
        shine = halo * np.exp(-away / 0.17) + 0.5 * np.exp(-((away / (radius * 2.2)) ** 2))
        self._light = column(stage.palette.light)
        self._cover = np.clip(shine + disc, 0, 1).astype(np.float32)
        if stage.mood is Mood.NIGHT:
            self._cover *= 1 - disc * _craters(stage) * np.float32(0.1)

    def paint(self, rgb: Floats, t: float) -> None:  # noqa: ARG002
        rgb += (self._light - rgb) * self._cover


def _craters(stage: Stage) -> Floats:
    x, y = stage.grid
    index = stage.coarse.index(x * 9000, y * 5000)
    return np.clip(stage.coarse.look(index) * 2.4 - 0.8, 0, 1)


class Clouds(Soft):
    """Two sheets of noise in perspective, lit from the sun's side."""

    def __init__(self, stage: Stage) -> None:
        x, y = stage.grid
        self._rows = max(2, int(stage.horizon * len(y)))
        x, y = x[: self._rows], y[: self._rows] / np.float32(stage.horizon)
        self._stage = stage
        self._coarse, self._fine = stage.coarse, stage.fine
        scale = 1 / (0.34 + 0.9 * (1 - y))
        kx, _ = stage.aspect
        across, down = (x - 0.5) * kx * scale * 1150 + 4096, 1300 * scale
        self._index = self._coarse.index(across, down)
        self._detail = self._fine.index(across * 1.7, down * 1.7)
        self._fade = (np.clip((1 - y) / 0.3, 0, 1) * np.float32(0.9)).astype(np.float32)
        self._cover = _cover(stage)
        lit = np.exp(-stage.distance(stage.sun)[: self._rows] / 0.42)
        self._glow = (lit * (0 if stage.mood is Mood.STORM else 0.2 if stage.has("rain") else 0.6)).astype(np.float32)
        self._light, self._colour, self._shadow = _tones(stage)

    def paint(self, rgb: Floats, t: float) -> None:
        sky = rgb[:, : self._rows]
        drift = self._stage.drift(t) * 26
        base = self._coarse.look(self._index, drift, t * 7)
        detail = self._fine.look(self._detail, drift * 1.8, t * 14)
        thickness = base * 0.66 + detail * 0.34
        cover = np.clip((thickness - (1 - self._cover)) * 5 + 0.45, 0, 1) * self._fade
        shade = np.clip(0.62 + (base - self._coarse.look(self._index, drift - 26, t * 7 + 20)) * 3.4, 0, 1)
        shade = np.clip(shade + self._glow * 0.5, 0, 1)
        cloud = self._shadow + (self._colour - self._shadow) * shade
        cloud += (self._light - cloud) * (self._glow * shade)
        sky += (cloud - sky) * cover


def _cover(stage: Stage) -> float:
    if stage.has("milkyway"):
        return 0.08
    return 0.6 if stage.has("rain", "fog") else _COVER.get(stage.mood, _USUAL_COVER)


def _tones(stage: Stage) -> tuple[Floats, Floats, Floats]:
    palette = stage.palette
    lit: Colour = palette.cloud.toward(palette.light, 0.25)
    shadow = palette.cloud.toward(palette.middle, 0.72).times(0.78 if stage.is_dark else 0.92)
    return column(palette.light), column(lit), column(shadow)


class Vignette(Soft):
    """Darker corners, which also lift the type that stands there."""

    def __init__(self, stage: Stage) -> None:
        x, y = stage.grid
        away = np.hypot(x - 0.5, y - 0.5) * 1.25 - 0.3
        self._share = (1 - 0.36 * np.clip(away, 0, 1)).astype(np.float32)

    def paint(self, rgb: Floats, t: float) -> None:  # noqa: ARG002
        rgb *= self._share
