"""Every job ends in a checked file or a stated failure, whatever polls, downloads, clocks and processes do."""

import logging
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from ledger import taken_over
from studios import HASTY, NOON, QUICK, Place, a_job, a_request, until, until_sent
from upstream import GENERATIONS, LINK, Answer, Gate, accepts, clip, completed, delivers, fails, says, status
from veo_mcp import fetching, watcher
from veo_mcp.jobs import Failure, Job, State
from veo_mcp.store import Database, Store, Terms, database
from veo_mcp.studio import Studio
from veo_mcp.watcher import GIVE_UP_SECONDS, Pace

FRESH = "https://cdn.example/fresh.mp4"


async def ended(studio: Studio, seconds: float = 10) -> Job:
    """Order a video and return how it ended."""
    return await studio.wait((await studio.submit(a_request())).job, seconds)


async def made(place: Place) -> Job:
    async with place.open() as studio:
        return await ended(studio)


async def noted(studio: Studio, job: Job) -> Job:
    """Return the job once a try to download it has failed and is noted."""
    async for latest in studio.follow(job, 10):
        job = latest
        if job.state is State.DOWNLOADING and job.note:
            break
    return job


def failure_of(job: Job) -> Failure:
    assert job.state is State.FAILED
    assert job.failure is not None
    return job.failure


@asynccontextmanager
async def ledger_of(place: Place) -> AsyncGenerator[Store]:
    """Open the ledger as another process would."""
    store = Store(Database(place.settings().home / "jobs.sqlite3"))
    yield store
    await store.close()


async def leave_behind(place: Place, owner: str = "killed", lease: float = -1, **changes: Any) -> Job:
    """Write a job as a process that is no more has left it."""
    usual: dict[str, Any] = {"account": place.settings().account, "state": State.GENERATING, "generation_id": "left"}
    job = a_job(**(usual | changes))
    async with ledger_of(place) as store:
        await store.claim(job, owner=owner, lease=lease, caller="me", terms=Terms(since=NOON), anew=True)
    return job


# Polls


@pytest.mark.parametrize(
    "trouble",
    [
        says("<html>A timeout occurred</html>", 524),
        says({"message": "Inference not found"}, 404),
        says({"message": "Internal server error"}, 500),
        says("<html>Maintenance</html>", 200),
        says({}, 401),
        says({}, 403),
        says({}, 429),
        says([]),
        fails(httpx2.ReadError),
        fails(httpx2.ReadTimeout),
        fails(httpx2.ConnectError),
    ],
)
async def test_polls_that_fail_do_not_end_a_job(place: Place, trouble: Answer) -> None:
    place.upstream.polls = [trouble, status("generating"), trouble, trouble, completed()]
    job = await made(place)
    assert job.state is State.COMPLETED
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize("word", ["completed", "complete", "succeeded", "COMPLETED"])
@pytest.mark.parametrize("video", [{"url": LINK}, [{"url": LINK}], [LINK], LINK])
async def test_every_word_and_shape_of_success_brings_the_file(place: Place, word: str, video: object) -> None:
    place.upstream.polls = [status("queued"), status("generating"), status("queued"), status(word, video=video)]
    job = await made(place)
    assert (job.state, job.url) == (State.COMPLETED, LINK)


@pytest.mark.parametrize(
    ("answer", "name", "words"),
    [
        (status("error", error={"name": "policy", "message": "Not allowed."}), "policy", "Not allowed."),
        (status("error", error={"detail": [{"msg": "Not allowed."}]}), "generation_failed", "Not allowed."),
        (status("error", error="Not allowed."), "generation_failed", "Not allowed."),
        (status("error", error="Not\n\x1b[1m allowed."), "generation_failed", "Not \ufffd[1m allowed."),
        (status("cancelled"), "generation_failed", "cancelled"),
        (status("timeout"), "generation_failed", "timeout"),
    ],
)
async def test_a_failed_generation_is_a_free_failure_in_upstreams_words(
    place: Place, answer: Answer, name: str, words: str
) -> None:
    place.upstream.polls = [answer]
    async with place.open() as studio:
        job = await ended(studio)
        again = await studio.submit(a_request())
    failure = failure_of(job)
    assert (failure.name, failure.charged, job.price) == (name, "no", 0)
    assert f'"{words}"' in failure.message
    assert "not charged" in failure.message
    assert not again.reused


async def test_an_error_beside_a_word_that_means_something_else_is_doubted_once_or_twice(place: Place) -> None:
    odd = status("generating", error={"name": "internal", "message": "Try again."})
    place.upstream.polls = [odd, status("generating"), odd, status("generating"), odd, odd, completed()]
    assert (await made(place)).state is State.COMPLETED
    place.upstream.polls = [odd]
    async with place.open() as studio:
        assert failure_of(await studio.wait((await studio.submit(a_request("another"))).job, 10)).name == "internal"


async def test_a_word_that_nobody_knows_is_told_and_waited_out(place: Place) -> None:
    gate = Gate(completed())
    place.upstream.polls = [status("post-processing"), gate]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await gate.reached.wait()
        heard = await studio.known(order.job.id)
        gate.opened.set()
        job = await studio.wait(heard, 10)
    assert heard.note == 'upstream says "post-processing"'
    assert (job.state, job.note) == (State.COMPLETED, "")


async def test_a_link_that_no_database_takes_ends_the_job_and_not_the_watcher(place: Place) -> None:
    answer = rb'{"status": "completed", "video": "https://cdn.example/half-\ud83d.mp4"}'
    place.upstream.polls = [delivers(answer, "application/json")]
    place.upstream.files = [says({}, 404)]
    place.pace = HASTY
    async with place.open() as studio:
        assert failure_of(await ended(studio)).name == "link_expired"


async def test_a_link_that_comes_late_is_waited_for(place: Place) -> None:
    place.upstream.polls = [status("completed"), status("completed", video={}), completed()]
    assert (await made(place)).state is State.COMPLETED


async def test_a_completion_without_a_link_is_a_failure_that_can_be_asked_again_for_free(place: Place) -> None:
    place.upstream.polls = [status("completed", video={"url": None})]
    async with place.open() as studio:
        job = await ended(studio)
        failure = failure_of(job)
        assert (failure.name, failure.charged, job.price) == ("no_link", "yes", 1.56)
        assert "free of charge" in failure.message
        place.upstream.polls = []
        assert (await studio.wait(await studio.look_up(job.handle), 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


# Time


async def test_an_overdue_job_is_said_to_be_overdue_until_its_file_is_there(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await until_sent(studio, order.job)
        place.clock.forward(1001)
        job = order.job
        with anyio.fail_after(10):
            async for job in studio.follow(order.job, 10):
                if job.state is State.OVERDUE:
                    break
        place.upstream.polls = [status("generating"), status("queued"), completed()]
        assert (await studio.wait(job, 10)).state is State.COMPLETED


async def test_a_job_that_nothing_is_heard_of_for_two_days_is_given_up_but_can_be_asked_for(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await until_sent(studio, order.job)
        place.clock.forward(GIVE_UP_SECONDS + 1)
        job = await studio.wait(order.job, 10)
        assert (failure_of(job).name, failure_of(job).charged) == ("gave_up", "maybe")
        place.upstream.polls = [completed()]
        assert (await studio.wait(await studio.look_up(job.handle), 10)).state is State.COMPLETED


def test_polls_come_often_at_first_then_every_ten_seconds_then_seldom() -> None:
    pace, young, late = Pace(), a_job(state=State.GENERATING), a_job(state=State.OVERDUE)
    assert [pace.until_next_poll(young, elapsed) for elapsed in (0, 10, 40, 80, 900)] == [2, 2, 5, 10, 10]
    assert pace.until_next_poll(late, 2000) == 30
    assert replace(pace, fixed_poll=3).until_next_poll(late, 2000) == 3


# Files


async def test_an_expired_link_is_replaced_by_one_status_poll(place: Place) -> None:
    place.upstream.polls = [completed(), completed(FRESH)]
    place.upstream.files = [says(status=403), delivers(clip())]
    job = await made(place)
    assert job.state is State.COMPLETED
    assert [str(request.url) for request in place.upstream.downloads] == [LINK, FRESH]
    assert len(place.upstream.gets) == 2


async def test_the_key_goes_to_no_file_server(place: Place) -> None:
    place.upstream.files = [says(status=302, location="https://storage.example/x.mp4"), delivers(clip())]
    assert (await made(place)).state is State.COMPLETED
    assert {request.url.host for request in place.upstream.downloads} == {"cdn.example", "storage.example"}
    assert not any("authorization" in request.headers for request in place.upstream.downloads)


@pytest.mark.parametrize(
    "answer", [status("unknown", error={"name": "Gone", "message": "No more."}), status("expired")]
)
async def test_an_end_that_says_nothing_of_money_is_not_paid_for_again(place: Place, answer: Answer) -> None:
    place.upstream.polls = [answer]
    async with place.open() as studio:
        job = await ended(studio)
        studio.deliver(job)
        place.upstream.polls = []
        again = await studio.submit(a_request())
        assert (await studio.wait(again.job, 10)).state is State.COMPLETED
    assert (failure_of(job).charged, failure_of(job).recoverable, again.reused) == ("maybe", True, True)
    assert len(place.upstream.posts) == 1


async def test_a_step_that_keeps_crashing_ends_in_a_stated_failure_that_can_be_mended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect = fetching.media.inspect

    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("no decoder")

    monkeypatch.setattr(fetching.media, "inspect", crash)
    async with place.open() as studio:
        job = await ended(studio)
        assert (failure_of(job).name, failure_of(job).recoverable) == ("internal_error", True)
        monkeypatch.setattr(fetching.media, "inspect", inspect)
        assert (await studio.wait(await studio.look_up(job.handle), 10)).state is State.COMPLETED


@pytest.mark.parametrize(
    ("answer", "name", "downloads"),
    [
        (says(status=403), "link_expired", 10),
        (delivers(b"<html>Sign in</html>", "text/html"), "bad_file", 10),
        (delivers(b"half a video"), "damaged_file", 4),
    ],
)
async def test_a_file_that_upstream_does_not_give_is_asked_for_again_without_paying(
    place: Place, answer: Answer, name: str, downloads: int
) -> None:
    place.pace = HASTY
    place.upstream.files = [answer]
    async with place.open() as studio:
        job = await ended(studio)
        failure = failure_of(job)
        assert (failure.name, failure.charged, failure.recoverable, job.price) == (name, "yes", True, 1.56)
        assert "get_video_status tries again, free of charge" in failure.message
        assert len(place.upstream.downloads) in (downloads, downloads + 1)
        place.upstream.files = []
        again = await studio.submit(a_request())
        assert again.reused
        assert (await studio.wait(again.job, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_a_damaged_file_is_kept_and_a_whole_one_is_fetched_for_free(place: Place) -> None:
    place.upstream.files = [delivers(clip()[:5000])]
    async with place.open() as studio:
        job = await ended(studio)
        assert failure_of(job).name == "damaged_file"
        (kept,) = place.settings().output_dir.iterdir()
        assert kept.name.endswith(".damaged.mp4")
        place.upstream.files = []
        assert (await studio.wait(await studio.look_up(job.handle), 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_an_inspection_that_cannot_run_costs_the_facts_and_not_the_paid_video(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the inspection is the real one here
    monkeypatch.setattr(sys, "executable", str(place.folder / "uninstalled"))
    job = await made(place)
    assert job.state is State.COMPLETED
    assert job.file is not None
    assert job.file.path.read_bytes() == clip()
    assert (job.file.width, job.file.height, job.file.duration_seconds) == (160, 90, 1.0)
    assert (job.file.has_audio, job.file.loudness_lufs) == (True, None)
    assert "Picture and sound were not checked" in job.warnings[-1]
    assert len(downloads(place)) == 1


async def test_a_file_that_an_earlier_version_called_damaged_is_taken_once_it_decodes(place: Place) -> None:
    place.upstream.files = [delivers(clip()[:5000])] * 4 + [says(status=403)]
    async with place.open() as studio:
        job = await ended(studio)
        (kept,) = place.settings().output_dir.iterdir()
        kept.write_bytes(clip())
        whole = await studio.wait(await studio.look_up(job.handle), 10)
        assert whole.state is State.COMPLETED
        assert whole.file is not None
        assert list(place.settings().output_dir.iterdir()) == [whole.file.path]
    assert len(downloads(place)) == 4


async def test_a_damaged_file_that_cannot_be_opened_keeps_nobody_from_downloading(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect = fetching.media.inspect

    async def refused(path: Path, **options: Any) -> Any:
        if path.name.endswith(".damaged.mp4"):
            raise PermissionError(13, "Permission denied", str(path))
        return await inspect(path, **options)

    place.upstream.files = [delivers(clip()[:5000])] * 4 + [delivers(clip())]
    async with place.open() as studio:
        job = await ended(studio)
        monkeypatch.setattr(fetching.media, "inspect", refused)
        assert (await studio.wait(await studio.look_up(job.handle), 10)).state is State.COMPLETED
    assert len(downloads(place)) == 5


@pytest.mark.parametrize("says_length", [True, False])
async def test_a_file_that_comes_cut_a_few_times_is_not_the_end(place: Place, *, says_length: bool) -> None:
    length = {"content-length": str(len(clip()))} if says_length else {}

    async def half() -> AsyncGenerator[bytes]:
        yield clip()[: len(clip()) // 2]

    def cut(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "video/mp4", **length}, content=half())

    place.upstream.files = [cut, cut, cut, delivers(clip())]
    job = await made(place)
    assert job.file is not None
    assert job.file.path.read_bytes() == clip()
    assert list(place.settings().output_dir.iterdir()) == [job.file.path]


def downloads(place: Place) -> list[str]:
    return [str(request.url) for request in place.upstream.seen if request.url.path != GENERATIONS]


async def test_a_file_that_somebody_deleted_is_fetched_again_for_free(place: Place) -> None:
    async with place.open() as studio:
        job = await ended(studio)
        assert job.video is not None
        job.video.path.unlink()
        again = await studio.look_up(job.handle)
        assert again.state is State.DOWNLOADING
        assert (await studio.wait(again, 10)).video == job.video
        assert job.video.path.exists()
    assert len(place.upstream.posts) == 1


# Processes


async def test_a_job_left_running_is_watched_again_after_a_restart(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await until_sent(studio, order.job)
    place.upstream.polls = []
    async with place.open() as studio:
        assert (await studio.wait(await studio.known(order.job.id), 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.GENERATING, State.DOWNLOADING, State.OVERDUE])
async def test_a_job_whose_process_was_killed_is_taken_over_when_its_lease_has_run_out(
    place: Place, state: State
) -> None:
    job = await leave_behind(place, state=state, url=LINK)
    async with place.open() as studio:
        assert (await studio.wait(job, 10)).state is State.COMPLETED
    assert place.upstream.posts == []


async def test_a_job_that_a_living_process_tends_is_left_to_it(place: Place) -> None:
    gate = Gate(completed())
    place.upstream.polls = [gate, completed()]
    async with place.open() as first:
        order = await first.submit(a_request())
        await gate.reached.wait()
        async with place.open() as second:
            await anyio.sleep(3 * QUICK.beat)
            assert not second.watcher.is_tending(order.job)
            gate.opened.set()
            assert (await second.wait(order.job, 10)).state is State.COMPLETED
    assert len(place.upstream.gets) == 1


async def test_a_job_of_another_account_is_left_alone(place: Place) -> None:
    job = await leave_behind(place, account="aimlapi-another")
    async with place.open() as studio:
        await ended(studio)
    async with ledger_of(place) as store:
        assert await store.get(job.id, account=job.account) == job
    assert "left" not in place.upstream.gets


async def test_a_process_that_lost_its_job_writes_nothing_more(place: Place) -> None:
    gate = Gate(status("error", error="too late"))
    place.pace = replace(QUICK, beat=60)  # on a slow machine a beat would take the job back
    place.upstream.polls = [gate]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await gate.reached.wait()
        expire_leases(place)
        async with ledger_of(place) as store:
            (taken,) = await taken_over(store, account=order.job.account, owner="another")
        gate.opened.set()
        await until(lambda: not studio.watcher.is_tending(order.job))
        assert await studio.known(order.job.id) == taken


def expire_leases(place: Place) -> None:
    with closing(sqlite3.connect(place.settings().home / "jobs.sqlite3", timeout=10)) as connection, connection:
        connection.execute("UPDATE jobs SET lease_until = 0 WHERE owner IS NOT NULL")


@dataclass
class WallClock:
    now: float = 1000.0

    def time(self) -> float:
        return self.now


async def test_a_machine_that_wakes_up_gives_the_others_time_to_beat_before_it_takes_over(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wall = WallClock()
    monkeypatch.setattr(watcher, "time", wall)
    place.pace = replace(QUICK, beat=0.2)
    async with place.open() as studio:
        job = await leave_behind(place, owner="asleep too", lease=20)
        await studio.known(job.id)
        wall.now += 3600
        expire_leases(place)
        assert (await studio.wait(job, 10)).state is State.COMPLETED
    at = {message: record.created for record in caplog.records for message in [record.getMessage()]}
    awake = next(time for message, time in at.items() if message.startswith("awake after"))
    taken = next(time for message, time in at.items() if "taken over" in message)
    assert taken - awake > 0.1


async def test_a_ledger_in_trouble_ends_neither_the_watcher_nor_a_job(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    gate = Gate(completed())
    place.upstream.polls = [gate, completed()]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await gate.reached.wait()
        path = place.settings().home / "jobs.sqlite3"
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.opened.set()
            await until(lambda: caplog.text.count("is locked") > 3)
            other.execute("ROLLBACK")
        assert (await studio.wait(order.job, 10)).state is State.COMPLETED
        left = await leave_behind(place)
        assert (await studio.wait(left, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_a_step_that_breaks_is_logged_and_taken_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    inspect = fetching.media.inspect
    broken = iter([True, True])

    async def breaks(*args: Any, **options: Any) -> Any:
        if next(broken, False):
            raise RuntimeError("the decoder cannot be loaded")
        return await inspect(*args, **options)

    monkeypatch.setattr(fetching.media, "inspect", breaks)
    assert (await made(place)).state is State.COMPLETED
    assert caplog.text.count("a step failed while downloading") == 2


async def test_many_jobs_go_on_at_once_and_one_that_is_stuck_holds_up_nobody(place: Place) -> None:
    gate = Gate(completed())
    place.upstream.polls = [gate, completed()]
    async with place.open() as studio:
        stuck = await studio.submit(a_request("stuck"))
        await gate.reached.wait()
        others = [await studio.submit(a_request(str(number))) for number in range(5)]
        for order in others:
            assert (await studio.wait(order.job, 10)).state is State.COMPLETED
        assert studio.watcher.is_tending(stuck.job)
        gate.opened.set()
        assert (await studio.wait(stuck.job, 10)).state is State.COMPLETED


async def test_two_orders_that_are_answered_with_the_same_id_both_end_with_a_file(place: Place) -> None:
    place.upstream.orders = [accepts("same")]
    async with place.open() as studio:
        orders = [await studio.submit(a_request(), new_variant=True) for _ in range(2)]
        jobs = [await studio.wait(order.job, 10) for order in orders]
    assert [job.state for job in jobs] == [State.COMPLETED] * 2


async def test_listeners_hear_every_change_and_one_that_breaks_costs_nobody_else(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[State] = []

    async def breaks(job: Job) -> None:
        raise RuntimeError(job.id)

    async def listen(job: Job) -> None:
        heard.append(job.state)

    place.upstream.polls = [status("generating"), completed()]
    async with place.open() as studio:
        studio.watcher.listeners += [breaks, listen]
        await ended(studio)
    assert heard == [State.SUBMITTING, State.QUEUED, State.GENERATING, State.DOWNLOADING, State.COMPLETED]
    assert "somebody could not be told" in caplog.text


async def test_a_studio_that_only_reads_leaves_jobs_alone(place: Place) -> None:
    job = await leave_behind(place)
    async with place.open(watching=False) as studio:
        assert await studio.known(job.id) == job
    assert place.upstream.seen == []


async def test_what_is_not_finished_is_let_go_of_at_the_end(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await until_sent(studio, order.job)
    async with ledger_of(place) as store:
        taken = await taken_over(store, account=order.job.account, owner="next")
    assert [job.id for job in taken] == [order.job.id]


# Whose clock, and whose word


async def test_a_job_whose_owner_could_not_beat_for_a_while_is_left_to_it(place: Place) -> None:
    """The database was locked for longer than the lease, or the clock was set back: the owner lives and beats again."""
    gate = Gate(accepts("paid"))
    place.upstream.orders = [gate]
    async with place.open() as owner:
        order = await owner.submit(a_request())
        await gate.reached.wait()
        async with place.open() as other:
            for ago in (-26.0, 7200.0):
                with closing(sqlite3.connect(place.settings().home / "jobs.sqlite3", timeout=10)) as ledger:
                    ledger.execute("UPDATE jobs SET lease_until = lease_until + ?", (ago,))
                    ledger.commit()
                await anyio.sleep(0.3)  # six heartbeats
                assert (await other.known(order.job.id)).state is State.SUBMITTING
        gate.opened.set()
        assert (await owner.wait(order.job, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_a_clock_that_is_days_ahead_gives_no_paid_video_up(place: Place) -> None:
    place.upstream.polls = [*[status("generating")] * 5, completed()]
    async with place.open() as studio:
        order = await until_sent(studio, (await studio.submit(a_request())).job)
        place.clock.forward(3 * 86_400)
        assert (await studio.wait(order, 10)).state is State.COMPLETED


async def test_a_generation_that_is_called_failed_once_is_asked_after_again_before_the_order_is_free(
    place: Place,
) -> None:
    place.upstream.polls = [status("failed"), status("generating"), status("error", error="broken"), completed()]
    async with place.open() as studio:
        assert (await ended(studio)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_two_orders_that_share_an_id_can_both_be_asked_for(place: Place) -> None:
    place.upstream.orders = [accepts("same")]
    async with place.open() as studio:
        first = await studio.wait((await studio.submit(a_request("one"))).job, 10)
        second = await studio.wait((await studio.submit(a_request("two"))).job, 10)
        assert (first.handle, second.handle) == ("same", second.id)
        for job in (first, second):
            found = await studio.look_up(job.handle)
            assert (found.id, found.state) == (job.id, State.COMPLETED)


@pytest.mark.parametrize("code", [429, 503])
async def test_polls_wait_as_long_as_the_service_asks(place: Place, code: int) -> None:
    times: list[float] = []

    def asked(request: httpx2.Request) -> httpx2.Response:
        times.append(time.monotonic())
        return httpx2.Response(code, headers={"retry-after": "0.5"}, request=request)

    def done(request: httpx2.Request) -> httpx2.Response:
        times.append(time.monotonic())
        return httpx2.Response(200, json={"status": "completed", "video": {"url": LINK}}, request=request)

    place.upstream.polls = [asked, done]
    async with place.open() as studio:
        order = await until_sent(studio, (await studio.submit(a_request())).job)
        await until(lambda: len(times) == 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(studio.refresh, order)  # a caller who asks now
            other = await studio.submit(a_request("another"))  # another job of the same key
            assert (await studio.wait(other.job, 10)).state is State.COMPLETED
            assert (await studio.wait(order, 10)).state is State.COMPLETED
    assert times[1] - times[0] >= 0.49


DEEP = '{"error": {"message": ' + "[" * 900 + "]" * 900 + "}}"


@pytest.mark.parametrize(
    "trouble",
    [
        says(DEEP, 500),
        delivers(b'{"status": "generating"}', kind="application/json; charset=hex"),
        delivers(b"<p>busy</p>", kind="text/html; charset=idna"),
        says({"status": "generating"}, raw=[(b"x", b"\xff")]),
        says(None, 503, raw=[(b"location", b"\xff\xfe"), (b"retry-after", b"\xff")]),
    ],
    ids=["deep error", "charset hex", "charset idna", "byte in a header", "bytes in our headers"],
)
async def test_an_answer_that_breaks_our_code_is_one_bad_poll(place: Place, trouble: Answer) -> None:
    place.upstream.polls = [*[trouble] * 8, completed()]
    async with place.open() as studio:
        assert (await ended(studio)).state is State.COMPLETED


async def test_whatever_a_poll_raises_is_one_bad_poll(place: Place) -> None:
    def break_down(_: httpx2.Request) -> httpx2.Response:
        raise RuntimeError("a bug")

    place.upstream.polls = [*[break_down] * 8, completed()]
    async with place.open() as studio:
        assert (await ended(studio)).state is State.COMPLETED


async def test_a_generation_that_is_not_found_for_a_while_is_waited_for(place: Place) -> None:
    missing = says({"id": "", "status": "unknown", "error": {"name": "NotFound", "message": "Inference not found"}})
    place.upstream.polls = [*[missing] * 10, status("generating"), completed()]
    async with place.open() as studio:
        assert (await ended(studio)).state is State.COMPLETED


async def test_an_overdue_job_says_what_was_last_heard(place: Place) -> None:
    place.upstream.polls = [status("generating"), says({"message": "No such key."}, 401)]
    async with place.open() as studio:
        order = await until_sent(studio, (await studio.submit(a_request())).job)
        place.clock.forward(2000)
        async for job in studio.follow(order, 10):
            if job.state is State.OVERDUE and "API key" in job.note:
                break
        else:
            raise AssertionError("nothing was said")
