"""On stdio: the protocol and nothing else on stdout, a clean and prompt end, no network at the start."""

import signal
import sys
from pathlib import Path

import anyio
import pytest
from processes import Scene, until
from wire import Wire, processes_with, until_nobody_names, wired

from paid_service import Upstream

PROMPT = "A paper boat on a stream"
PROMPT_END_SECONDS = 8.0
"""Hosts give a server two seconds and kill it after two more; the rest is for a busy machine."""

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
ENDINGS = pytest.mark.parametrize("ending", ["stdin's end", "SIGTERM"])


@pytest.fixture
def scene(tmp_path: Path, upstream: Upstream) -> Scene:
    return Scene(tmp_path, upstream)


async def end(wire: Wire, ending: str) -> None:
    if ending == "SIGTERM":
        wire.tell_to_end()
    elif ending == "SIGKILL":
        wire.process.kill()
    else:
        await wire.hang_up()


@ENDINGS
async def test_an_idle_server_ends_cleanly(scene: Scene, ending: str) -> None:
    async with wired(scene) as wire:
        await wire.answer(await wire.ask("tools/list"))
        await end(wire, ending)
        assert await wire.ended(PROMPT_END_SECONDS) == 0


@ENDINGS
async def test_a_server_ends_cleanly_while_a_call_waits_and_the_job_goes_on_in_the_next(
    scene: Scene, ending: str
) -> None:
    gate = scene.upstream.gate("polled", PROMPT)
    async with wired(scene) as wire:
        await wire.call("generate_and_wait", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        await end(wire, ending)
        assert await wire.ended(PROMPT_END_SECONDS) == 0
    gate.open()
    async with scene.server() as server:
        video = await server.make(PROMPT)
        assert (video.status, video.reused) == ("completed", True)
        assert (await scene.prove(server)).paid == 1


@ENDINGS
async def test_a_server_ends_cleanly_while_the_folder_of_videos_does_not_answer(scene: Scene, ending: str) -> None:
    hang = scene.folder / "hang"
    async with wired(scene, E2E_HANG=str(hang)) as wire:
        made = await wire.answer(await wire.call("generate_and_wait", prompt=PROMPT, duration=4))
        hang.touch()
        await wire.call("get_video_status", generation_id=made["result"]["structuredContent"]["generation_id"])
        await until(hang.with_suffix(".asked").exists)
        await end(wire, ending)
        assert await wire.ended(PROMPT_END_SECONDS) == 0


@ENDINGS
async def test_a_paid_call_that_is_being_answered_is_recorded_before_the_end(scene: Scene, ending: str) -> None:
    gate = scene.upstream.gate("charged", PROMPT)
    ending_sign = scene.folder / "ending"
    async with wired(scene, E2E_TELL="veo_mcp.payer:Payer.hurry", E2E_SIGN=str(ending_sign)) as wire:
        await wire.call("create_video", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        await end(wire, ending)
        await until(ending_sign.exists)
        gate.open()
        assert await wire.ended(PROMPT_END_SECONDS) == 0
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        figures = await scene.prove(server)
        assert (figures.paid, figures.saved) == (1, 1)


@pytest.mark.slow
@ENDINGS
async def test_a_paid_call_that_is_not_answered_holds_the_end_up_for_seconds_and_is_stated(
    scene: Scene, ending: str
) -> None:
    gate = scene.upstream.gate("charged", PROMPT)
    async with wired(scene) as wire:
        await wire.call("create_video", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        await end(wire, ending)
        assert await wire.ended(25) == 0
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "unknown"
        figures = await scene.prove(server)
        assert (figures.paid, figures.stated) == (1, 1)


async def test_a_client_that_vanishes_with_both_pipes_leaves_no_process_and_no_loose_job(scene: Scene) -> None:
    gate = scene.upstream.gate("polled", PROMPT)
    async with wired(scene) as wire:
        await wire.call("generate_and_wait", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        assert wire.process.stdout is not None
        await wire.process.stdout.aclose()
        await wire.hang_up()
        with anyio.fail_after(PROMPT_END_SECONDS):
            await wire.process.wait()
    gate.open()
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server)).paid == 1


async def test_the_start_needs_no_network(scene: Scene) -> None:
    async with wired(scene, AIMLAPI_BASE_URL="http://192.0.2.1", E2E_NO_NETWORK="1") as wire:
        for method in ("tools/list", "prompts/list", "resources/templates/list", "ping"):
            assert "result" in await wire.answer(await wire.ask(method))
        assert "result" in await wire.answer(await wire.call("list_videos"))
        await wire.hang_up()
        assert await wire.ended(PROMPT_END_SECONDS) == 0


async def test_pings_and_other_calls_are_answered_while_a_call_waits(scene: Scene) -> None:
    gate = scene.upstream.gate("polled", PROMPT)
    async with wired(scene) as wire:
        waiting = await wire.call("generate_and_wait", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        for _ in range(5):
            assert "result" in await wire.answer(await wire.ask("ping"))
            assert "result" in await wire.answer(await wire.call("list_videos"))
        assert waiting not in [message.get("id") for message in wire.heard]
        gate.open()
        assert not (await wire.answer(waiting))["result"]["isError"]


async def test_a_cancelled_request_is_not_answered_and_its_video_arrives(scene: Scene) -> None:
    gate = scene.upstream.gate("arrived", PROMPT)
    async with wired(scene) as wire:
        cancelled = await wire.call("generate_and_wait", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        await wire.tell("notifications/cancelled", requestId=cancelled)
        assert "result" in await wire.answer(await wire.ask("ping"))
        gate.open()
        await until(lambda: list(scene.videos.glob("*.mp4")))
        again = await wire.answer(await wire.call("generate_and_wait", prompt=PROMPT, duration=4))
        assert again["result"]["structuredContent"]["reused"] is True
        answers = [message for message in wire.heard if message.get("id") == cancelled]
        assert [message for message in answers if "result" in message] == []
    assert len(scene.upstream.paid) == 1


@ON_LINUX
@pytest.mark.slow
async def test_the_sandbox_renders_without_a_word_on_stdout_or_a_ping_left_waiting(scene: Scene) -> None:
    async with wired(scene, VEO_MCP_BACKEND="sandbox", VEO_MCP_SANDBOX_SECONDS="1", PYTHONWARNINGS="always") as wire:
        waiting = await wire.call("generate_and_wait", prompt=PROMPT, duration=4, resolution="720p")
        await until(lambda: processes_with(scene.home, "sandbox.render"))
        for _ in range(20):
            await wire.answer(await wire.ask("ping"))
        assert processes_with(scene.home, "sandbox.render")
        made = (await wire.answer(waiting))["result"]["structuredContent"]
        assert (made["status"], made["backend"]) == ("completed", "sandbox")
        viewed = await wire.answer(await wire.call("view_video", generation_id=made["generation_id"]))
        assert [block["type"] for block in viewed["result"]["content"]] == ["text", "image"]
        await wire.hang_up()
        assert await wire.ended(PROMPT_END_SECONDS) == 0
    await until_nobody_names(scene.home)


@ON_LINUX
@pytest.mark.parametrize("ending", ["stdin's end", "SIGTERM", "SIGKILL"])
async def test_no_renderer_outlives_the_server(scene: Scene, ending: str) -> None:
    async with wired(scene, VEO_MCP_BACKEND="sandbox") as wire:
        await wire.call("create_video", prompt=PROMPT, duration=8)
        await until(lambda: processes_with(scene.home, "sandbox.render"))
        await end(wire, ending)
        assert await wire.ended(PROMPT_END_SECONDS) == (-signal.SIGKILL if ending == "SIGKILL" else 0)
    await until_nobody_names(scene.home)


@ON_LINUX
async def test_two_servers_with_one_home_render_a_video_once(scene: Scene) -> None:
    scene.environment = {"VEO_MCP_BACKEND": "sandbox", "VEO_MCP_SANDBOX_SECONDS": "1"}
    async with scene.server() as one, scene.server() as two:
        first = await one.order(PROMPT, resolution="720p")
        second = await two.make(PROMPT, resolution="720p")
        assert (second.generation_id, second.status, second.reused) == (first.generation_id, "completed", True)
        assert len(await one.ledger()) == 1
