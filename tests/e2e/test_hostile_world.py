"""People, programs and clocks at their worst: one test for each trouble, and for what the user would lose by it."""

import sys
from pathlib import Path

import anyio
import pytest
import world
from databases import out_of_reach
from processes import Scene, until

from veo_mcp.results import VideoResult

PROMPT = "A heron in the reeds"
OTHER = "A heron above the lake"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted")]

FAST_CLOCKS = [pytest.param("259200", id="three days fast"), pytest.param("-7200", id="two hours slow")]


def file_of(video: VideoResult) -> Path:
    assert video.video is not None
    return Path(video.video.path)


@pytest.mark.parametrize("in_its_place", [False, True], ids=["renamed", "replaced"])
async def test_a_completed_job_stays_completed_when_its_folder_is_away(file_scene: Scene, in_its_place: bool) -> None:
    """Else a video that is there, on a disk that is not mounted at the moment, is called failed."""
    scene = file_scene
    async with scene.server() as server:
        video = await server.make(PROMPT)
        with world.renamed_away(scene.videos, in_its_place=in_its_place):
            asked = await server.status(video.generation_id, wait_seconds=3)
            state = await server.state_of(video.generation_id)
        assert (asked.status, state) == ("completed", "completed"), asked.error
        assert file_of(await server.status(video.generation_id)).is_file()
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("in_its_place", [False, True], ids=["renamed", "replaced"])
async def test_a_folder_that_is_away_during_a_download_delays_the_video(file_scene: Scene, in_its_place: bool) -> None:
    """Else the paid video stays upstream, unless the user thinks of asking again."""
    scene = file_scene
    gate = scene.upstream.gate("half", PROMPT)
    async with scene.server() as server:
        await server.order(PROMPT)
        await until(gate.reached.is_set)
        with world.renamed_away(scene.videos, in_its_place=in_its_place):
            gate.open()
            await anyio.sleep(4)
        await until(lambda: list(scene.videos.glob("*.mp4")), seconds=30)
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_deleted_previews_cost_no_video_and_are_made_anew(file_scene: Scene) -> None:
    """Else the user cannot look at a video that is there."""
    scene = file_scene
    async with scene.server() as server:
        video = await server.make(PROMPT)
        world.delete_previews(scene.home)
        seen = await server.call("view_video", generation_id=video.generation_id)
        assert not seen.is_error
        assert any(block.type == "image" for block in seen.content)
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("only_side_files", [False, True], ids=["all of it", "its side files"])
async def test_a_database_that_is_deleted_while_a_video_is_made_costs_no_video(
    file_scene: Scene, only_side_files: bool
) -> None:
    """Else a paid video is never fetched, and the user's next try pays again."""
    scene = file_scene
    gate = scene.upstream.gate("polled", PROMPT)
    async with scene.server() as server, scene.server() as other:
        await server.order(PROMPT)
        await until(gate.reached.is_set)
        world.delete_database(scene.home / "jobs.sqlite3", only_side_files=only_side_files)
        scene.ledger_was_deleted = True
        gate.open()
        await until(lambda: list(scene.videos.glob("*.mp4")), seconds=20)
        await server.make(PROMPT)
        assert len(scene.upstream.paid) == 1
        assert (await scene.prove(other, {PROMPT: 1})).saved == 1
    async with scene.server() as restarted:
        assert (await scene.prove(restarted, {PROMPT: 1})).ordered == 1


async def test_a_process_that_starts_after_the_side_files_were_deleted_does_not_pay_again(file_scene: Scene) -> None:
    """Else it sees a ledger without the last orders, and what the two then write destroys the file."""
    scene = file_scene
    scene.upstream.holding = True
    async with scene.server() as server:
        await server.order(PROMPT)
        await until(lambda: scene.upstream.paid)
        world.delete_database(scene.home / "jobs.sqlite3", only_side_files=True)
        await anyio.sleep(2 * scene.lease)
        async with scene.server() as newcomer:
            await newcomer.call("create_video", prompt=PROMPT, duration=4)
            scene.upstream.holding = False
            await newcomer.make(OTHER)
            await until(lambda: len(list(scene.videos.glob("*.mp4"))) >= 2, seconds=20)
        assert len(scene.upstream.paid) == 2
    async with scene.server() as restarted:
        assert (await scene.prove(restarted, {PROMPT: 1, OTHER: 1})).saved == 2


async def test_processes_that_are_killed_after_the_database_was_deleted_have_lost_nothing(file_scene: Scene) -> None:
    """Else what was restored is only in the memory of a process."""
    scene = file_scene
    scene.upstream.holding = True
    async with scene.server() as server:
        await server.order(PROMPT)
        await until(lambda: scene.upstream.paid)
        world.delete_database(scene.home / "jobs.sqlite3")
        await anyio.sleep(2 * scene.lease)
        server.kill()
    scene.upstream.holding = False
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_a_database_that_is_deleted_during_the_paid_call_costs_no_video(file_scene: Scene) -> None:
    """Else the id that the service answers with has no place to be written to."""
    scene = file_scene
    gate = scene.upstream.gate("charged", PROMPT)
    async with scene.server() as server:
        async with server.calling("generate_and_wait", prompt=PROMPT, duration=4):
            await until(gate.reached.is_set)
            world.delete_database(scene.home / "jobs.sqlite3")
            scene.ledger_was_deleted = True
            gate.open()
            await until(lambda: list(scene.videos.glob("*.mp4")), seconds=20)
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_an_order_that_is_repeated_after_the_database_was_deleted_is_paid_once(file_scene: Scene) -> None:
    """Else the same request, from another chat, finds an empty ledger and pays again."""
    scene = file_scene
    scene.upstream.holding = True
    async with scene.server() as server, scene.server() as other:
        await server.order(PROMPT)
        await until(lambda: scene.upstream.paid)
        await other.call("list_videos")
        world.delete_database(scene.home / "jobs.sqlite3")
        scene.ledger_was_deleted = True
        await anyio.sleep(2 * scene.lease)
        await other.call("create_video", prompt=PROMPT, duration=4)
        scene.upstream.holding = False
        await until(lambda: list(scene.videos.glob("*.mp4")), seconds=20)
        assert len(scene.upstream.paid) == 1
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_a_completed_video_can_be_asked_for_after_the_database_was_deleted(file_scene: Scene) -> None:
    """Else nothing tells the user where a paid file is."""
    scene = file_scene
    async with scene.server() as server:
        video = await server.make(PROMPT)
        world.delete_database(scene.home / "jobs.sqlite3")
        scene.ledger_was_deleted = True
        await anyio.sleep(1)
        again = await server.status(video.generation_id, wait_seconds=20)
        assert again.status == "completed"
        assert file_of(again).is_file()
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_a_database_that_is_locked_for_longer_than_the_lease_costs_nothing(file_scene: Scene) -> None:
    """Else two processes look after one order, and both write or both let go."""
    scene = file_scene
    gate = scene.upstream.gate("polled", PROMPT)
    async with scene.server() as server, scene.server() as other:
        await server.order(PROMPT)
        await until(gate.reached.is_set)
        with out_of_reach(scene.database):
            gate.open()
            await anyio.sleep(2.5 * scene.lease)
        assert (await other.make(PROMPT)).status == "completed"
        assert (await scene.prove(other, {PROMPT: 1})).saved == 1
    assert len(list(scene.videos.glob("*.mp4"))) == 1


async def test_a_process_that_is_killed_in_the_pause_after_a_429_has_charged_nothing(file_scene: Scene) -> None:
    """Else the user is told to look for a charge that cannot be, or the order hangs."""
    scene = file_scene
    scene.upstream.busy_seconds = 5.0
    scene.upstream.will_meet("arrived", PROMPT, "429 plain")
    async with scene.server() as server, server.calling("generate_and_wait", prompt=PROMPT, duration=4):
        await until(lambda: scene.upstream.deeds)
        await anyio.sleep(0.5)
        server.kill()
    async with scene.server() as server:
        (job,) = await server.ledger()
        assert job.error is not None
        assert (job.status, job.error.charged) == ("failed", "no")
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("fast", FAST_CLOCKS)
async def test_a_process_with_a_wrong_clock_takes_over_and_brings_the_video_home(file_scene: Scene, fast: str) -> None:
    """Else a paid order is given up as two days old, or stays with nobody."""
    scene = file_scene
    scene.upstream.holding = True
    async with scene.server() as server:
        await server.order(PROMPT)
        await until(lambda: scene.upstream.paid)
        await server.has_said("ordered as")
        server.kill()
    async with scene.server(clock=fast) as wrong:
        await wrong.has_said("taken over")
        await anyio.sleep(1)
        scene.upstream.holding = False
        video = await wrong.make(PROMPT, max_wait_seconds=10)
        assert (video.status, len(scene.upstream.paid)) == ("completed", 1), video.error
        assert (await scene.prove(wrong, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("fast", FAST_CLOCKS)
async def test_two_processes_whose_clocks_differ_pay_once_for_the_same_order(file_scene: Scene, fast: str) -> None:
    """Else the order of one is settled by the other while its paid call is on its way."""
    scene = file_scene
    gate = scene.upstream.gate("charged", PROMPT)
    async with scene.server() as right, scene.server(clock=fast) as wrong:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(right.make, PROMPT)
            await until(gate.reached.is_set)
            tasks.start_soon(wrong.make, PROMPT)
            await anyio.sleep(2 * scene.lease)
            gate.open()
        assert len(scene.upstream.paid) == 1
        assert (await scene.prove(right, {PROMPT: 1})).saved == 1
