"""The one paid call: never repeated where it may have arrived, repeated where it clearly did not."""

import logging
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import anyio
import httpx2
import pytest

from studios import NOON, PROMPT, Place, a_job, a_request, until, until_sent
from upstream import Answer, Gate, accepts, fails, says
from veo_mcp import payer
from veo_mcp.api import VideoRequest
from veo_mcp.jobs import Failure, Job, State
from veo_mcp.store import Database, Store, database
from veo_mcp.studio import Studio

CAPITALS = "Body validation error! resolution: Invalid enum value. Expected '720P' | '1080P', received '720p'"


async def ordered(studio: Studio, request: VideoRequest | None = None) -> Job:
    """Order a video and return the job once the paid call is over and done with."""
    order = await studio.submit(request or a_request())
    return await until_sent(studio, order.job)


async def failure_of(place: Place, request: VideoRequest | None = None) -> Failure:
    async with place.open() as studio:
        job = await ordered(studio, request)
    assert job.failure is not None
    assert (job.failure.charged == "no") == (job.state is State.FAILED)
    assert job.price == (0 if job.state is State.FAILED else 1.56)
    return job.failure


@pytest.mark.parametrize(
    "answer",
    [
        fails(httpx2.ReadTimeout),
        fails(httpx2.WriteTimeout),
        fails(httpx2.ReadError),
        fails(httpx2.RemoteProtocolError),
        says({"message": "Internal server error"}, 500),
        says("<html>Bad gateway</html>", 502),
        says("<html>A timeout occurred</html>", 524),
        says("<html>Hello</html>", 200),
        says({"status": "queued"}, 201),
    ],
)
async def test_a_call_that_may_have_arrived_is_never_repeated(place: Place, answer: Answer) -> None:
    place.upstream.orders = [answer, accepts("second")]
    async with place.open() as studio:
        job = await ordered(studio)
        again = await studio.submit(a_request())
    assert job.failure is not None
    assert (job.state, job.failure.name, job.failure.charged) == (State.UNKNOWN, "unknown_outcome", "maybe")
    assert (again.job.id, again.reused) == (job.id, True)
    assert len(place.upstream.posts) == 1
    for hint in (job.id, "new_variant=true", "never sent again by itself"):
        assert hint in job.failure.message


@pytest.mark.parametrize("restarts", [1, 3])
async def test_an_unknown_outcome_is_not_sent_by_a_restart_either(place: Place, restarts: int) -> None:
    place.upstream.orders = [fails(httpx2.ReadError)]
    async with place.open() as studio:
        await ordered(studio)
    for _ in range(restarts):
        async with place.open() as studio:
            (job,) = (await studio.page()).jobs
            assert job.state is State.UNKNOWN
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [fails(httpx2.ConnectError), fails(httpx2.ConnectTimeout), says({}, 429), says({}, 503), says("<html/>", 503)],
)
async def test_a_call_that_clearly_did_not_arrive_is_repeated(place: Place, answer: Answer) -> None:
    place.upstream.orders = [answer, answer, accepts("third")]
    async with place.open() as studio:
        job = await ordered(studio)
    assert job.generation_id == "third"
    assert len(place.upstream.posts) == 3


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_for(place: Place, status: int) -> None:
    times: list[float] = []

    def busy(_: httpx2.Request) -> httpx2.Response:
        times.append(time.monotonic())
        return httpx2.Response(status, headers={"retry-after": "0.3"})

    def accept(_: httpx2.Request) -> httpx2.Response:
        times.append(time.monotonic())
        return httpx2.Response(200, json={"id": "gen"})

    place.upstream.orders = [busy, accept]
    async with place.open() as studio:
        await ordered(studio)
    assert times[1] - times[0] >= 0.29


async def test_a_service_that_says_at_once_is_not_called_without_a_pause(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payer, "BUSY_SECONDS", 0.3)
    place.upstream.orders = [says({}, 429, retry_after="0")]
    failure = await failure_of(place)
    assert failure.name == "rate_limited"
    assert len(place.upstream.posts) <= 31


@pytest.mark.parametrize(("status", "name"), [(429, "rate_limited"), (503, "unavailable")])
async def test_a_service_that_wants_too_much_patience_is_a_free_failure(place: Place, status: int, name: str) -> None:
    place.upstream.orders = [says({"message": "Slow down."}, status, retry_after="3600"), accepts("later")]
    async with place.open() as studio:
        job = await ordered(studio)
        assert job.failure is not None
        assert (job.failure.name, job.failure.charged) == (name, "no")
        assert "Slow down." in job.failure.message
        assert "Nothing was ordered or charged" in job.failure.message
        again = await studio.submit(a_request())
        assert not again.reused
        assert (await until_sent(studio, again.job)).generation_id == "later"


async def test_an_address_that_cannot_be_reached_is_a_free_failure(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payer, "UNREACHABLE_SECONDS", 0.1)
    place.upstream.orders = [fails(httpx2.ConnectError)]
    failure = await failure_of(place)
    assert (failure.name, failure.charged) == ("unreachable", "no")
    assert "AIMLAPI_BASE_URL" in failure.message
    assert 1 < len(place.upstream.posts) < 10


@pytest.mark.parametrize(
    ("status", "words", "name", "advice"),
    [
        (400, "Bad.", "bad_request", "does not take this request"),
        (401, "No key.", "unauthorized", "set AIMLAPI_API_KEY"),
        (402, "Pay.", "forbidden", "credits"),
        (403, "You've run out of credits.", "out_of_credits", "top it up"),
        (403, "This API key has reached its spending limit.", "key_limit", "own limit is reached"),
        (404, "Cannot POST", "not_found", "does not know"),
    ],
)
async def test_a_refused_order_is_a_free_failure_that_says_what_to_do(
    place: Place, status: int, words: str, name: str, advice: str
) -> None:
    place.upstream.orders = [says({"message": words}, status)]
    failure = await failure_of(place)
    assert (failure.name, failure.charged) == (name, "no")
    assert f'The service said: "{words}"' in failure.message
    assert advice in failure.message
    assert "Nothing was charged." in failure.message
    assert len(place.upstream.posts) == 1


async def test_fields_that_the_service_no_longer_takes_are_named(place: Place) -> None:
    message = "Body validation error! Unrecognized key(s) in object: 'seed', 'negative_prompt'"
    place.upstream.orders = [says({"message": message}, 400)]
    failure = await failure_of(place, a_request("The prompt, a seed", seed=7, negative_prompt="fog", duration=8))
    assert "Call again without `negative_prompt`, `seed`, or with a value" in failure.message


async def test_a_letter_case_is_learned_once_and_the_refusal_costs_nothing(place: Place) -> None:
    place.upstream.orders = [says({"message": CAPITALS}, 400), accepts("first"), accepts("second")]
    async with place.open() as studio:
        first = await ordered(studio, a_request("one", resolution="720p"))
        await ordered(studio, a_request("two", resolution="720p"))
        assert (await studio.page()).spent_today_usd == 3.12
    assert first.generation_id == "first"
    assert [post["resolution"] for post in place.upstream.posts] == ["720p", "720P", "720P"]


# Being told to end


@asynccontextmanager
async def ending(place: Place, gate: Gate) -> AsyncGenerator[None]:
    """Order a video, and tell the studio to end while the paid call is on its way; inside the block it is ending."""
    place.upstream.orders = [gate]

    async def work() -> None:
        async with place.open() as studio:
            await studio.submit(a_request())
            await gate.reached.wait()
            scope.cancel()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        scope = tasks.cancel_scope
        tasks.start_soon(work)
        with anyio.CancelScope(shield=True):
            await gate.reached.wait()
            yield


async def test_a_server_that_ends_still_takes_the_answer_to_a_call_that_is_paid_for(place: Place) -> None:
    gate = Gate(accepts("paid"))
    async with ending(place, gate):
        gate.opened.set()
    async with place.open() as studio:
        (job,) = (await studio.page()).jobs
        assert (job.generation_id, job.request) == ("paid", a_request())
        assert (await studio.wait(job, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1


async def test_a_server_that_ends_does_not_wait_for_ever_and_sends_nothing_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payer, "GRACE_SECONDS", 0.05)
    gate = Gate(accepts("too late"))
    async with ending(place, gate):
        pass
    async with place.open() as studio:
        (job,) = (await studio.page()).jobs
        assert (await studio.wait(job, 10)).state is State.UNKNOWN
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize(
    ("sent_at", "state", "name"),
    [(None, State.FAILED, "interrupted"), (NOON, State.UNKNOWN, "unknown_outcome")],
)
async def test_a_process_that_died_while_ordering_leaves_a_job_that_says_whether_it_was_sent(
    place: Place, sent_at: None, state: State, name: str
) -> None:
    settings = place.settings()
    ledger = Store(Database(settings.home / "jobs.sqlite3"))
    job = a_job(account=settings.account, sent_at=sent_at)
    await ledger.claim(job, owner="killed", lease=-1, since=NOON - timedelta(days=1), limit_usd=None, anew=False)
    async with place.open() as studio:
        settled = await studio.wait(job, 10)
        claimed = await ledger.claimed(job.fingerprint or "")
    await ledger.close()
    assert settled.failure is not None
    assert (settled.state, settled.failure.name) == (state, name)
    assert (claimed is None) == (state is State.FAILED)
    assert place.upstream.posts == []


async def test_the_id_of_a_paid_call_outlives_a_ledger_that_is_locked(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    gate = Gate(accepts("paid"))
    place.upstream.orders = [gate]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await gate.reached.wait()
        path = place.settings().home / "jobs.sqlite3"
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.opened.set()
            await until(lambda: "kept in memory" in caplog.text)
            other.execute("ROLLBACK")
        job = await studio.wait(order.job, 10)
    assert (job.state, job.generation_id) == (State.COMPLETED, "paid")
    assert len(place.upstream.posts) == 1


async def test_the_log_tells_what_happened_without_prompt_or_key(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place.upstream.orders = [says({"message": f"{PROMPT} is a fine prompt"}, 429), accepts("gen")]
    async with place.open() as studio:
        job = await studio.wait((await studio.submit(a_request())).job, 10)
    assert job.state is State.COMPLETED
    told = "\n".join(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG)
    assert 'ordered as "gen"' in told
    assert "lighthouse" not in told.lower()
    assert place.settings().api_key is not None
    assert "0123456789abcdef" not in caplog.text
