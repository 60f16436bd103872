"""A completed job whose file is not here stays completed: the folder may come back, and the file with it."""

import re
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import pytest
from mcp import MCPError

from studios import PROMPT, Place, a_failure, a_job, a_request, fields_of, text_of
from test_cli import Shell, shell
from test_jobs import ARTIFACT
from test_moved_files import path_of
from test_watcher import leave_behind, made
from upstream import Answer, clip, completed, says, status
from veo_mcp.errors import NotSaved
from veo_mcp.fetching import GONE, NOT_HERE
from veo_mcp.jobs import Job, State
from veo_mcp.results import video_uri

__all__ = ["shell"]


async def unmounted(place: Place) -> tuple[Job, Path]:
    """Make a video, then take its folder away; return the job, and where the folder is meanwhile."""
    job = await made(place)
    away = place.folder / "unplugged"
    path_of(job).parent.rename(away)
    place.upstream.seen.clear()
    place.upstream.files = [says(status=410)]
    return job, away


async def test_a_video_on_a_disk_that_is_not_mounted_stays_completed_and_is_there_again_with_the_disk(
    place: Place,
) -> None:
    job, away = await unmounted(place)
    async with place.open() as studio:
        asked = await studio.wait(await studio.look_up(job.handle), 10)
        assert (asked.state, asked.video, asked.failure) == (State.COMPLETED, job.video, None)
        assert asked.note.startswith(f"{NOT_HERE}: {path_of(job)}, whose folder is not on this machine")
        assert place.upstream.seen == []
        assert not path_of(job).parent.exists()
        away.rename(path_of(job).parent)
        assert await studio.look_up(job.handle) == job
        assert await studio.known(job.id) == job


@pytest.mark.parametrize("poll", [completed(), status("expired"), says({}, 404)])
async def test_a_deleted_file_that_upstream_no_longer_has_leaves_the_job_completed(place: Place, poll: Answer) -> None:
    job = await made(place)
    path_of(job).unlink()
    place.upstream.polls = [poll]
    place.upstream.files = [says(status=410)]
    async with place.open() as studio:
        asked = await studio.wait(await studio.look_up(job.handle), 10)
        assert (asked.state, asked.video, asked.finished_at) == (State.COMPLETED, job.video, job.finished_at)
        assert asked.note.startswith(f"{NOT_HERE}: {path_of(job)}. It could not be fetched again: The result link no")
        assert asked.price == job.price
        path_of(job).write_bytes(clip())  # restored from a backup
        assert await studio.look_up(job.handle) == job


async def test_a_file_that_comes_back_while_it_is_fetched_again_is_taken(place: Place) -> None:
    job = await made(place)
    place.upstream.files = [says(status=500)]
    left = await leave_behind(
        place, id="job_0", generation_id="g", state=State.DOWNLOADING, video=job.video, finished_at=job.finished_at
    )
    async with place.open() as studio:
        found = await studio.wait(left, 10)
    assert (found.state, found.video, found.finished_at) == (State.COMPLETED, job.video, job.finished_at)
    assert len(place.upstream.downloads) == 1


async def test_a_file_that_is_here_is_shown_while_another_machine_fetches_it_again(place: Place) -> None:
    job = await made(place)
    left = await leave_behind(
        place, "another machine", lease=60, id="job_0", generation_id="g", state=State.DOWNLOADING, video=job.video
    )
    place.upstream.seen.clear()
    async with place.open() as studio:
        found = await studio.look_up(left.handle)
        assert (found.state, found.video, found.note) == (State.COMPLETED, job.video, "")
        assert await studio.sheet(found)
        assert (await studio.known(left.id)).state is State.DOWNLOADING
        path_of(job).unlink()
        assert (await studio.look_up(left.handle)).state is State.DOWNLOADING
    assert place.upstream.seen == []


@pytest.mark.parametrize("how", ["emptied", "made shorter", "replaced by a folder"])
async def test_a_file_that_was_spoiled_is_no_video_and_is_fetched_again(place: Place, how: str) -> None:
    job = await made(place)
    path = path_of(job)
    path.unlink()
    path.mkdir() if how == "replaced by a folder" else path.write_bytes(b"" if how == "emptied" else clip()[:-1])
    async with place.open() as studio:
        with pytest.raises(NotSaved, match=re.escape(GONE)):
            await studio.sheet(job)
        found = await studio.wait(await studio.look_up(job.handle), 10)
    assert found.state is State.COMPLETED
    assert path_of(found) == path.with_stem(f"{path.stem}-2")
    assert path_of(found).read_bytes() == clip()


async def test_a_job_that_an_earlier_version_failed_though_it_had_a_file_is_completed_again(place: Place) -> None:
    job = await made(place)
    failure = a_failure(name="link_expired", charged="yes", recoverable=True)
    async with place.open() as studio:
        failed = replace(job, state=State.FAILED, failure=failure)
        await studio.store.take(failed, was=State.COMPLETED, owner="gone", lease=-1)
        found = await studio.wait(await studio.look_up(job.handle), 10)
    assert (found.state, found.video) == (State.COMPLETED, job.video)


async def test_a_file_of_a_database_from_another_system_is_asked_for_nowhere(place: Place) -> None:
    job = await made(place)
    path_of(job).unlink()
    place.upstream.seen.clear()
    windows = PureWindowsPath("C:/Users/me/Videos/veo-mcp") / path_of(job).name
    async with place.open() as studio:
        assert job.video is not None
        await studio.store.note_place(replace(job, video=replace(job.video, path=Path(str(windows)))))
        asked = await studio.look_up(job.handle)
    assert (asked.state, str(windows) in asked.note) == (State.COMPLETED, True)
    assert place.upstream.seen == []


async def test_a_video_that_is_not_here_is_neither_delivered_nor_paid_for_again(place: Place) -> None:
    job, _ = await unmounted(place)
    async with place.open(output_dir=place.folder / "another") as studio:
        assert job.request is not None
        order = await studio.submit(job.request)
        studio.deliver(order.job)
        again = await studio.submit(job.request)
        assert (order.reused, again.reused, again.job.id) == (True, True, job.id)
    assert place.upstream.posts == []


async def test_every_tool_says_where_a_file_that_is_not_here_was_saved_and_what_to_do(place: Place) -> None:
    job, _ = await unmounted(place)
    asked = {"generation_id": job.handle}
    async with place.connect() as client:
        for wait_seconds in (0, 1):
            told = await client.call_tool("get_video_status", {**asked, "wait_seconds": wait_seconds})
            found = fields_of(told)
            assert (told.is_error, found["status"], found["video"]["path"]) == (False, "completed", str(path_of(job)))
            warning = found["warnings"][-1]
            assert warning.startswith(f"{NOT_HERE}: {path_of(job)}")
            assert "Mount it, or put the file into" in warning
            assert warning in text_of(told)
            assert found["next_step"].startswith("Tell the user where the file was saved and what the warning says.")
        again = fields_of(await client.call_tool("generate_and_wait", {"prompt": PROMPT}))
        assert (again["reused"], again["warnings"][-1]) == (True, warning)
        viewed = await client.call_tool("view_video", asked)
        assert "its folder" not in text_of(viewed)
        assert "because the folder that it was saved in is not on this machine" in text_of(viewed)
        for part in ("", "/sheet", "/preview"):
            with pytest.raises(MCPError, match="the folder that it was saved in is not on this machine"):
                await client.read_resource(video_uri(job.handle, part))
    assert place.upstream.seen == []


def test_the_shell_says_where_a_file_that_is_not_here_was_saved(shell: Shell) -> None:
    shell("generate", "A harbour", "--duration", "4")
    (path,) = shell.videos
    path.parent.rename(shell.folder / "unplugged")
    generation_id = next(word for word in shell("list").stdout.split() if ":google/" in word)
    for command, code in (("show", 1), ("status", 0)):
        told = shell(command, generation_id)
        assert (told.exit_code, f"{NOT_HERE}: {path}" in told.stdout + told.stderr) == (code, True)
    assert shell("list").exit_code == 0


@pytest.mark.parametrize("state", [State.QUEUED, State.GENERATING, State.OVERDUE, State.DOWNLOADING])
@pytest.mark.parametrize("charged", ["yes", "maybe", "no"])
def test_no_failure_takes_a_video_from_a_job_that_had_one(state: State, charged: str) -> None:
    job = a_job(request=a_request(), generation_id="g", cost_usd=1.0, state=State.DOWNLOADING)
    done = job.ready(ARTIFACT, warnings=(), at=job.created_at)
    failed = replace(done, state=state).failed(a_failure(charged=charged), at=job.created_at)
    assert failed == replace(done, note="It could not be fetched again: It was refused.")
