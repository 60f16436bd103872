"""A completed job's file that was moved to the output folder is found there, and not downloaded again."""

from dataclasses import replace
from pathlib import Path, PureWindowsPath

import pytest

from studios import Place, fields_of
from test_cli import Shell, shell
from test_watcher import made
from upstream import clip
from veo_mcp.jobs import Job
from veo_mcp.results import video_uri

__all__ = ["shell"]

DAY = 86_400


def path_of(job: Job) -> Path:
    assert job.file is not None
    return job.file.path


async def moved(place: Place) -> tuple[Job, Path]:
    """Make a video, then move the folder of videos; return the job, and where its file is now."""
    job = await made(place)
    place.folder.joinpath("videos").rename(place.folder / "elsewhere")
    place.upstream.seen.clear()
    return job, place.folder / "elsewhere" / path_of(job).name


async def test_a_moved_file_is_found_without_network_and_its_place_is_noted(place: Place) -> None:
    job, path = await moved(place)
    async with place.open(output_dir=path.parent) as studio:
        found = await studio.look_up(job.handle)
        assert job.video is not None
        assert found == replace(job, video=replace(job.video, path=path))
        assert await studio.known(job.id) == found
        assert await studio.sheet(found)
    assert place.upstream.seen == []


async def test_a_repeated_order_is_answered_with_the_moved_file(place: Place) -> None:
    job, path = await moved(place)
    async with place.open(output_dir=path.parent) as studio:
        assert job.request is not None
        again = await studio.submit(job.request)
        assert (again.reused, path_of(again.job)) == (True, path)
        studio.deliver(again.job)
    path.parent.rename(place.folder / "third")
    place.clock.forward(DAY + 1)  # whoever ordered it first has not come back
    async with place.open(output_dir=place.folder / "third") as studio:
        (warning,) = (await studio.submit(job.request)).job.warnings
        assert str(place.folder / "third" / path.name) in warning


@pytest.mark.parametrize("other", [clip()[:-1], clip()[:-1] + b"?"], ids=["another size", "another digest"])
async def test_another_file_of_the_same_name_is_not_taken_for_the_moved_one(place: Place, other: bytes) -> None:
    job, path = await moved(place)
    path_of(job).parent.mkdir()
    path.write_bytes(other)
    async with place.open(output_dir=path.parent) as studio:
        found = await studio.wait(await studio.look_up(job.handle), 10)
        assert path_of(found).read_bytes() == clip()
    assert path.read_bytes() == other
    assert len(place.upstream.downloads) == 1


async def test_a_digest_is_computed_only_where_name_and_size_fit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    job, path = await moved(place)
    path.write_bytes(b"short")
    read: list[Path] = []
    monkeypatch.setattr("veo_mcp.artifacts.sha256", read.append)
    async with place.open(output_dir=path.parent, watching=False) as studio:
        assert (await studio.located(job)).video == job.video
    assert read == []


async def test_a_file_of_a_database_from_windows_is_found_by_its_name(place: Place) -> None:
    job = await made(place)
    assert job.video is not None
    windows = PureWindowsPath("C:/Users/me/Videos/veo-mcp") / path_of(job).name
    async with place.open(watching=False) as studio:
        await studio.store.note_place(replace(job, video=replace(job.video, path=Path(str(windows)))))
        assert path_of(await studio.look_up(job.handle)) == path_of(job)


async def test_resources_and_view_video_read_the_moved_file(place: Place) -> None:
    job, path = await moved(place)
    async with place.connect(output_dir=path.parent) as client:
        for part in ("", "/sheet", "/status"):
            assert (await client.read_resource(video_uri(job.handle, part))).contents
        assert not (await client.call_tool("view_video", {"generation_id": job.handle})).is_error
        status = fields_of(await client.call_tool("get_video_status", {"generation_id": job.handle}))
    assert status["video"]["path"] == str(path)
    assert place.upstream.seen == []


def test_show_looks_into_the_moved_file(shell: Shell) -> None:
    shell("generate", "A harbour", "--duration", "4")
    (path,) = shell.videos
    elsewhere = shell.folder / "elsewhere"
    path.parent.rename(elsewhere)
    listed = shell("list").stdout
    generation_id = next(word for word in listed.split() if ":google/" in word)
    shown = shell("show", generation_id, VEO_MCP_OUTPUT_DIR=str(elsewhere))
    assert (shown.exit_code, str(elsewhere / path.name) in shown.stdout) == (0, True)
