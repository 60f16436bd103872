"""Orders, their price, and what is known of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import pytest

from studios import PROMPT, QUICK, Place, a_request, obstruct, until, until_sent
from test_watcher import ended, leave_behind, ledger_of, noted
from upstream import Gate, accepts, completed, fails, says, status
from veo_mcp.errors import BudgetExceeded, InvalidRequest, NotSaved
from veo_mcp.jobs import State
from veo_mcp.store import Terms
from veo_mcp.studio import Order, Studio


async def settled(studio: Studio, order: Order) -> Order:
    return replace(order, job=await studio.wait(order.job, 10))


# Not paying twice


async def test_the_same_order_under_way_is_handed_back(place: Place) -> None:
    gate = Gate(accepts("gen"))
    place.upstream.orders = [gate]
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        first = await studio.submit(a_request())
        await gate.reached.wait()
        while_sending = await studio.submit(a_request(f"  {PROMPT} ", duration=8, resolution="1080p"))
        gate.opened.set()
        await until_sent(studio, first.job)
        while_generating = await studio.submit(a_request())
    assert [first.reused, while_sending.reused, while_generating.reused] == [False, True, True]
    assert {first.job.id, while_sending.job.id, while_generating.job.id} == {first.job.id}
    assert len(place.upstream.posts) == 1


async def test_a_finished_video_is_handed_back_until_somebody_holds_it(place: Place) -> None:
    async with place.open() as studio:
        first = await settled(studio, await studio.submit(a_request()))
        undelivered = await studio.submit(a_request())
        assert undelivered == Order(job=first.job, reused=True)
        studio.deliver(undelivered.job)
        another = await studio.submit(a_request())
        assert not another.reused
        await until_sent(studio, another.job)
    assert len(place.upstream.posts) == 2


async def test_a_finished_video_is_handed_back_after_a_restart(place: Place) -> None:
    async with place.open() as studio:
        first = await ended(studio)
    async with place.open() as studio:
        assert await studio.submit(a_request()) == Order(job=first, reused=True)
    assert len(place.upstream.posts) == 1


async def test_another_request_is_another_order(place: Place) -> None:
    async with place.open() as studio:
        orders = [
            await studio.submit(request)
            for request in (a_request(), a_request(seed=1), a_request(seed=2), a_request(duration=4))
        ]
        for order in orders:
            await until_sent(studio, order.job)
    assert not any(order.reused for order in orders)
    assert len(place.upstream.posts) == 4


async def test_another_account_or_model_never_gets_somebodys_video(place: Place) -> None:
    async with place.open() as studio:
        await ended(studio)
    async with place.open(api_key="f" * 32) as studio:
        assert not (await studio.submit(a_request())).reused
    async with place.open(model="google/veo-3.1-t2v") as studio:
        assert not (await studio.submit(a_request())).reused


async def test_a_new_variant_is_always_paid_and_the_newest_is_found_later(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        await studio.submit(a_request())
        second = await studio.submit(a_request(), new_variant=True)
        place.clock.forward(1)
        third = await studio.submit(a_request(), new_variant=True)
        found = await studio.submit(a_request())
        for order in (second, third):
            await until_sent(studio, order.job)
        assert [second.reused, third.reused, found.reused] == [False, False, True]
        assert found.job.id == third.job.id
        await until(lambda: len(place.upstream.posts) == 3)


async def test_two_processes_that_get_the_same_order_at_once_pay_once(place: Place) -> None:
    orders: list[Order] = []
    async with place.open() as one, place.open() as two, anyio.create_task_group() as tasks:

        async def order(studio: Studio) -> None:
            orders.append(await settled(studio, await studio.submit(a_request())))

        for studio in (one, two, one, two):
            tasks.start_soon(order, studio)
    assert sorted(order.reused for order in orders) == [False, True, True, True]
    assert {order.job.state for order in orders} == {State.COMPLETED}
    assert len(place.upstream.posts) == 1


async def test_an_unknown_outcome_keeps_its_claim_even_when_it_has_been_told(place: Place) -> None:
    place.upstream.orders = [fails(httpx2.ReadError), accepts("second")]
    async with place.open() as studio:
        lost = await ended(studio)
        studio.deliver(lost)
        again = await studio.submit(a_request())
        assert (again.reused, again.job.state) == (True, State.UNKNOWN)
        anew = await settled(studio, await studio.submit(a_request(), new_variant=True))
        assert (anew.reused, anew.job.generation_id) == (False, "second")
        assert len(place.upstream.posts) == 2


async def test_a_free_failure_stands_in_nobodys_way(place: Place) -> None:
    place.upstream.orders = [says({"message": "No."}, 403), accepts("second")]
    async with place.open() as studio:
        assert (await ended(studio)).state is State.FAILED
        assert not (await studio.submit(a_request())).reused


async def test_a_paid_failure_is_fetched_again_by_the_same_order(place: Place) -> None:
    place.upstream.files = [says(status=403)]
    async with place.open() as studio:
        failed = await ended(studio)
        studio.deliver(failed)
        place.upstream.files = []
        again = await settled(studio, await studio.submit(a_request()))
        assert (again.reused, again.job.state) == (True, State.COMPLETED)
    assert len(place.upstream.posts) == 1


async def test_a_repeated_order_has_a_paid_video_that_could_not_be_saved_tried_at_once(place: Place) -> None:
    place.pace = replace(QUICK, retry=3600)
    async with place.open() as studio:
        ordered = await studio.submit(a_request())
        obstruct(place.settings().output_dir)
        await until(lambda: bool(place.upstream.gets))
        await noted(studio, ordered.job)
        place.settings().output_dir.unlink()
        again = await settled(studio, await studio.submit(a_request()))
        assert (again.reused, again.job.state) == (True, State.COMPLETED)
    assert len(place.upstream.posts) == 1


async def test_nothing_is_ordered_that_could_not_be_saved(place: Place) -> None:
    place.settings().output_dir.write_text("in the way")
    async with place.open() as studio:
        with pytest.raises(NotSaved, match=r"Not ordered: .* Nothing was sent or charged\."):
            await studio.submit(a_request())
    assert place.upstream.posts == []


async def test_a_repeated_order_says_that_it_is_paid_again_and_where_the_first_is(place: Place) -> None:
    async with place.open() as studio:
        first = await ended(studio)
        studio.deliver(first)
        second = await settled(studio, await studio.submit(a_request()))
        variant = await settled(studio, await studio.submit(a_request(), new_variant=True))
    assert first.video is not None
    said = [warning for warning in second.job.warnings if str(first.video.path) in warning]
    assert [second.reused, len(said)] == [False, 1]
    assert not any("made before" in warning for warning in variant.job.warnings)


async def test_an_undelivered_video_whose_file_is_gone_is_fetched_again_by_the_same_order(place: Place) -> None:
    async with place.open() as studio:
        first = await ended(studio)
        assert first.video is not None
        first.video.path.unlink()
        again = await settled(studio, await studio.submit(a_request()))
        assert (again.reused, again.job.state) == (True, State.COMPLETED)
        assert first.video.path.exists()
    assert len(place.upstream.posts) == 1


async def test_whether_an_order_would_be_free_is_known_before(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open(confirm_above_usd=0.0) as studio:
        assert await studio.price_to_confirm(a_request(), new_variant=False) == 1.56
        await studio.submit(a_request(), approved=True)
        assert await studio.price_to_confirm(a_request(duration=8), new_variant=False) is None
        assert await studio.price_to_confirm(a_request(duration=8), new_variant=True) == 1.56
        assert await studio.price_to_confirm(a_request(duration=4), new_variant=False) == 0.78


async def test_a_variant_that_is_refused_leaves_the_first_order_standing(place: Place) -> None:
    place.upstream.orders = [accepts("gen-1"), says({"message": "No."}, 400)]
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        first = await studio.submit(a_request())
        refused = await studio.wait((await studio.submit(a_request(), new_variant=True)).job, 10)
        studio.deliver(refused)
        again = await studio.submit(a_request())
    assert refused.state is State.FAILED
    assert (again.reused, again.job.id) == (True, first.job.id)
    assert len(place.upstream.posts) == 2


async def test_a_variant_that_is_delivered_leaves_the_first_order_standing(place: Place) -> None:
    place.upstream.orders = [accepts("gen-1"), accepts("gen-2")]
    async with place.open() as studio:
        first = await ended(studio)
        second = await studio.wait((await studio.submit(a_request(), new_variant=True)).job, 10)
        studio.deliver(second)
        again = await studio.submit(a_request())
    assert (again.reused, again.job.id) == (True, first.id)
    assert len(place.upstream.posts) == 2


async def test_an_unknown_outcome_stands_until_a_variant_of_it_is_delivered(place: Place) -> None:
    place.upstream.orders = [fails(), says({"message": "No."}, 400), accepts("gen-3"), accepts("gen-4")]
    async with place.open() as studio:
        lost = await ended(studio)
        studio.deliver(await studio.wait((await studio.submit(a_request(), new_variant=True)).job, 10))
        assert (await studio.submit(a_request())).job.id == lost.id
        studio.deliver(await studio.wait((await studio.submit(a_request(), new_variant=True)).job, 10))
        anew = await studio.submit(a_request())
        await until_sent(studio, anew.job)
    assert not anew.reused
    assert len(place.upstream.posts) == 4


# Budget


async def test_a_budget_refuses_before_anything_is_sent_and_shows_its_figures(place: Place) -> None:
    place.upstream.orders = [accepts("first")]
    place.upstream.polls = [status("generating")]
    async with place.open(daily_budget_usd=2.0) as studio:
        first = await studio.submit(a_request())
        await until_sent(studio, first.job)
        with pytest.raises(BudgetExceeded) as refusal:
            await studio.submit(a_request("another"))
        for figure in ("$1.56 of today's budget of $2.00", "costs about $1.56", "Nothing was sent or charged"):
            assert figure in str(refusal.value)
        with pytest.raises(BudgetExceeded):
            await studio.submit(a_request(), new_variant=True)
        assert (await studio.submit(a_request())).reused
    assert len(place.upstream.posts) == 1


async def test_an_order_at_the_budgets_edge_is_taken(place: Place) -> None:
    async with place.open(daily_budget_usd=1.56) as studio:
        assert (await ended(studio)).state is State.COMPLETED
    async with place.open(daily_budget_usd=0) as studio:
        with pytest.raises(BudgetExceeded):
            await studio.submit(a_request("another"))


async def test_two_orders_at_once_cannot_both_pass_the_budget(place: Place) -> None:
    refused: list[BudgetExceeded] = []

    async def order(studio: Studio, prompt: str) -> None:
        try:
            await settled(studio, await studio.submit(a_request(prompt)))
        except BudgetExceeded as refusal:
            refused.append(refusal)

    limit: dict[str, Any] = {"daily_budget_usd": 2.0}
    async with place.open(**limit) as one, place.open(**limit) as two, anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(order, (one, two)[number % 2], str(number))
    assert len(refused) == 3
    assert len(place.upstream.posts) == 1


async def test_what_is_free_does_not_count_and_what_is_unknown_does(place: Place) -> None:
    place.upstream.orders = [says({"message": "No."}, 403), fails(httpx2.ReadError), accepts("third")]
    async with place.open(daily_budget_usd=2.0) as studio:
        assert (await ended(studio)).state is State.FAILED
        assert (await studio.page()).spent_today_usd == 0
        assert (await ended(studio)).state is State.UNKNOWN
        assert (await studio.page()).spent_today_usd == 1.56
        with pytest.raises(BudgetExceeded):
            await studio.submit(a_request("another"))


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"usd_spent": 0.52, "credits_used": 1}, 0.52),
        ({"credits_used": 1_040_000}, 0.52),
        ({"tokens_used": 40_000}, 0.02),
    ],
)
async def test_upstreams_own_figure_replaces_the_estimate(place: Place, usage: dict[str, float], usd: float) -> None:
    place.upstream.orders = [accepts("gen", meta={"usage": usage})]
    async with place.open() as studio:
        job = await ended(studio)
        assert (job.estimate_usd, job.cost_usd, job.price) == (1.56, usd, usd)
        assert (await studio.page()).spent_today_usd == usd


async def test_a_failed_generation_gives_its_hold_back(place: Place) -> None:
    place.upstream.polls = [status("error", error="No.")]
    async with place.open(daily_budget_usd=2.0) as studio:
        assert (await ended(studio)).price == 0
        assert (await studio.page()).spent_today_usd == 0
        await studio.submit(a_request("another"))


async def test_the_budget_begins_anew_at_midnight_utc(place: Place) -> None:
    async with place.open(daily_budget_usd=2.0) as studio:
        await ended(studio)
        place.clock.forward(12 * 3600 - 1)
        with pytest.raises(BudgetExceeded):
            await studio.submit(a_request("another"))
        place.clock.forward(2)
        assert (await studio.page()).spent_today_usd == 0
        await studio.submit(a_request("another"))


async def test_what_is_under_way_since_yesterday_still_counts(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open(daily_budget_usd=2.0) as studio:
        await studio.submit(a_request())
        place.clock.forward(86_400)
        with pytest.raises(BudgetExceeded):
            await studio.submit(a_request("another"))


async def test_the_sandbox_spends_nothing_of_the_real_budget(place: Place) -> None:
    async with place.open() as studio:
        await ended(studio)
    async with place.open(backend_choice="sandbox", daily_budget_usd=2.0) as studio:
        assert (await studio.page()).spent_today_usd == 0


# Looking up


async def test_a_job_is_found_by_either_id(place: Place) -> None:
    async with place.open() as studio:
        job = await ended(studio)
        assert await studio.look_up(job.id) == await studio.look_up(job.handle) == job
        assert job.id != job.handle


# Following


async def test_a_follower_hears_every_change_and_ends_with_the_job(place: Place) -> None:
    place.upstream.polls = [status("queued"), status("generating"), completed()]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        seen = [job.state async for job in studio.follow(order.job, 10)]
    assert seen[0] is State.SUBMITTING
    assert seen[-1] is State.COMPLETED
    assert seen == sorted(seen, key=list(State).index)


async def test_a_follower_whose_time_is_up_ends_without_the_job_ending(place: Place) -> None:
    gate = Gate(completed())
    place.upstream.polls = [gate]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await gate.reached.wait()
        assert (await studio.wait(order.job, 0.05)).state is State.QUEUED
        gate.opened.set()
        assert (await studio.wait(order.job, 10)).state is State.COMPLETED


async def test_a_settled_job_is_told_once(place: Place) -> None:
    async with place.open() as studio:
        job = await ended(studio)
        assert [heard async for heard in studio.follow(job, 10)] == [job]


async def test_a_job_of_another_process_is_followed_through_the_ledger(place: Place) -> None:
    gate = Gate(completed())
    place.upstream.polls = [gate]
    async with place.open() as one, place.open() as two:
        order = await one.submit(a_request())
        await gate.reached.wait()
        gate.opened.set()
        assert (await two.wait(order.job, 10)).state is State.COMPLETED


async def test_a_refresh_asks_upstream_now_instead_of_at_the_next_poll(place: Place) -> None:
    place.pace = replace(QUICK, fixed_poll=3600)
    place.upstream.polls = [status("generating")]
    async with place.open() as studio:
        order = await studio.submit(a_request())
        await until(lambda: len(place.upstream.gets) == 1)
        await anyio.sleep(0.05)
        place.upstream.polls = []
        with anyio.fail_after(5):
            job = await studio.refresh(await studio.known(order.job.id))
            assert job.state in {State.DOWNLOADING, State.COMPLETED}


async def test_usual_times_are_learned_from_what_finished_here(place: Place) -> None:
    async with place.open() as studio:
        job = await ended(studio)
        async with ledger_of(place) as store:
            for number, seconds in enumerate((10, 20, 90)):
                done = replace(
                    job,
                    id=f"job_{number}",
                    generation_id=str(number),
                    finished_at=job.created_at + timedelta(0, seconds),
                )
                await store.claim(done, owner="me", lease=20, caller="me", terms=Terms(since=job.created_at), anew=True)
        assert await studio.usual_seconds(job) == 15


async def test_pages_carry_a_cursor_until_the_last(place: Place) -> None:
    for number in range(5):
        await leave_behind(place, id=f"job_{number}", generation_id=str(number), state=State.COMPLETED)
    async with place.open(watching=False) as studio:
        first = await studio.page(limit=2)
        second = await studio.page(limit=2, cursor=first.cursor)
        third = await studio.page(limit=2, cursor=second.cursor)
    assert [job.id for page in (first, second, third) for job in page.jobs] == [f"job_{n}" for n in (4, 3, 2, 1, 0)]
    assert first.cursor
    assert second.cursor
    assert third.cursor is None


async def test_a_cursor_that_belongs_to_no_page_is_an_error(place: Place) -> None:
    async with place.open(watching=False) as studio:
        with pytest.raises(InvalidRequest, match="cursor 'nonsense'"):
            await studio.page(cursor="nonsense")


async def test_pictures_of_a_finished_video_are_there(place: Place) -> None:
    async with place.open() as studio:
        job = await ended(studio)
        sheet, preview = await studio.sheet(job), await studio.preview(job)
        assert sheet is not None
        assert preview is not None
        assert (sheet.suffix, preview.suffix) == (".jpg", ".webp")
        with pytest.raises(NotSaved):
            await studio.sheet(replace(job, video=None))
