"""The contact sheet and the preview, from frames that were never encoded."""

import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from PIL import Image

from veo_mcp.media.pictures import Shrinker
from veo_mcp.media.preview import Preview
from veo_mcp.media.sheet import Sheet

Paint = Callable[[int], np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]


def show(viewer: Sheet | Preview, paint: Paint, frames: int = 48) -> None:
    for index in range(frames):
        frame = av.VideoFrame.from_ndarray(paint(index), "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, 24)
        viewer.see(frame, index / 24)


def gray(width: int, height: int) -> Paint:
    return lambda index: np.full((height, width, 3), 5 * index % 256, np.uint8)


def noise(width: int, height: int) -> Paint:
    return lambda index: np.random.default_rng(index).integers(0, 256, (height, width, 3), np.uint8)


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1024, 1024), (4096, 64), (320, 180)])
def test_a_sheet_costs_a_model_at_most_1600_tokens(size: tuple[int, int]) -> None:
    sheet = Sheet(2.0)
    show(sheet, gray(*size))
    picture = opened(sheet.jpeg())
    assert picture.width * picture.height / 750 <= 1600
    assert max(picture.size) <= 1568


def test_a_landscape_video_fills_most_of_the_tokens_and_a_portrait_one_stays_portrait() -> None:
    landscape, portrait = Sheet(2.0), Sheet(2.0)
    show(landscape, gray(1920, 1080))
    show(portrait, gray(1080, 1920))
    assert opened(landscape.jpeg()).size == (1404, 849)
    assert opened(portrait.jpeg()).size == (810, 1470)


def test_even_noise_stays_under_150_kb() -> None:
    sheet = Sheet(2.0)
    show(sheet, noise(1280, 720))
    data = sheet.jpeg()
    assert data is not None
    assert len(data) < 150_000


def test_the_tiles_are_the_middles_of_the_ninths_in_reading_order() -> None:
    sheet = Sheet(2.0)
    show(sheet, gray(480, 270))
    picture = opened(sheet.jpeg()).convert("L")
    across = [picture.width * step // 6 for step in (1, 3, 5)]
    centres = [(x, picture.height * row // 3 + 100) for row in range(3) for x in across]
    shown = [picture.getpixel(centre) for centre in centres]
    assert shown == pytest.approx([5 * index for index in (3, 8, 14, 19, 24, 30, 35, 40, 46)], abs=3)


def test_every_tile_has_its_time_written_under_it() -> None:
    sheet = Sheet(2.0)
    show(sheet, lambda _: np.zeros((1080, 1920, 3), np.uint8))
    picture = opened(sheet.jpeg()).convert("L")
    row, column = (picture.height - 6) // 3, (picture.width - 6) // 3
    for place in range(9):
        left, bottom = 6 + place % 3 * column, 6 + (place // 3 + 1) * row
        strip = picture.crop((left, bottom - 22, left + column - 6, bottom))
        lit = np.asarray(strip) > 128
        assert lit.any(axis=0).sum() > 25
        assert 8 <= lit.any(axis=1).sum() <= 16


def test_a_video_of_few_frames_has_few_tiles() -> None:
    sheet = Sheet(8.0)
    show(sheet, gray(1920, 1080), frames=48)
    assert opened(sheet.jpeg()).size == (938, 287)


def test_no_frame_no_picture() -> None:
    assert Sheet(8.0).jpeg() is None
    assert Preview(8.0).webp() is None
    assert Preview(8.0).gif() is None


def test_a_preview_shows_eight_pictures_a_second_and_fewer_of_a_long_video() -> None:
    short, long = Preview(2.0), Preview(60.0)
    show(short, gray(640, 360))
    show(long, gray(360, 640), frames=1440)
    assert [getattr(opened(each.webp()), "n_frames", 0) for each in (short, long)] == [16, 96]
    assert opened(long.webp()).size == (180, 320)


@pytest.mark.parametrize("tagged", [True, False])
def test_hd_colours_are_bt_709_whether_tagged_or_not(tagged: bool) -> None:
    red = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), (200, 40, 40), np.uint8), "rgb24")
    frame = red.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
    frame.colorspace = 1 if tagged else 2
    picture = Shrinker().shrink(frame, 320, 180)
    assert picture.getpixel((160, 90)) == pytest.approx((200, 40, 40), abs=4)
