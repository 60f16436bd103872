"""Several processes on one ledger: together, one after the other, and one that was away for longer than its lease."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from processes import Scene, Server, until

from paid_service import Stage
from veo_mcp.results import VideoResult

PROMPT = "A kite above the dunes"
SLOW = pytest.mark.slow


async def all_at_once(scene: Scene, servers: int) -> tuple[list[Server], AsyncExitStack]:
    """Start the processes together, on a ledger that none of them finds made."""
    stack = AsyncExitStack()
    return [await stack.enter_async_context(scene.server()) for _ in range(servers)], stack


@pytest.mark.parametrize("processes", [2, pytest.param(8, marks=SLOW)])
async def test_processes_that_ask_for_the_same_pay_once_and_for_different_things_once_each(
    scene: Scene, processes: int
) -> None:
    videos: list[VideoResult] = []

    async def ask(server: Server, own: str) -> None:
        videos.append(await server.make(PROMPT))
        videos.append(await server.make(own))

    servers, stack = await all_at_once(scene, processes)
    async with stack:
        async with anyio.create_task_group() as tasks:
            for number, server in enumerate(servers):
                tasks.start_soon(ask, server, f"A kite of colour {number}")
        figures = await scene.prove(servers[-1])
    assert {video.status for video in videos} == {"completed"}
    assert len(scene.upstream.paid_for(PROMPT)) == 1
    assert (figures.ordered, figures.paid, figures.saved) == (processes + 1,) * 3


async def test_processes_can_open_a_new_ledger_at_the_same_moment(scene: Scene) -> None:
    place = "veo_mcp.store.database:Database.run"
    async with scene.server(stop=place) as one, scene.server(stop=place) as two, scene.server(stop=place) as three:
        servers = (one, two, three)
        for server in servers:
            await server.stands()
        for server in servers:
            server.go_on()
        for server in servers:
            assert await server.ledger() == []
    for server in servers:
        assert "WARNING" not in server.log.read_text()


async def test_a_living_process_takes_over_from_one_that_was_killed_without_being_asked(scene: Scene) -> None:
    gate = scene.upstream.gate("polled", PROMPT)
    async with scene.server() as survivor:
        async with scene.server() as server:
            await server.order(PROMPT)
            await until(gate.reached.is_set)
            server.kill()
        gate.open()
        await until(lambda: list(scene.videos.glob("*.mp4")))
        figures = await scene.prove(survivor)
    assert (figures.paid, figures.saved) == (1, 1)


async def test_a_job_under_way_is_watched_again_after_a_restart_without_being_asked(scene: Scene) -> None:
    scene.upstream.seconds = 2.0
    async with scene.server() as server:
        await server.order(PROMPT)
    assert not list(scene.videos.glob("*.mp4"))
    async with scene.server() as restarted:
        await until(lambda: list(scene.videos.glob("*.mp4")))
        figures = await scene.prove(restarted)
    assert (figures.paid, figures.saved) == (1, 1)


@SLOW
async def test_the_default_lease_runs_out_too(scene: Scene) -> None:
    gate = scene.upstream.gate("polled", PROMPT)
    async with scene.server(hurried=False) as survivor:
        async with scene.server(hurried=False) as server:
            await server.order(PROMPT)
            await until(gate.reached.is_set)
            server.kill()
        gate.open()
        await until(lambda: list(scene.videos.glob("*.mp4")))
        assert (await scene.prove(survivor)).saved == 1


@pytest.mark.parametrize("stage", ["half", pytest.param("polled", marks=SLOW)])
async def test_a_process_that_sleeps_past_its_lease_finds_its_job_done(scene: Scene, stage: Stage) -> None:
    gate = scene.upstream.gate(stage, PROMPT)
    async with scene.server() as sleeper, scene.server() as other:
        await sleeper.order(PROMPT)
        await until(gate.reached.is_set)
        sleeper.freeze()
        video = await other.make(PROMPT)
        assert (video.status, video.reused) == ("completed", True)
        gate.open()
        sleeper.thaw()
        assert (await sleeper.status(video.generation_id)).video == video.video
        await sleeper.has_said("somebody else looks after it")
        assert (await scene.prove(sleeper)).saved == 1
    assert [path.name for path in scene.videos.iterdir()] == [Path(video.video.path).name if video.video else ""]


@asynccontextmanager
async def asleep_at(scene: Scene, place: str) -> AsyncGenerator[tuple[Server, Server, tuple[str, str]]]:
    """Yield a process that was stopped at that place of an order, another one, and how that has ended the order."""
    async with (
        scene.server(stop=place) as sleeper,
        scene.server() as other,
        sleeper.calling("generate_and_wait", prompt=PROMPT, duration=4),
    ):
        await sleeper.stands()
        sleeper.freeze()
        (left,) = await other.ledger()
        assert left.error is not None
        yield sleeper, other, (left.status, left.error.charged)


async def test_a_process_that_sleeps_before_its_paid_call_does_not_make_it_after_another_has(scene: Scene) -> None:
    async with asleep_at(scene, "veo_mcp.store:Store.begin_sending") as (sleeper, other, left):
        assert left == ("failed", "no")
        assert (await other.make(PROMPT)).status == "completed"
        sleeper.go_on()
        sleeper.thaw()
        await sleeper.has_said("somebody else looks after it")
        assert (await scene.prove(other)).paid == 1


async def test_a_process_that_sleeps_right_before_its_request_leaves_does_not_send_it_afterwards(scene: Scene) -> None:
    async with asleep_at(scene, "veo_mcp.client:VeoClient._exchange") as (sleeper, _, left):
        assert left == ("unknown", "maybe")
        sleeper.go_on()
        sleeper.thaw()
        await sleeper.has_said("stood still")
        await sleeper.has_said("somebody else looks after it")
    assert scene.upstream.paid == []


@pytest.mark.parametrize("before", ["settled", "adopted", pytest.param("nothing", marks=SLOW)])
async def test_the_answer_to_a_paid_call_counts_however_late_it_comes(scene: Scene, before: str) -> None:
    gate = scene.upstream.gate("charged", PROMPT)
    async with (
        scene.server() as sleeper,
        scene.server() as other,
        sleeper.calling("generate_and_wait", prompt=PROMPT, duration=4),
    ):
        await until(gate.reached.is_set)
        sleeper.freeze()
        video = await other.make(PROMPT)
        assert video.status == "unknown"
        paid = scene.upstream.paid[0].id
        if before != "nothing":
            handle = f"{video.generation_id}={paid}" if before == "settled" else paid
            video = await other.status(handle, wait_seconds=30)
        gate.open()
        sleeper.thaw()
        await sleeper.has_said("somebody else looks after it" if before == "settled" else "completed")
        if before != "settled":
            video = await other.make(PROMPT)
        assert (video.status, video.prompt) == ("completed", PROMPT)
        assert video.generation_id == scene.upstream.paid[0].id
        assert (await scene.prove(other)).ordered == 1


@pytest.mark.parametrize("stage", ["arrived", *(pytest.param(stage, marks=SLOW) for stage in ("polled", "half"))])
async def test_a_cancelled_call_stops_the_waiting_and_never_the_job(scene: Scene, stage: Stage) -> None:
    gate = scene.upstream.gate(stage, PROMPT)
    async with scene.server() as server:
        with anyio.CancelScope() as scope:
            async with server.calling("generate_and_wait", prompt=PROMPT, duration=4):
                await until(gate.reached.is_set)
                scope.cancel()
        gate.open()
        await until(lambda: list(scene.videos.glob("*.mp4")))
        video = await server.make(PROMPT)
        assert (video.status, video.reused) == ("completed", True)
        assert (await scene.prove(server)).paid == 1
