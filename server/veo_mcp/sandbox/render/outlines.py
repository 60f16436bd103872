"""Outlines of land, 0 to 1 for each column."""

from itertools import accumulate

import numpy as np

from veo_mcp.sandbox.render.noise import ridge
from veo_mcp.sandbox.render.picture import Floats


def hills(dice: np.random.Generator, width: int, *, cells: float = 3, octaves: int = 4) -> Floats:
    return ridge(dice, width, cells=cells, octaves=octaves, decay=0.4)


def peaks(dice: np.random.Generator, width: int, unit: float, count: int) -> Floats:
    """Summits of various heights, their flanks torn; `unit` is how far the foot of a tall one reaches to each side."""
    x = np.arange(width)
    line = np.zeros(width)
    for at in (np.arange(count) + dice.uniform(0.1, 0.9, count)) * width / count:
        away = np.abs(x - at) / unit
        tall = dice.uniform(0.45, 1)
        line = np.maximum(line, tall * (1 - away * dice.uniform(0.75, 1.3)) - 0.12 * np.sin(away * 9) * away)
    torn = ridge(dice, width, cells=width / unit * 3, octaves=6, decay=0.5) - 0.5
    line = np.maximum(line, 0.12) + torn * 0.26
    return ((line - line.min()) / np.ptp(line)).astype(np.float32)


def conifers(dice: np.random.Generator, width: int, tree: float, *, spacing: float, ground: float = 0.3) -> Floats:
    """A wood on rolling ground; `tree` is a tree's full height in pixels, to which 1 stands."""
    x = np.arange(width)
    soil = hills(dice, width, cells=2.5) * np.float32(ground)
    line = soil.copy()
    for at in np.arange(0, width, tree * spacing):
        middle = int(np.clip(at + dice.normal() * tree * spacing * 0.6, 0, width - 1))
        height = (0.35 + 0.65 * dice.uniform() ** 1.4) * (1 - ground)
        half = max(3, int(tree * height * dice.uniform(0.15, 0.21)))
        near = slice(max(0, middle - half), min(width, middle + half))
        away = (x[near] - middle) / half
        line[near] = np.maximum(line[near], soil[middle] * 0.8 + height * _fir(away, int(dice.integers(4, 7))))
    return np.clip(line, 0, 1).astype(np.float32)


def _fir(away: Floats, tiers: int) -> Floats:
    """How high a fir stands at a distance (-1..1) from its stem: boughs in tiers that hang a little over."""
    down = np.linspace(0, 1, 160)
    hang = (0.03 + 0.97 * down) * (0.5 + 0.5 * np.mod(down * tiers, 1.0))
    reach = np.array(list(accumulate(hang.tolist(), max)))
    return np.asarray(np.interp(abs(away) * reach[-1], reach, 1 - down), np.float64)


def crowns(dice: np.random.Generator, width: int, tree: float) -> Floats:
    """Round treetops, as of a distant wood or of bushes."""
    x = np.arange(width)
    line = np.zeros(width)
    for at in np.arange(0, width, tree * 0.3):
        middle, half = at + dice.normal() * tree * 0.12, tree * dice.uniform(0.2, 0.42)
        dome = np.sqrt(np.clip(1 - ((x - middle) / half) ** 2, 0, None)) * dice.uniform(0.5, 0.95)
        line = np.maximum(line, dome)
    line += (ridge(dice, width, cells=width / tree * 12, octaves=3) - 0.5) * 0.08
    return np.clip(line, 0, 1).astype(np.float32)


def grass(dice: np.random.Generator, width: int, blade: float) -> Floats:
    """Blades side by side; `blade` is the width of one in pixels."""
    count = int(width / blade) + 2
    x = np.arange(width) / blade
    line = np.zeros(width)
    for _ in range(3):
        at = x + dice.uniform()
        cell = at.astype(np.int64)
        tall = dice.uniform(0.15, 1, count + 2)[cell] ** 1.5
        lean = dice.uniform(0.3, 0.7, count + 2)[cell]
        tip = np.clip(1 - np.abs((at % 1) - lean) / 0.38, 0, 1)
        line = np.maximum(line, tall * tip)
    swell = hills(dice, width, cells=4) * 0.35
    return np.clip(line * 0.6 + swell, 0, 1).astype(np.float32)


def dunes(dice: np.random.Generator, width: int, count: float) -> Floats:
    """Long rises that break off on one side."""
    x = np.linspace(0, count, width) + dice.uniform()
    cell = x.astype(np.int64)
    share: Floats = x % 1
    crest: Floats = dice.uniform(0.55, 0.8, int(cell.max()) + 2)[cell]
    heights = dice.uniform(0.35, 1, int(cell.max()) + 2)
    tall: Floats = heights[cell]
    following: Floats = np.roll(heights, -1)[cell]
    rise: Floats = np.where(
        share < crest,
        np.sin(share / crest * np.pi / 2) ** 1.6,
        0.5 + 0.5 * np.cos((share - crest) / (1 - crest) * np.pi),
    )
    base = hills(dice, width, cells=1.5, octaves=2) * 0.35
    line: Floats = base + 0.65 * rise * (tall * (1 - share) + following * share)
    return np.clip(line, 0, 1).astype(np.float32)


def skyline(dice: np.random.Generator, width: int, block: float) -> Floats:
    """Towers, some with a smaller one on top, some with a mast."""
    line = np.zeros(width, np.float32)
    x = 0
    while x < width:
        wide = int(block * dice.uniform(0.6, 1.6))
        tall = 0.12 + 0.72 * dice.uniform() ** 1.5
        line[x : x + wide] = tall
        if dice.uniform() < 0.4:
            line[x + wide // 4 : x + wide - wide // 4] = tall + 0.05
        if dice.uniform() < 0.25:
            mast = max(2, int(block * 0.05))
            line[x + wide // 2 : x + wide // 2 + mast] = tall + 0.16
        x += wide + (int(block * 0.25) if dice.uniform() < 0.2 else 0)
    return np.clip(line, 0, 1)
