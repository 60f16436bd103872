import os
from pathlib import Path

import anyio
import pytest
from PIL import Image

from media_files import header_says, video
from veo_mcp.errors import BadFile
from veo_mcp.media import Facts, Inspection, gif, inspect


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "video.mp4"
    path.write_bytes(data)
    return path


async def facts_of(folder: Path, data: bytes) -> Facts:
    inspection = await inspect(saved(folder, data))
    assert inspection.damage is None
    assert inspection.facts is not None
    return inspection.facts


async def test_a_sound_video_is_measured_whole(tmp_path: Path) -> None:
    facts = await facts_of(tmp_path, video())
    loudness = facts.loudness_lufs
    assert facts.model_copy(update={"loudness_lufs": None}) == Facts(
        duration_seconds=2.0,
        width=320,
        height=180,
        fps=24.0,
        video_codec="h264",
        audio_codec="aac",
        has_audio=True,
        loudness_lufs=None,
        dark_share=0.0,
        frozen_share=0.0,
        declared_frames=48,
        decoded_frames=48,
        decode_errors=0,
        faststart=True,
    )
    # A 997 Hz sine at -20 dBFS on both channels is what EBU Tech 3341 calls -20 LUFS.
    assert loudness == pytest.approx(-20.0, abs=0.3)


async def test_a_silent_track_and_no_track_are_both_silent(tmp_path: Path) -> None:
    silent = await facts_of(tmp_path, video(sound=0.0))
    mute = await facts_of(tmp_path, video(sound=None))
    assert (silent.has_audio, silent.is_silent, silent.loudness_lufs) == (True, True, -70.0)
    assert (mute.has_audio, mute.is_silent, mute.loudness_lufs, mute.audio_codec) == (False, True, None, None)


async def test_black_and_frozen_frames_are_counted(tmp_path: Path) -> None:
    black = await facts_of(tmp_path, video(picture="black"))
    still = await facts_of(tmp_path, video(picture="still"))
    assert (black.dark_share, black.frozen_share) == (1.0, 1.0)
    # A keyframe redraws even a still picture a little differently.
    assert (still.dark_share, still.frozen_share) == (0.0, pytest.approx(1.0, abs=0.1))


@pytest.mark.parametrize("movflags", ["+faststart", "", "frag_keyframe+empty_moov", "frag_keyframe+default_base_moof"])
async def test_every_layout_of_an_mp4_is_read(tmp_path: Path, movflags: str) -> None:
    path = saved(tmp_path, video(movflags=movflags))
    assert header_says(path) is None
    inspection = await inspect(path)
    assert inspection.damage is None
    assert inspection.facts is not None
    assert (inspection.facts.decoded_frames, inspection.facts.declared_frames) == (48, 48)
    assert inspection.facts.faststart is (movflags != "")


async def test_pictures_are_written_only_when_there_is_a_folder_for_them(tmp_path: Path) -> None:
    path = saved(tmp_path, video())
    assert (await inspect(path)).sheet is None
    inspection = await inspect(path, into=tmp_path / "made" / "here")
    assert inspection.sheet == tmp_path / "made" / "here" / "sheet.jpg"
    assert inspection.preview == tmp_path / "made" / "here" / "preview.webp"
    assert sorted(each.name for each in (tmp_path / "made" / "here").iterdir()) == ["preview.webp", "sheet.jpg"]


async def test_pictures_are_made_once_and_again_when_the_video_is_newer(tmp_path: Path) -> None:
    path = saved(tmp_path, video())
    os.utime(path, (1_000_000_000, 1_000_000_000))
    first = await inspect(path, into=tmp_path)
    assert first.sheet is not None
    os.utime(first.sheet, (1_500_000_000, 1_500_000_000))
    assert await inspect(path, into=tmp_path) == first
    assert first.sheet.stat().st_mtime == 1_500_000_000
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert await inspect(path, into=tmp_path) == first
    assert first.sheet.stat().st_mtime > 1_700_000_000


async def test_two_inspections_at_once_agree_and_leave_two_whole_pictures(tmp_path: Path) -> None:
    path, found = saved(tmp_path, video()), list[Inspection]()

    async def look() -> None:
        found.append(await inspect(path, into=tmp_path / "pictures"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        tasks.start_soon(look)
    assert found[0] == found[1]
    assert sorted(each.name for each in (tmp_path / "pictures").iterdir()) == ["preview.webp", "sheet.jpg"]
    for each in (tmp_path / "pictures").iterdir():
        Image.open(each).load()


async def test_a_folder_that_cannot_be_written_costs_the_pictures_not_the_verdict(tmp_path: Path) -> None:
    path = saved(tmp_path, video())
    (tmp_path / "file").write_text("not a folder")
    inspection = await inspect(path, into=tmp_path / "file" / "folder")
    assert inspection.damage is None
    assert inspection.facts is not None
    assert (inspection.sheet, inspection.preview) == (None, None)
    assert [sentence.split(" (")[0] for sentence in inspection.unchecked] == [
        "No contact sheet could be made",
        "No preview could be made",
    ]


async def test_a_path_that_is_not_there_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await inspect(tmp_path / "nothing.mp4")


async def test_a_gif_moves_for_as_long_as_the_video(tmp_path: Path) -> None:
    await gif(saved(tmp_path, video()), tmp_path / "video.gif")
    with Image.open(tmp_path / "video.gif") as picture:
        assert (picture.format, picture.size, picture.n_frames) == ("GIF", (320, 180), 10)  # type: ignore[attr-defined]
        assert picture.info["duration"] * 10 == 2000


async def test_no_gif_is_made_of_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="a web page"):
        await gif(saved(tmp_path, b"<html>"), tmp_path / "video.gif")
    assert not (tmp_path / "video.gif").exists()
