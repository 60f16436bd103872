"""What the frames look like before they are encoded."""

from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest

from veo_mcp.sandbox.render import Shot
from veo_mcp.sandbox.render.director import direct
from veo_mcp.sandbox.render.film import frames
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.picture import Enlarger, Floats, Patch, Yuv, overlap, to_yuv
from veo_mcp.sandbox.render.registry import scenes, subjects, weathers
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import land

Octets = npt.NDArray[np.uint8]

ODD_PROMPTS = {
    "blank": " ",
    "one letter": "x",
    "accents and dashes": "Café — a naïve façade, señor’s “piñata”",
    "Cyrillic": "Кот идёт по лесу под дождём",
    "Chinese": "一只猫走在雪山上，天空很美。",
    "Arabic": "سماء جميلة فوق الصحراء",
    "emoji": "👩‍🚀🚀🌋🇫🇷👍🏽",
    "unbroken": "https://example.com/" + "a" * 600,
    "unbroken Chinese": "山" * 400,
    "huge": "A ship sails, " * 700,
    "control characters": "line\r\n\ttab\0null\x1b[31m\u202e\ufeff",
    "a lone surrogate": "half \ud83d a face",
    "brackets": "{0} %s \\N{x} $(ls) <b>",
}


def drawn(shot: Shot, count: int) -> list[Octets]:
    return [frame.to_ndarray(format="gray").astype(np.uint8) for frame in islice(frames(direct(shot)), count)]


def small(prompt: str, *, seed: int = 0, negative: str | None = None, portrait: bool = False) -> Shot:
    return Shot(
        prompt=prompt,
        duration=4,
        resolution="720p",
        aspect_ratio="9:16" if portrait else "16:9",
        negative_prompt=negative,
        seed=seed,
    )


@pytest.mark.parametrize("prompt", ODD_PROMPTS.values(), ids=ODD_PROMPTS.keys())
def test_any_prompt_is_drawn(prompt: str) -> None:
    luma = drawn(small(prompt, portrait=True), 1)[0]
    assert luma.shape == (1280, 720)
    assert luma.std() > 2


@pytest.mark.parametrize("name", [part.name for part in (*scenes(), *weathers(), *subjects())])
def test_every_part_draws_something_that_moves(name: str) -> None:
    part = next(part for part in (*scenes(), *weathers(), *subjects()) if part.name == name)
    word = part.words.split(",")[0].removesuffix("*")
    shot = small(word if part in subjects() else f"{word}, mountain" if part in weathers() else word)
    assert name in direct(shot).stage.parts
    shown = drawn(shot, 10)
    assert shown[-1].std() > 8
    assert np.abs(shown[-1].astype(int) - shown[-2]).max() > 8


def test_film_noir_has_no_colours() -> None:
    for prompt, coloured in (("A beach at noon", True), ("A beach at noon, film noir", False)):
        *_, frame = islice(frames(direct(small(prompt))), 12)
        chroma = frame.to_ndarray()[720:]
        assert bool(np.abs(chroma.astype(int) - 128).max() > 8) is coloured


def test_a_meadow_in_the_snow_is_white() -> None:
    summer, winter = (drawn(small(f"A meadow{when}, noon"), 12)[-1][500:640] for when in ("", " in winter"))
    assert winter.mean() > 150 > summer.mean()


def test_the_title_card_is_written_large() -> None:
    shown = drawn(small("An elderly potter shapes a bowl"), 20)[-1]
    assert (shown[300:420, 30:800] > 225).sum() > 4000


def test_another_seed_is_another_picture() -> None:
    first, second = (drawn(small("A mountain", seed=seed), 9)[-1].astype(int) for seed in (1, 2))
    assert np.abs(first - second).mean() > 4


def test_a_subject_that_is_not_wanted_is_not_drawn() -> None:
    with_boat = drawn(small("A sailboat on the ocean at noon"), 9)[-1].astype(int)
    without = drawn(small("A sailboat on the ocean at noon", negative="boats, sailboats"), 9)[-1].astype(int)
    changed = np.abs(with_boat - without) > 24
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 5000
    assert 300 < columns.min() < columns.max() < 700
    assert 120 < rows.min() < rows.max() < 660


def test_the_heading_turns_the_walk_around() -> None:
    right, left = (drawn(small(f"Camels in the desert at noon{way}"), 60) for way in ("", ", going left"))
    assert _middle_of_ink(right[59]) > _middle_of_ink(right[12])
    assert _middle_of_ink(left[59]) < _middle_of_ink(left[12])


def _middle_of_ink(luma: Octets) -> float:
    """The mean column of what is nearly black above the caption and below the badge."""
    return float(np.nonzero(luma[380:600] < 52)[1].mean())


def test_near_land_passes_faster_than_far_land() -> None:
    stage = direct(small("A mountain")).stage
    passed = [_passed(stage, pan) for pan in (0.5, 2.0)]
    assert passed == pytest.approx([0.5 * 24 * 720 / 1080, 2.0 * 24 * 720 / 1080], abs=1)


def _passed(stage: Stage, pan: float) -> int:
    """How many columns a tower moves to the left in a second."""

    def tower(width: int) -> Floats:
        return ((np.arange(width) >= 300) & (np.arange(width) < 340)).astype(np.float32)

    white = Colour(255, 255, 255)
    strip = land(stage, tower, base=0.9, rise=0.3, top=white, bottom=white, pan=pan)
    tops: list[int] = []
    for t in (0.0, 1.0):
        picture = Enlarger(1280, 720).picture(np.zeros((3, 270, 480), np.float32), 0)
        strip.draw(picture, t)
        tops.append(int(np.argmax(picture.luma[600] > 120)))
    return tops[0] - tops[1]


def test_the_badge_is_not_faded_with_the_picture() -> None:
    first, later = drawn(small("A sunny day at the beach"), 20)[::19]
    assert first[120:].mean() < later[120:].mean() / 2
    assert first[32:60, 32:300].max() > 215


def test_colours_become_limited_range_bt709() -> None:
    assert Yuv.of(Colour(0, 0, 0)) == (16, 128, 128)
    assert Yuv.of(Colour(255, 255, 255)) == pytest.approx((235, 128, 128))
    assert Yuv.of(Colour(255, 0, 0)) == pytest.approx((62.6, 102.3, 240), abs=0.1)
    planes = to_yuv(np.full((3, 2, 2), 255, np.float32))
    assert [float(plane.mean()) for plane in planes] == pytest.approx([235, 128, 128])


def test_a_patch_may_hang_over_any_edge() -> None:
    assert overlap(10, 4, -2) == (slice(0, 2), slice(2, 4))
    assert overlap(10, 4, 8) == (slice(8, 10), slice(0, 2))
    assert overlap(10, 4, 20) == (slice(10, 10), slice(-10, -10))
    patch = Patch.of(np.full((3, 5, 7), 200, np.float32), np.ones((5, 7), np.float32))
    assert (patch.height, patch.width) == (4, 6)
