"""The one paid call: never repeated where it may have arrived, repeated where it clearly did not."""

import logging
import socketserver
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import cast

import anyio
import httpx2
import pytest

from studios import NOON, PROMPT, Place, a_job, a_request, settings_of, until, until_sent
from upstream import Answer, Gate, accepts, busy, delivers, fails, says
from veo_mcp import client, payer
from veo_mcp.api import VideoRequest
from veo_mcp.errors import NotSent
from veo_mcp.jobs import Failure, Job, State
from veo_mcp.store import Database, Store, Terms, database
from veo_mcp.studio import Studio
from veo_mcp.wiring import open_studio

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
    [fails(httpx2.ConnectError), fails(httpx2.ConnectTimeout), busy(429), busy(503), busy(503, retry_after="0")],
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

    def not_now(request: httpx2.Request) -> httpx2.Response:
        times.append(time.monotonic())
        return cast("httpx2.Response", busy(status, retry_after="0.3")(request))

    def accept(_: httpx2.Request) -> httpx2.Response:
        times.append(time.monotonic())
        return httpx2.Response(200, json={"id": "gen"})

    place.upstream.orders = [not_now, accept]
    async with place.open() as studio:
        await ordered(studio)
    assert times[1] - times[0] >= 0.29


@pytest.mark.parametrize("headers", [{}, {"retry_after": "0"}])
async def test_an_order_that_the_service_puts_off_is_sent_three_times_and_then_costs_nothing(
    place: Place, headers: dict[str, str]
) -> None:
    place.upstream.orders = [busy(429, **headers)]
    failure = await failure_of(place)
    assert (failure.name, failure.charged) == ("rate_limited", "no")
    assert len(place.upstream.posts) == 3


@pytest.mark.parametrize(
    "answer", [says("<html>Service Unavailable</html>", 503), says("", 429, retry_after="0"), says({}, 409)]
)
async def test_an_order_that_a_gateway_answers_for_the_service_is_sent_once_and_counts_in_the_budget(
    place: Place, answer: Answer
) -> None:
    place.upstream.orders = [answer]
    async with place.open() as studio:
        job = await ordered(studio)
        page = await studio.page()
    assert job.failure is not None
    assert (job.state, job.failure.charged) == (State.UNKNOWN, "maybe")
    assert "Nothing was" not in job.failure.message
    assert (len(place.upstream.posts), page.spent_today_usd) == (1, 1.56)


@pytest.mark.parametrize(("status", "name"), [(429, "rate_limited"), (503, "unavailable")])
async def test_a_service_that_wants_too_much_patience_is_a_free_failure(place: Place, status: int, name: str) -> None:
    place.upstream.orders = [busy(status, "Slow down.", retry_after="3600"), accepts("later")]
    async with place.open() as studio:
        job = await ordered(studio)
        assert job.failure is not None
        assert (job.failure.name, job.failure.charged) == (name, "no")
        assert "Slow down." in job.failure.message
        assert "Nothing was ordered or charged" in job.failure.message
        again = await studio.submit(a_request())
        assert not again.reused
        assert (await until_sent(studio, again.job)).generation_id == "later"


async def test_an_address_that_cannot_be_reached_is_a_free_failure(place: Place) -> None:
    place.upstream.orders = [fails(httpx2.ConnectError)]
    failure = await failure_of(place)
    assert (failure.name, failure.charged) == ("unreachable", "no")
    assert "AIMLAPI_BASE_URL" in failure.message
    assert len(place.upstream.posts) == 3


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


@pytest.mark.parametrize(
    "answer",
    [
        says({"id": "paid"}, raw=[(b"x-served-by", b"caf\xe9")]),
        says({"id": "paid"}, raw=[(b"location", b"\xff"), (b"retry-after", b"\xff")]),
        delivers(b'{"id": "paid"}', kind="application/json; charset=hex"),
    ],
    ids=["a byte in a header", "bytes in headers that are kept", "an odd charset"],
)
async def test_a_paid_id_is_kept_whatever_is_wrong_with_the_rest_of_the_answer(place: Place, answer: Answer) -> None:
    place.upstream.orders = [answer]
    async with place.open() as studio:
        assert (await ordered(studio)).generation_id == "paid"


DEEP = '{"error": {"message": ' + "[" * 900 + "]" * 900 + "}}"


@pytest.mark.parametrize("answer", [says(DEEP, 500), says(DEEP, 403), says(DEEP, 200)], ids=["500", "403", "200"])
async def test_an_answer_that_breaks_our_code_is_an_unknown_outcome_and_its_beginning_is_logged(
    place: Place, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    place.upstream.orders = [answer]
    async with place.open() as studio:
        job = await ordered(studio)
    assert job.state is State.UNKNOWN
    assert "{'error': {'message': [[[" in caplog.text
    assert len(place.upstream.posts) == 1


async def test_a_bug_in_reading_the_paid_answer_is_an_unknown_outcome(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(client, "read_generation", break_down)
    place.upstream.orders = [says({"id": "paid", "prompt": PROMPT})]
    async with place.open() as studio:
        job = await ordered(studio)
    assert job.state is State.UNKNOWN
    assert "'id':'paid','prompt':'[prompt]'" in caplog.text
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"timestamp": "2026-11-23T12:00:00Z", "path": "/v2/video/generations", "status": 503, "requestId": "1",
         "error": "Service Unavailable", "message": "response timeout"},
        {"error": {"code": "unavailable", "message": "Not now.", "request_id": "1"}},
        {"statusCode": 503, "message": "Service Unavailable"},
    ],
    ids=["Spring", "half an envelope", "NestJS"],
)  # fmt: skip
async def test_a_503_that_only_resembles_the_services_own_is_sent_once(place: Place, body: object) -> None:
    place.upstream.orders = [says(body, 503)]
    async with place.open() as studio:
        assert (await ordered(studio)).state is State.UNKNOWN
    assert len(place.upstream.posts) == 1


async def test_an_own_no_that_is_not_to_be_repeated_is_a_free_failure_at_once(place: Place) -> None:
    error = {"code": "unavailable", "message": "Not now.", "retryable": False, "request_id": "1"}
    place.upstream.orders = [says({"error": error}, 503)]
    assert (await failure_of(place)).charged == "no"
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize("usd", [0, 99.0])
async def test_a_price_far_from_the_estimate_neither_passes_nor_blocks_the_budget(place: Place, usd: float) -> None:
    place.upstream.orders = [accepts("gen", meta={"usage": {"usd_spent": usd}})]
    async with place.open() as studio:
        await ordered(studio)
        assert (await studio.page()).spent_today_usd == 1.56


class Whole(httpx2.AsyncByteStream):
    """A whole answer on a connection that breaks before it says so."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"id": "paid", "status": "queued"}'
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


async def test_an_id_that_came_whole_is_kept_though_the_connection_breaks_after_it(place: Place) -> None:
    place.upstream.orders = [lambda _: httpx2.Response(200, stream=Whole())]
    async with place.open() as studio:
        assert (await ordered(studio)).generation_id == "paid"


# The last moment before the request


class StandsStill:
    """The clocks of a process that stands still for half a minute once its call is noted in the ledger."""

    def __init__(self, *, wall: float, own: float) -> None:
        self.readings = 0
        self.wall, self.own = wall, own

    def time(self) -> float:
        self.readings += 1
        return time.time() + (self.wall if self.readings > 1 else 0)

    def monotonic(self) -> float:
        return time.monotonic() + (self.own if self.readings > 1 else 0)


@pytest.mark.parametrize(("wall", "own"), [(30.0, 30.0), (30.0, 0.0), (-7200.0, 30.0)])
async def test_a_process_that_stood_still_before_its_paid_call_does_not_make_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, wall: float, own: float
) -> None:
    monkeypatch.setattr(payer, "ATTEMPTS", 1)
    monkeypatch.setattr(payer, "time", StandsStill(wall=wall, own=own))
    failure = await failure_of(place)
    assert failure.charged == "no"
    assert place.upstream.posts == []


def a_service(app_answers: list[bytes], heard: list[tuple[int, bytes]]) -> socketserver.ThreadingTCPServer:
    """Return a server on loopback that notes what each connection sends, and keeps its connections open."""
    numbers = count()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            number = next(numbers)
            while request := self.rfile.readline():
                length = 0
                while line := self.rfile.readline().strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                self.rfile.read(length)
                heard.append((number, request.split()[0]))
                body = app_answers.pop(0)
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                self.wfile.write(b"content-length: %d\r\n\r\n" % len(body) + body)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


async def test_a_paid_call_never_goes_out_on_a_connection_that_stood_idle(tmp_path: Path) -> None:
    heard: list[tuple[int, bytes]] = []
    with a_service([b'{"status": "queued"}', b'{"id": "a"}', b'{"status": "queued"}', b'{"id": "b"}'], heard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        async with open_studio(settings_of(tmp_path, base_url=origin), watching=False) as studio:
            sending = studio.adoption.client
            await sending.retrieve("x")
            await sending.create(a_request(), request_id="1")
            await sending.retrieve("x")
            await sending.create(a_request(), request_id="2")
        server.shutdown()
    assert heard == [(0, b"GET"), (1, b"POST"), (0, b"GET"), (2, b"POST")]


async def test_what_is_raised_at_the_last_moment_keeps_the_request_from_leaving(tmp_path: Path) -> None:
    heard: list[tuple[int, bytes]] = []

    def too_late() -> None:
        raise NotSent("too late")

    with a_service([b'{"id": "a"}'], heard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        async with open_studio(settings_of(tmp_path, base_url=origin), watching=False) as studio:
            with pytest.raises(NotSent, match="too late"):
                await studio.adoption.client.create(a_request(), request_id="1", before_sending=too_late)
        server.shutdown()
    assert heard == []


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
    await ledger.claim(job, owner="killed", lease=-1, caller="me", terms=Terms(since=NOON - timedelta(days=1)))
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
    place.upstream.orders = [busy(429, f"{PROMPT} is a fine prompt"), accepts("gen")]
    async with place.open() as studio:
        job = await studio.wait((await studio.submit(a_request())).job, 10)
    assert job.state is State.COMPLETED
    told = "\n".join(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG)
    assert 'ordered as "gen"' in told
    assert "lighthouse" not in told.lower()
    assert place.settings().api_key is not None
    assert "0123456789abcdef" not in caplog.text
