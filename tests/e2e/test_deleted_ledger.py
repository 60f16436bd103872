"""Somebody deletes the database, or files of it, while servers use it: no order is paid twice, no video is lost."""

import os
from pathlib import Path

import anyio
import pytest
from processes import Scene, until

from paid_service import Stage, Upstream
from veo_mcp.results import VideoResult

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of open files"),
]

LOST = {
    "the database": [""],
    "the database and its side files": ["", "-wal", "-shm"],
    "the log and its index": ["-wal", "-shm"],
    "the log": ["-wal"],
    "the index": ["-shm"],
}
PROMPTS = ["A ferry in the rain", "A ferry in the snow"]


@pytest.fixture
def scene(tmp_path: Path, upstream: Upstream) -> Scene:
    return Scene(tmp_path, upstream, lease=10)


def delete(scene: Scene, endings: list[str]) -> None:
    for ending in endings:
        Path(f"{scene.database}{ending}").unlink()


@pytest.mark.parametrize("stage", ["charged", "polled", "half"])
@pytest.mark.parametrize("endings", list(LOST.values()), ids=list(LOST))
async def test_a_paid_video_comes_home_though_the_database_is_deleted(
    scene: Scene, endings: list[str], stage: Stage
) -> None:
    gates = [scene.upstream.gate(stage, prompt) for prompt in PROMPTS]
    async with scene.server() as one, scene.server() as two:
        async with anyio.create_task_group() as tasks:
            for server, prompt in zip((one, two), PROMPTS, strict=True):
                tasks.start_soon(server.make, prompt)
            for gate in gates:
                await until(gate.reached.is_set)
            delete(scene, endings)
            for server, prompt in zip((two, one), PROMPTS, strict=True):
                tasks.start_soon(server.make, prompt)
            scene.upstream.open_all()
        for prompt in PROMPTS:
            assert len(scene.upstream.paid_for(prompt)) == 1
        assert (await scene.prove(two)).saved == len(PROMPTS)
    async with scene.server() as three:
        assert {video.prompt for video in await three.ledger()} == set(PROMPTS)
        assert (await scene.prove(three)).saved == len(PROMPTS)


@pytest.mark.parametrize("endings", list(LOST.values()), ids=list(LOST))
async def test_identical_orders_at_two_servers_are_charged_once_though_the_database_is_deleted_between(
    scene: Scene, endings: list[str]
) -> None:
    prompt = PROMPTS[0]
    async with scene.server() as one, scene.server() as two:
        await two.ledger()
        await one.order(prompt)
        delete(scene, endings)
        async with anyio.create_task_group() as tasks:
            for server in (one, two):
                tasks.start_soon(server.order, prompt)
        assert (await two.make(prompt)).status == "completed"
        assert len(scene.upstream.paid_for(prompt)) == 1
        assert (await scene.prove(one)).saved == 1


async def test_an_order_whose_claim_was_deleted_before_the_paid_call_is_not_paid_beside_anothers(scene: Scene) -> None:
    prompt = PROMPTS[0]
    async with (
        scene.server(stop="veo_mcp.store:Store.begin_sending") as one,
        one.calling("generate_and_wait", prompt=prompt, duration=4) as answers,
    ):
        await one.stands()
        one.freeze()
        delete(scene, ["", "-wal", "-shm"])
        async with scene.server() as two:
            assert (await two.order(prompt)).status != "failed"
            one.thaw()
            one.go_on()
            await until(lambda: answers)
            error = VideoResult.model_validate(answers[0].structured_content).error
            assert error is not None
            assert error.charged == "no"
            assert "Nothing was sent or charged" in error.message
            assert (await one.make(prompt)).status == "completed"
            assert len(scene.upstream.paid_for(prompt)) == 1
            assert (await scene.prove(two)).saved == 1
