"""The ledger is locked, full or gone for a while: no server and no job ends of it, and no paid id is dropped."""

import sys

import pytest
from databases import out_of_reach
from mcp.types import TextContent
from processes import Scene, until

from paid_service import Stage

PROMPT = "A ferry in the rain"
SLOW = pytest.mark.slow
TROUBLE = "The jobs database"


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("veo_mcp.store:Store.accept", id="before the id is recorded"),
        pytest.param("veo_mcp.store:Store.accept!", id="after the id is recorded"),
        pytest.param("veo_mcp.fetching:Fetching.fetch!", id="after the file is saved", marks=SLOW),
    ],
)
async def test_what_upstream_answered_outlives_a_ledger_that_is_out_of_reach(scene: Scene, place: str) -> None:
    async with (
        scene.server(stop=place) as server,
        server.calling("generate_and_wait", prompt=PROMPT, duration=4),
    ):
        await server.stands()
        with out_of_reach(scene.database):
            server.forget()
            server.go_on()
            await server.has_said(TROUBLE)
        video = await server.make(PROMPT)
        figures = await scene.prove(server)
    assert video.status == "completed"
    assert (figures.paid, figures.saved) == (1, 1)


async def test_a_refusal_stays_free_when_the_ledger_is_out_of_reach_as_it_comes(scene: Scene) -> None:
    scene.upstream.troubles["arrived", PROMPT].append("400")
    async with (
        scene.server(stop="veo_mcp.watcher:Watcher._save") as server,
        server.calling("generate_and_wait", prompt=PROMPT, duration=4),
    ):
        await server.stands()
        with out_of_reach(scene.database):
            server.forget()
            server.go_on()
            await server.has_said(TROUBLE)
        (job,) = await server.ledger()
    assert job.error is not None
    assert (job.status, job.error.name, job.error.charged) == ("failed", "bad_request", "no")


async def test_a_server_without_a_ledger_answers_sends_nothing_and_recovers(scene: Scene) -> None:
    async with scene.server() as server:
        assert (await server.make("first")).status == "completed"
        with out_of_reach(scene.database):
            refused = await server.call("create_video", prompt=PROMPT)
            await server.ping()
            await server.has_said(TROUBLE)
        said = refused.content[0]
        assert isinstance(said, TextContent)
        assert refused.is_error
        assert TROUBLE in said.text
        assert scene.upstream.posts(PROMPT) == 0
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server)).saved == 2


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit")
@pytest.mark.parametrize(
    "stage", ["downloading", *(pytest.param(stage, marks=SLOW) for stage in ("charged", "polled"))]
)
async def test_a_full_disk_delays_a_paid_video_and_loses_nothing(scene: Scene, stage: Stage) -> None:
    import resource  # noqa: PLC0415 - missing on Windows

    gate = scene.upstream.gate(stage, PROMPT)
    async with scene.server() as server, server.calling("generate_and_wait", prompt=PROMPT, duration=4):
        await until(gate.reached.is_set)
        full = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        server.forget()
        gate.open()
        await server.has_said("cannot be")
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, full)
        video = await server.make(PROMPT)
        if video.error is not None:
            assert "is then saved free of charge" in video.error.message
            video = await server.status(video.generation_id, wait_seconds=30)
        assert video.status == "completed"
        assert (await scene.prove(server)).saved == 1
