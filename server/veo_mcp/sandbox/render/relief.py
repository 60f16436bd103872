"""Shades that turn a flat strip into rock, sand or lit windows."""

import numpy as np

from veo_mcp.sandbox.render.noise import ridge, smoothed
from veo_mcp.sandbox.render.palette import MOONLIT_SNOW, SNOW, Colour, Mood
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Shade

_LIGHTS = (Colour(255, 206, 132), Colour(255, 226, 178), Colour(196, 220, 255))
_NEON_LIGHTS = (Colour(255, 196, 120), Colour(110, 230, 255), Colour(255, 90, 190))


def rock(stage: Stage, *, snow: float) -> Shade:
    """Faces lit from the sun's side, with snow (0 to 1) on the heights."""
    side = 1 if stage.sun[0] > 0.5 else -1

    def shade(rgb: Floats, below: Floats) -> None:
        deep = np.clip(below, 0, None)
        x = np.arange(below.shape[1], dtype=np.float32)[None]
        scale = np.float32(1080 / stage.unit)
        index = stage.coarse.index((x + side * deep * 0.8) * 2.6 * scale, deep * 1.5 * scale)
        bumps = stage.coarse.look(index) - stage.coarse.look(index, 16 * side)
        crest = below[0]
        slope = np.gradient(smoothed(crest, 31)).astype(np.float32)[None]
        fall = np.exp(-deep / np.float32(0.09 * stage.height))
        face = np.clip(0.5 + bumps * 5 + slope * 0.5 * side * fall, 0, 1)
        rgb *= 0.72 + 0.52 * face
        if snow:
            fallen = (below - crest[None]) / np.ptp(crest) - 0.1
            line = 0.75 * snow + (stage.coarse.look(index, 700, 90) - 0.5) * 1.6
            cover = np.clip((line - fallen) * 6, 0, 1) * np.float32(min(1.0, 0.4 + 0.6 * snow))
            white = column((MOONLIT_SNOW if stage.is_dark else SNOW).toward(stage.palette.horizon, 0.3))
            white = white * (0.5 + 0.5 * face)
            rgb += (white - rgb) * cover

    return shade


def sand(stage: Stage) -> Shade:
    """A bright and a dark side of each dune, with ripples."""
    side = 1 if stage.sun[0] > 0.5 else -1

    def shade(rgb: Floats, below: Floats) -> None:
        slope = np.gradient(smoothed(below[0], 25)).astype(np.float32)[None]
        deep = np.clip(below, 0, None) / np.float32(stage.height)
        lit = np.clip(0.55 + slope * 1.6 * side * np.exp(-deep / 0.09), 0, 1)
        ripple = np.sin(below * np.float32(2 * np.pi / (0.011 * stage.unit)) * (1 / (1 + deep * 4)))
        rgb *= 0.66 + 0.5 * lit + 0.018 * ripple * (1 - lit)

    return shade


def windows(stage: Stage, name: str, cell: float, lit: float) -> Shade:
    """Rows of windows, `lit` of them with a light on; `cell` is a window's pitch in pixels."""
    dice = stage.dice(name)
    pitch = max(3, round(cell))
    dark = stage.is_dark or stage.mood is Mood.SUNSET

    def shade(rgb: Floats, below: Floats) -> None:
        rows, cols = below.shape
        across = np.arange(cols, dtype=np.int64) // pitch
        down = np.arange(rows, dtype=np.int64) // pitch
        shape = int(down[-1]) + 1, int(across[-1]) + 1
        busy = np.clip(ridge(dice, shape[1], cells=shape[1] / 5, octaves=2) * 2 - 0.2, 0.15, 1.4)
        on = dice.uniform(size=shape) < lit * busy[None]
        colours = np.array(_NEON_LIGHTS if stage.mood is Mood.NEON else _LIGHTS, np.float32)
        panes = colours[dice.choice(3, shape, p=(0.6, 0.25, 0.15))] * dice.uniform(0.45, 1, shape)[..., None]
        if not dark:
            panes = np.broadcast_to(np.asarray(stage.palette.middle, np.float32), panes.shape)
        frame = (_within(cols, pitch) < 0.55)[None] & (_within(rows, pitch) < 0.6)[:, None]
        shown = on[down][:, across] & frame & (below > pitch * 1.5)
        share = shown.astype(np.float32) * np.float32(0.85 if dark else 0.4)
        light = np.moveaxis(panes, -1, 0).astype(np.float32)
        for i, pane in enumerate(light):
            rgb[i] += (pane[down][:, across] - rgb[i]) * share

    return shade


def _within(length: int, pitch: int) -> Floats:
    """How far into its cell each pixel is, from 0 to 1."""
    return (np.arange(length, dtype=np.int64) % pitch) / np.float32(pitch)
