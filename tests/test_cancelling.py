"""An order that its caller cancels before anything was sent ends free of charge, unless somebody else wants it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from studios import MODES, PROMPT, QUICK, Mode, Place, a_request, fields_of, until
from task_client import TaskClient, ask, order
from upstream import Gate, accepts, busy
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import Job, State
from veo_mcp.store import Store
from veo_mcp.studio import Studio

pytestmark = pytest.mark.parametrize("mode", MODES)
TOOLS = pytest.mark.parametrize("tool", ["create_video", "generate_and_wait"])


@pytest.fixture(autouse=True)
def patient(place: Place) -> None:
    """Have the service put the first call off for half a second."""
    place.pace = replace(QUICK, retry=0.1)
    place.upstream.orders = [busy(429, retry_after="0.5"), accepts("paid")]


def studio_in(place: Place) -> Studio:
    assert place.studio is not None
    return place.studio


def waiters(studio: Studio, job: Job) -> int:
    return sum(number for (job_id, _), number in studio.waiters.items() if job_id == job.id)


async def put_off(place: Place) -> Job:
    """Return the order once the service has put it off."""
    await until(lambda: len(place.upstream.seen) > 0)
    with anyio.fail_after(10):
        while True:
            (job,) = (await studio_in(place).page()).jobs
            if "Trying again" in job.note:
                return job
            await anyio.sleep(0.005)


async def ended(place: Place, job: Job) -> Job:
    return await studio_in(place).wait(job, 10)


@TOOLS
async def test_an_order_that_is_cancelled_while_the_service_puts_it_off_is_never_paid(
    place: Place, mode: Mode, tool: str
) -> None:
    async with place.connect(mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, tool, {"prompt": PROMPT})
            await put_off(place)
            tasks.cancel_scope.cancel()
        (job,) = (await studio_in(place).page()).jobs
        job = await ended(place, job)
        assert job.failure is not None
        assert (job.state, job.failure.name, job.failure.charged) == (State.FAILED, "cancelled", "no")
        await anyio.sleep(0.6)
        assert len(place.upstream.posts) == 1
        again = fields_of(await client.call_tool("generate_and_wait", {"prompt": PROMPT}))
    assert (again["status"], again["reused"]) == ("completed", False)


async def test_an_order_that_is_cancelled_just_before_the_service_puts_it_off_is_never_paid(
    place: Place, mode: Mode
) -> None:
    gate = Gate(busy(429))
    place.upstream.orders = [gate, accepts("paid")]
    async with place.connect(mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
            await gate.reached.wait()
            tasks.cancel_scope.cancel()
        (job,) = (await studio_in(place).page()).jobs
        gate.opened.set()
        assert (await ended(place, job)).state is State.FAILED
    assert len(place.upstream.posts) == 1


@TOOLS
async def test_an_order_that_somebody_else_waits_for_is_made_although_one_caller_cancels(
    place: Place, mode: Mode, tool: str
) -> None:
    async with place.connect(mode) as client, anyio.create_task_group() as others:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
            job = await put_off(place)
            others.start_soon(client.call_tool, tool, {"prompt": PROMPT})
            studio = studio_in(place)
            await until(lambda: waiters(studio, job) == 2)
            tasks.cancel_scope.cancel()
        (job,) = (await studio_in(place).page()).jobs
        assert (await ended(place, job)).state is State.COMPLETED
    assert len(place.upstream.posts) == 2


async def test_an_order_that_is_cancelled_and_wanted_again_in_time_is_made(place: Place, mode: Mode) -> None:
    gate = Gate(busy(429))
    place.upstream.orders = [gate, accepts("paid")]
    async with place.connect(mode) as client, anyio.create_task_group() as others:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
            await gate.reached.wait()
            tasks.cancel_scope.cancel()
        studio = studio_in(place)
        (job,) = (await studio.page()).jobs
        await until(lambda: waiters(studio, job) == 0)
        others.start_soon(client.call_tool, "generate_and_wait", {"prompt": PROMPT})
        await until(lambda: waiters(studio, job) == 1)
        gate.opened.set()
        assert (await ended(place, job)).state is State.COMPLETED
    assert len(place.upstream.posts) == 2


async def test_an_order_that_is_cancelled_while_others_are_being_sent_is_never_paid(place: Place, mode: Mode) -> None:
    gate = Gate(accepts("first"))
    place.upstream.orders = [gate, accepts("second")]
    async with place.connect(mode) as client:
        studio = studio_in(place)
        studio.payer.turns.total_tokens = 1
        async with anyio.create_task_group() as first:
            first.start_soon(client.call_tool, "create_video", {"prompt": "one"})
            await gate.reached.wait()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
                await until(lambda: studio.payer.turns.statistics().tasks_waiting == 1)
                tasks.cancel_scope.cancel()
            await until(lambda: sum(studio.waiters.values()) == 1)
            gate.opened.set()
        job = next(job for job in (await studio.page()).jobs if job.request == a_request())
        assert (await ended(place, job)).state is State.FAILED
    assert [post["prompt"] for post in place.upstream.posts] == ["one"]


async def test_an_order_that_is_cancelled_while_the_database_is_away_is_never_paid(
    place: Place, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise LedgerError("away")

    async with place.connect(mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
            await put_off(place)
            monkeypatch.setattr(Store, "withdraw", away)
            tasks.cancel_scope.cancel()
        (job,) = (await studio_in(place).page()).jobs
        assert (await ended(place, job)).state is State.FAILED
    assert len(place.upstream.posts) == 1


@asynccontextmanager
async def left_to_another_process(place: Place, mode: Mode) -> AsyncGenerator[tuple[Studio, Job]]:
    """Yield a process that has ordered the same, and the job, once the first caller has cancelled."""
    async with place.connect(mode) as client, place.open() as other:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
            await put_off(place)
            assert (await other.submit(a_request())).reused
            tasks.cancel_scope.cancel()
        (job,) = (await other.page()).jobs
        yield other, job


async def test_an_order_of_another_process_is_made_although_the_first_caller_cancels(place: Place, mode: Mode) -> None:
    async with left_to_another_process(place, mode) as (other, job):
        assert (await other.wait(job, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 2


async def test_an_order_that_its_callers_in_two_processes_cancel_is_never_paid(place: Place, mode: Mode) -> None:
    async with left_to_another_process(place, mode) as (other, job):
        await other.withdraw(job)
        done = await other.wait(job, 10)
        assert done.failure is not None
        assert (done.state, done.failure.name, done.failure.charged) == (State.FAILED, "cancelled", "no")
    assert len(place.upstream.posts) == 1


async def test_a_caller_who_orders_what_is_just_being_cancelled_gets_the_video(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        job = (await studio_in(place).submit(a_request())).job
        await put_off(place)
        studio_in(place).payer.withdraw(job)
        again = fields_of(await client.call_tool("generate_and_wait", {"prompt": PROMPT}))
    assert (again["status"], len(place.upstream.posts)) == ("completed", 2)


async def test_a_task_that_is_cancelled_ends_its_unsent_order_and_one_that_is_not_keeps_it(
    place: Place, mode: Mode
) -> None:
    if mode == "legacy":
        pytest.skip("tasks came with 2026-07-28")
    tasks = TaskClient()
    async with place.connect(client={"extensions": [tasks]}) as client:
        first = await order(client, PROMPT)
        job = await put_off(place)
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
            studio = studio_in(place)
            await until(lambda: waiters(studio, job) == 1)
            calls.cancel_scope.cancel()
        await ask(client, "tasks/cancel", first["taskId"])
        assert (await ended(place, job)).state is State.FAILED
    assert len(place.upstream.posts) == 1


async def test_a_caller_who_only_looked_does_not_cancel_somebodys_order(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        job = (await studio_in(place).submit(a_request())).job
        await put_off(place)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "get_video_status", {"generation_id": job.id, "wait_seconds": 10})
            studio = studio_in(place)
            await until(lambda: waiters(studio, job) == 1)
            tasks.cancel_scope.cancel()
        assert (await ended(place, job)).state is State.COMPLETED
