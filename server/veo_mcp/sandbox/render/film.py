"""Shoot: draw every frame, mix the sound, write the file."""

import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from veo_mcp.sandbox.moving import move
from veo_mcp.sandbox.render.captions import titles
from veo_mcp.sandbox.render.director import Production, direct
from veo_mcp.sandbox.render.encode import encode
from veo_mcp.sandbox.render.layers import Sharp, Soft
from veo_mcp.sandbox.render.picture import Enlarger
from veo_mcp.sandbox.render.shot import FPS, Shot
from veo_mcp.sandbox.render.soundtrack import soundtrack

_FADE_IN_FRAMES = 8
_FADE_OUT_FRAMES = 6


def shoot(shot: Shot, path: Path) -> None:
    """Render beside `path` and move the whole file there."""
    production = direct(shot)
    samples = soundtrack(production.stage, production.parts) if shot.generate_audio else None
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        encode(shot, part, frames(production), samples)
        move(part, path)
    finally:
        part.unlink(missing_ok=True)


def frames(production: Production) -> Iterator[av.VideoFrame]:
    """Draw the frames; the titles are not faded with the rest, so that the badge is in all of them."""
    stage = production.stage
    layers = [layer for _, layer in production.layers()]
    soft = [layer for layer in layers if isinstance(layer, Soft)]
    sharp = [layer for layer in layers if isinstance(layer, Sharp)]
    written = titles(stage)
    enlarger = Enlarger(stage.width, stage.height)
    width, height = stage.soft_size
    for index in range(stage.shot.frames):
        t = index / FPS
        rgb = np.zeros((3, height, width), np.float32)
        for layer in soft:
            layer.paint(rgb, t)
        picture = enlarger.picture(rgb, index)
        for layer in sharp:
            layer.draw(picture, t)
        if stage.monochrome:
            picture.drain()
        picture.dim(_exposure(index, stage.shot.frames))
        for layer in written:
            layer.draw(picture, t)
        yield picture.frame


def _exposure(index: int, count: int) -> float:
    return min(1.0, (index + 1) / _FADE_IN_FRAMES, (count - index) / _FADE_OUT_FRAMES)
