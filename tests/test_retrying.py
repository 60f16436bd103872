"""A paid video whose file does not come is tried for as long as its link may live, and the caller is told why."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from studios import PROMPT, QUICK, Place, a_request, fields_of, obstruct, text_of
from test_watcher import FRESH, failure_of, leave_behind, noted
from upstream import LINK, Answer, Gate, clip, completed, delivers, fails, says
from veo_mcp.errors import ArtifactError, BadFile, DamagedFile, DownloadFailed, LinkExpired, NotSaved
from veo_mcp.jobs import Job, State
from veo_mcp.retrying import DEAD_LINKS, LATE_TRIES, PATIENCE, Tries
from veo_mcp.studio import Studio
from veo_mcp.watcher import GIVE_UP_SECONDS

WAITS = replace(QUICK, retry=3600)
"""Nothing is tried again by itself in the time of a test."""


async def stuck(place: Place, studio: Studio) -> Job:
    """Order a video whose file cannot be saved, because something is where the folder should be."""
    ordered = await studio.submit(a_request())
    obstruct(place.settings().output_dir)
    return await noted(studio, ordered.job)


def counted(*errors: Any, fresh_link: bool = True) -> tuple[Tries, list[float]]:
    tries, pauses = Tries(), list[float]()
    for error in errors:
        tries.waited_for(tries.pause_seconds, pause=1)
        tries.count(error, fresh_link=fresh_link, pause=1, poked=5)
        pauses.append(tries.pause_seconds)
    return tries, pauses


# When


def test_pauses_grow_to_five_minutes_and_a_first_dead_link_costs_none() -> None:
    full = NotSaved("Full.")
    assert counted(*[full] * 10)[1] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert counted(LinkExpired("Dead."), LinkExpired("Dead."))[1] == [0, 4]


@pytest.mark.parametrize("error", [NotSaved("Full."), DownloadFailed("Cut.")])
def test_trouble_here_or_on_the_way_is_never_the_end_while_the_link_may_live(error: NotSaved | DownloadFailed) -> None:
    tries, _ = counted(*[error] * 1000)
    assert not tries.are_over(most=None)
    assert tries.are_over(most=LATE_TRIES)
    assert not counted(*[error] * (LATE_TRIES - 1))[0].are_over(most=LATE_TRIES)


@pytest.mark.parametrize("error", [LinkExpired("Dead."), BadFile("No video.")])
def test_what_upstream_says_for_half_an_hour_is_the_end(error: ArtifactError) -> None:
    ends = [counted(*[error] * tries)[0].are_over(most=None) for tries in range(1, 16)]
    assert ends == [False] * 13 + [True] * 2
    assert sum(counted(*[error] * 13)[1]) == pytest.approx(PATIENCE, abs=300)


def test_a_damaged_file_is_tried_a_few_times_and_is_the_end_then() -> None:
    ends = [counted(*[DamagedFile("Half.")] * tries)[0].are_over(most=None) for tries in range(1, 6)]
    assert ends == [False, False, False, True, True]


def test_who_asks_again_and_again_does_not_bring_the_end_nearer() -> None:
    tries = Tries()
    for _ in range(100):
        tries.count(BadFile("No video."), fresh_link=True, pause=1, poked=5)
        assert not tries.are_over(most=None)
        tries.waited_for(tries.shortest_seconds, pause=1)
    assert tries.waited == 2 + 4 + 98 * 5


def test_a_file_server_is_left_alone_for_as_long_as_it_says_though_somebody_asks() -> None:
    busy = DownloadFailed("Busy.", retry_after=90)
    tries, pauses = counted(*[busy] * 8)
    assert (pauses, tries.shortest_seconds) == ([90] * 6 + [128, 256], 90)
    assert "tried again by itself in 90 s." in counted(busy)[0].note(busy)


def test_what_upstream_never_said_is_no_end() -> None:
    assert not counted(*[LinkExpired("Dead.")] * 100, fresh_link=False)[0].are_over(most=None)


def test_a_note_says_when_it_is_tried_again() -> None:
    tries, _ = counted(NotSaved("Full."))
    assert tries.note(NotSaved("Full.")) == (
        "Full. It is tried again by itself in 2 s; get_video_status tries at once."
    )
    assert "in 5 minutes;" in counted(*[NotSaved("Full.")] * 20)[0].note(NotSaved("Full."))


# In a job's life


async def test_a_disk_that_is_full_for_a_while_does_not_cost_the_paid_video(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: Any = Path.open
    tried: list[Path] = []

    def is_full(path: Path, *args: Any, **options: Any) -> Any:
        if path.suffix == ".part" and args and "b" in args[0] and place.upstream.posts and len(tried) < 12:
            tried.append(path)
            raise OSError(errno.ENOSPC if len(tried) % 2 else errno.EMFILE, "No more")
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", is_full)
    place.pace = replace(QUICK, retry=0.0001)
    async with place.open() as studio:
        job = await studio.wait((await studio.submit(a_request())).job, 10)
    assert (job.state, len(tried)) == (State.COMPLETED, 12)
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize("trouble", [fails(httpx2.ConnectError), says(status=500), says(status=503)])
async def test_a_network_that_is_away_for_longer_than_minutes_does_not_cost_the_paid_video(
    place: Place, trouble: Answer
) -> None:
    place.pace = replace(QUICK, retry=0.0001)
    place.upstream.files = [trouble] * 60 + [delivers(clip())]
    async with place.open() as studio:
        job = await studio.wait((await studio.submit(a_request())).job, 10)
    assert job.state is State.COMPLETED


async def test_every_try_asks_for_a_fresh_link_first(place: Place) -> None:
    place.upstream.polls = [completed(), completed(FRESH)]
    place.upstream.files = [says(status=500)] * 8 + [delivers(clip())]
    async with place.open() as studio:
        await studio.wait((await studio.submit(a_request())).job, 10)
    assert [str(request.url) for request in place.upstream.downloads] == [LINK] * 4 + [FRESH] * 5
    assert len(place.upstream.gets) == 3


async def test_a_dead_link_is_not_the_end_while_upstream_cannot_be_asked_for_another(place: Place) -> None:
    place.pace = replace(QUICK, retry=0.0001)
    place.upstream.polls = [completed()] + [says({}, 500)] * (2 * DEAD_LINKS) + [completed(FRESH)]
    place.upstream.files = [says(status=403)] * (2 * DEAD_LINKS) + [delivers(clip())]
    async with place.open() as studio:
        job = await studio.wait((await studio.submit(a_request())).job, 10)
    assert job.state is State.COMPLETED


async def test_after_two_days_it_is_given_up_but_can_be_asked_for(place: Place) -> None:
    place.upstream.files = [says(status=500)]
    place.pace = replace(QUICK, retry=0.0001)
    async with place.open() as studio:
        ordered = await studio.submit(a_request())
        await noted(studio, ordered.job)
        place.clock.forward(GIVE_UP_SECONDS + 1)
        failure = failure_of(await studio.wait(ordered.job, 10))
        assert (failure.name, failure.charged, failure.recoverable) == ("download_failed", "yes", True)
        place.upstream.files = []
        assert (await studio.wait(await studio.look_up(ordered.job.id), 10)).state is State.COMPLETED


async def test_asking_for_the_status_tries_at_once(place: Place) -> None:
    place.pace = WAITS
    async with place.open() as studio:
        job = await stuck(place, studio)
        place.settings().output_dir.unlink()
        assert (await studio.wait(await studio.look_up(job.handle), 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_who_asks_again_and_again_does_not_have_it_tried_as_often(place: Place) -> None:
    place.pace = replace(WAITS, poked=0.5)
    async with place.open() as studio:
        job = await stuck(place, studio)
        before = len(place.upstream.gets)
        for _ in range(20):
            await studio.look_up(job.handle)
            await anyio.sleep(0.01)
        assert len(place.upstream.gets) - before <= 2


async def test_a_file_server_that_is_busy_is_not_asked_sooner_than_it_says(place: Place) -> None:
    place.upstream.files = [says(status=503, retry_after="1"), delivers(clip())]
    async with place.open() as studio:
        job = await noted(studio, (await studio.submit(a_request())).job)
        began = anyio.current_time()
        done = await studio.wait(await studio.look_up(job.handle), 10)
    assert (done.state, anyio.current_time() - began > 0.8) == (State.COMPLETED, True)
    assert job.note == "The file server answered HTTP 503. It is tried again by itself in 1 s."


async def test_a_video_that_could_not_be_saved_is_tried_again_after_a_restart(place: Place) -> None:
    place.pace = WAITS
    async with place.open() as studio:
        job = await stuck(place, studio)
    place.settings().output_dir.unlink()
    async with place.open() as studio:
        assert (await studio.known(job.id)).state is State.DOWNLOADING
        assert (await studio.wait(job, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_who_takes_a_download_over_asks_for_a_fresh_link_first(place: Place) -> None:
    job = await leave_behind(place, state=State.DOWNLOADING, url=LINK)
    place.upstream.polls = [completed(FRESH)]
    async with place.open() as studio:
        assert (await studio.wait(job, 10)).state is State.COMPLETED
    assert [str(request.url) for request in place.upstream.downloads] == [FRESH]


async def test_who_waited_hears_what_is_wrong_and_that_it_is_saved_by_itself(place: Place) -> None:
    place.pace, gate = WAITS, Gate(completed())
    place.upstream.polls = [gate]
    async with place.connect() as client:
        ordered = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
        obstruct(place.settings().output_dir)
        gate.opened.set()
        assert place.studio is not None
        await noted(place.studio, await place.studio.known(ordered["generation_id"]))
        waited = await client.call_tool("generate_and_wait", {"prompt": PROMPT, "max_wait_seconds": 0.1})
        found = fields_of(waited)
        assert (waited.is_error, found["status"], found["reused"]) == (False, "downloading", True)
        (warning,) = [each for each in found["warnings"] if each.startswith("Last heard: ")]
        assert str(place.settings().output_dir) in warning
        assert "is paid, and is then saved free of charge. It is tried again by itself in " in warning
        assert found["next_step"].startswith("Do not order it again: it is paid, and the file is saved by itself once")
        assert warning in text_of(waited)
        place.settings().output_dir.unlink()
        asked = {"generation_id": ordered["generation_id"], "wait_seconds": 10}
        assert fields_of(await client.call_tool("get_video_status", asked))["status"] == "completed"
    assert len(place.upstream.posts) == 1
