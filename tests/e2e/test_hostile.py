"""A paid service at its worst: one test for each behaviour, and for what the user would lose by it."""

import anyio
import pytest
from processes import Scene, until
from proof import says_what_to_do

import hostile_answers as hostile
from hostile_answers import Broken, Busy, Download, Foreign, Odd, Poll

PROMPT = "A heron in the reeds"
OTHER = "A heron above the lake"

pytestmark = pytest.mark.slow


def posts_charges(scene: Scene, prompt: str = PROMPT) -> tuple[int, int]:
    return scene.upstream.posts(prompt), len(scene.upstream.paid_for(prompt))


# The paid call


@pytest.mark.parametrize("trouble", [*hostile.FOREIGN])
async def test_a_charged_order_with_a_foreign_answer_is_unknown_and_not_sent_again(
    file_scene: Scene, trouble: Foreign
) -> None:
    """Else the user pays for each repetition, or is told that a paid video cost nothing."""
    scene, status = file_scene, hostile.FOREIGN[trouble].status
    scene.upstream.will_meet("charged", PROMPT, trouble, 5)
    async with scene.server() as server:
        video = await server.make(PROMPT, max_wait_seconds=8)
        charged = video.error and video.error.charged
        assert (video.status, charged, *posts_charges(scene)) == ("unknown", "maybe", 1, 1)
        assert says_what_to_do(video)
        assert status == 200 or (video.error is not None and str(status) in video.error.message)
        assert (await scene.prove(server, {PROMPT: 1})).stated == 1


@pytest.mark.parametrize("trouble", hostile.BROKEN)
async def test_a_charged_order_whose_answer_breaks_off_is_unknown_and_not_sent_again(
    file_scene: Scene, trouble: Broken
) -> None:
    """Else the user pays twice."""
    scene = file_scene
    scene.upstream.will_meet("charged", PROMPT, trouble, 5)
    async with scene.server() as server:
        video = await server.make(PROMPT, max_wait_seconds=8)
        assert (video.status, *posts_charges(scene)) == ("unknown", 1, 1)
        assert (await scene.prove(server, {PROMPT: 1})).stated == 1


@pytest.mark.parametrize("trouble", ["bad header", "charset", "late", "price"])
async def test_an_id_in_an_odd_answer_counts(file_scene: Scene, trouble: Odd) -> None:
    """Else a paid video, whose id was there to be read, is not fetched."""
    scene = file_scene
    scene.upstream.will_meet("charged", PROMPT, trouble)
    async with scene.server() as server:
        video = await server.make(PROMPT)
        assert (video.status, *posts_charges(scene)) == ("completed", 1, 1), video.error
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_an_absurd_price_does_not_use_up_the_budget_of_the_day(file_scene: Scene) -> None:
    """Else one wrong figure keeps the user from ordering until midnight."""
    scene = file_scene
    scene.upstream.will_meet("charged", PROMPT, "price")
    async with scene.server(VEO_MCP_DAILY_BUDGET_USD="20") as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert (await server.make(OTHER)).status == "completed"
        assert (await scene.prove(server, {PROMPT: 1, OTHER: 1})).saved == 2


async def test_two_orders_that_got_the_same_id_can_both_be_asked_for(file_scene: Scene) -> None:
    """Else one of two paid orders vanishes from the ledger."""
    scene = file_scene
    scene.upstream.will_meet("charged", OTHER, "same id")
    async with scene.server() as server:
        await server.make(PROMPT)
        await server.make(OTHER)
        one, two = (generation.request_id for generation in scene.upstream.paid)
        assert ((await server.status(one)).prompt, (await server.status(two)).prompt) == (PROMPT, OTHER)
        await scene.prove(server, {PROMPT: 1, OTHER: 1})


@pytest.mark.parametrize("trouble", hostile.BUSY)
async def test_a_busy_service_is_asked_three_times_at_most(file_scene: Scene, trouble: Busy) -> None:
    """Else a service that charges in spite of its no is paid for ever."""
    scene = file_scene
    scene.upstream.will_meet("arrived", PROMPT, trouble, 5)
    async with scene.server() as server:
        video = await server.make(PROMPT, max_wait_seconds=8)
        charged = video.error and video.error.charged
        assert (video.status, charged, *posts_charges(scene)) == ("failed", "no", 3, 0)
        await scene.prove(server, {})


@pytest.mark.parametrize("trouble", hostile.BUSY)
async def test_a_service_that_was_busy_twice_makes_the_video(file_scene: Scene, trouble: Busy) -> None:
    """Else the user gets no video for a no that meant "in a moment"."""
    scene = file_scene
    scene.upstream.will_meet("arrived", PROMPT, trouble, 2)
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert posts_charges(scene) == (3, 1)
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_a_busy_answer_and_then_a_charged_foreign_one_is_unknown(file_scene: Scene) -> None:
    """Else the second answer, which came after a charge, is taken for another harmless no."""
    scene = file_scene
    scene.upstream.will_meet("arrived", PROMPT, "503 plain")
    scene.upstream.will_meet("charged", PROMPT, "503 html", 5)
    async with scene.server() as server:
        video = await server.make(PROMPT, max_wait_seconds=8)
        assert (video.status, *posts_charges(scene)) == ("unknown", 2, 1)
        await scene.prove(server, {PROMPT: 1})


async def test_an_order_on_a_connection_that_was_dropped_while_idle_is_sent_once(file_scene: Scene) -> None:
    """Else an order that the service took just before it closed the connection is paid twice."""
    scene = file_scene
    scene.upstream.will_meet("polled", PROMPT, "idle", 3)
    async with scene.server() as server:
        first = await server.make(PROMPT)
        scene.upstream.will_meet("arrived", OTHER, "reset")
        second = await server.make(OTHER)
        assert (first.status, *posts_charges(scene)) == ("completed", 1, 1)
        assert (second.status, scene.upstream.posts(OTHER)) == ("unknown", 1)
        await scene.prove(server, {PROMPT: 1, OTHER: 1})


async def test_an_order_that_all_clients_cancel_while_it_waits_after_a_429_is_never_paid(file_scene: Scene) -> None:
    """Else it is paid though nobody wants it any more, or is left `submitting`."""
    scene = file_scene
    scene.upstream.busy_seconds = 1.5
    scene.upstream.will_meet("arrived", PROMPT, "429 plain")
    async with scene.server() as server, scene.server() as other:
        async with anyio.create_task_group() as tasks:
            for client in (server, server, other):
                tasks.start_soon(client.make, PROMPT)
            await until(lambda: scene.upstream.posts(PROMPT) == 1)
            await anyio.sleep(0.3)  # into the pause
            tasks.cancel_scope.cancel()
        (job,) = await server.ledger()
        assert job.error is not None
        assert (job.status, job.error.name, job.error.charged) == ("failed", "cancelled", "no")
        await anyio.sleep(2)
        assert posts_charges(scene) == (1, 0)
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("seconds", [0.5, 4.0], ids=["shorter than the lease", "longer than the lease"])
async def test_a_process_that_is_stopped_in_the_pause_after_a_429_does_not_pay_twice(
    file_scene: Scene, seconds: float
) -> None:
    """Else the one that took the order over and the one that wakes up both pay."""
    scene = file_scene
    scene.upstream.busy_seconds = 1.0
    scene.upstream.will_meet("arrived", PROMPT, "429 plain")
    async with scene.server() as sleeper, scene.server() as other:
        async with sleeper.calling("generate_and_wait", prompt=PROMPT, duration=4):
            await until(lambda: scene.upstream.posts(PROMPT) == 1)
            await anyio.sleep(0.3)
            sleeper.freeze()
            await anyio.sleep(seconds)
            sleeper.thaw()
        assert (await other.make(PROMPT)).status == "completed"
        assert (await scene.prove(other, {PROMPT: 1})).saved == 1


# Polls


@pytest.mark.parametrize("trouble", [*hostile.POLLS, "cut", "reset", "idle", "outage", "error", "failed"])
async def test_a_poll_that_says_nothing_or_nonsense_ends_no_order(file_scene: Scene, trouble: Poll) -> None:
    """Else a paid video that is being made is given up. A failure that is said once is asked about again."""
    scene = file_scene
    scene.upstream.seconds = 0.5
    scene.upstream.will_meet("polled", PROMPT, trouble, (1 if trouble in {"error", "failed", "outage"} else 3))
    async with scene.server() as server:
        video = await server.make(PROMPT, max_wait_seconds=20)
        assert (video.status, *posts_charges(scene)) == ("completed", 1, 1), video.error
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("trouble", ["error", "failed"])
async def test_a_failure_that_is_said_about_a_video_that_is_done_costs_no_video(
    file_scene: Scene, trouble: Poll
) -> None:
    """Else the user is told that nothing was charged, orders again and pays twice."""
    scene = file_scene
    scene.upstream.will_meet("polled", PROMPT, trouble)
    async with scene.server() as server:
        video = await server.make(PROMPT, max_wait_seconds=10)
        if video.status != "completed":
            await server.make(PROMPT, max_wait_seconds=10)
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("trouble", ["429 wait", "503 wait"])
async def test_no_poll_comes_before_the_time_that_the_service_named(file_scene: Scene, trouble: Poll) -> None:
    """Else the service shuts the key out, with all the orders under way."""
    scene = file_scene
    scene.upstream.seconds = 1.0
    scene.upstream.wait_seconds = 2.0
    scene.upstream.will_meet("polled", PROMPT, trouble, 2)
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert len(scene.upstream.waits) == 2
        early = scene.upstream.polls_that_came_too_early()
        assert early == [], f"{len(early)} polls came too early"
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_a_page_of_brackets_keeps_the_server_from_nothing_else(file_scene: Scene) -> None:
    """Else every chat on this server stands still while one answer is read."""
    scene = file_scene
    scene.upstream.will_meet("polled", PROMPT, "brackets", 5)
    slowest = 0.0
    async with scene.server() as server:
        async with server.calling("generate_and_wait", prompt=PROMPT, duration=4):
            await until(lambda: scene.upstream.faults["polled: brackets"] > 0)
            for _ in range(20):
                began = anyio.current_time()
                await server.ping()
                slowest = max(slowest, anyio.current_time() - began)
                await anyio.sleep(0.05)
        assert slowest < 0.75
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_an_outage_of_everything_that_is_polled_ends_no_order(file_scene: Scene) -> None:
    """Else all paid videos of that minute are given up."""
    scene = file_scene
    scene.upstream.fail_for(6)
    async with scene.server() as server:
        orders = [await server.order(f"{PROMPT} {n}") for n in range(4)]
        assert {(await server.settled(order.generation_id)).status for order in orders} == {"completed"}
        assert (await scene.prove(server, {f"{PROMPT} {n}": 1 for n in range(4)})).saved == 4


async def test_many_videos_that_are_done_in_the_same_moment_are_all_saved(file_scene: Scene) -> None:
    """Else some of them are called failed because the machine was busy."""
    scene = file_scene
    scene.upstream.holding = True
    prompts = [f"{PROMPT} {n}" for n in range(12)]
    async with scene.server() as server:
        for prompt in prompts:
            await server.order(prompt)
        await until(lambda: len(scene.upstream.paid) == len(prompts))
        scene.upstream.holding = False
        assert {job.status for job in await server.ledger()} == {"completed"}
        assert (await scene.prove(server, dict.fromkeys(prompts, 1))).saved == len(prompts)


# Downloads


@pytest.mark.parametrize("trouble", [*hostile.DOWNLOADS])
async def test_a_link_that_fails_three_times_is_followed_again(file_scene: Scene, trouble: Download) -> None:
    """Else a paid video is not fetched."""
    scene = file_scene
    scene.upstream.will_meet("downloading", PROMPT, trouble, 3)
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


@pytest.mark.parametrize("trouble", ["cut", "slow"])
async def test_a_download_that_is_cut_or_slow_ends_in_the_whole_file(file_scene: Scene, trouble: Download) -> None:
    """Else half a video is saved, or none."""
    scene = file_scene
    scene.upstream.will_meet("half", PROMPT, trouble, 3)
    async with scene.server() as server:
        assert (await server.make(PROMPT)).status == "completed"
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1


async def test_a_file_server_that_is_away_for_long_is_asked_with_growing_pauses_and_across_a_restart(
    file_scene: Scene,
) -> None:
    """Else the paid video stays where it is, unless the user thinks of asking again."""
    scene = file_scene
    scene.upstream.will_meet("downloading", PROMPT, "503", 200)
    async with scene.server() as server:
        handle = (await server.order(PROMPT)).generation_id
        await until(lambda: scene.upstream.downloads(PROMPT) > 0)
        await anyio.sleep(14)
        asked = scene.upstream.downloads(PROMPT)
        state = await server.state_of(handle)  # get_video_status would begin anew
        assert (state, asked < 60) == ("downloading", True), f"{state} after {asked} downloads"
    scene.upstream.troubles["downloading", PROMPT].clear()
    async with scene.server() as server:
        await until(lambda: list(scene.videos.glob("*.mp4")), seconds=30)
        assert (await scene.prove(server, {PROMPT: 1})).saved == 1
