"""A video that could not be looked into when it came is delivered, and looked into once somebody views it."""

import sys
from pathlib import Path

import pytest

from media_files import edit
from studios import Place, fields_of, text_of
from test_moved_files import path_of
from test_watcher import made
from upstream import clip
from veo_mcp.jobs import Job
from veo_mcp.media import NOT_CHECKED


async def unchecked(place: Place, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Make a video while no decoder can be started; from then on one can."""
    monkeypatch.undo()  # the inspection is the real one here
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(place.folder / "uninstalled"))
        job = await made(place)
    assert job.warnings[-1].startswith(NOT_CHECKED)
    assert "; it is looked into again when the video is viewed, and" in job.warnings[-1]
    return job


async def test_a_video_that_nobody_could_look_into_is_looked_into_when_it_is_viewed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await unchecked(place, monkeypatch)
    async with place.connect() as client:
        viewed = await client.call_tool("view_video", {"generation_id": job.handle})
        assert [block.type for block in viewed.content] == ["text", "image"]
        assert "LUFS" in text_of(viewed)
        found = fields_of(await client.call_tool("get_video_status", {"generation_id": job.handle}))
    assert found["video"]["loudness_lufs"] is not None
    assert not any(NOT_CHECKED in warning for warning in found["warnings"])
    assert len(place.upstream.downloads) == 1


async def test_damage_that_is_seen_only_when_a_video_is_viewed_is_said_and_the_video_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await unchecked(place, monkeypatch)
    path_of(job).write_bytes(edit(clip(), b"mdat", lambda media: bytes(len(media))))
    async with place.open() as studio:
        await studio.sheet(job)
        seen = await studio.look_up(job.handle)
    assert (seen.state, path_of(seen)) == (job.state, path_of(job))
    assert seen.warnings[-1].startswith("Looked into again, the file is damaged: ")
    assert "Delete the file and ask get_video_status" in seen.warnings[-1]


async def test_a_video_that_still_cannot_be_looked_into_stays_as_it_is(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await unchecked(place, monkeypatch)
    started: list[Path] = []
    monkeypatch.setattr(sys, "executable", str(place.folder / "uninstalled"))
    run = "veo_mcp.media.inspection._run"

    async def none_starts(task: str, path: Path, *_: object) -> None:
        started.append(path)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(run, none_starts)
    async with place.open() as studio:
        assert await studio.sheet(job) is None
        assert await studio.known(job.id) == job
    assert started == [path_of(job)]
