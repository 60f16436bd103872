"""When a video counts as delivered: not before its answer is out."""

from datetime import timedelta

import pytest

from raw_http import Raw, raw, shaken_hands
from studios import NOON, PROMPT, Clock, Mode, Place, a_job, a_request
from test_watcher import ended
from veo_mcp.deliveries import MOMENT, Deliveries
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import Charged, Failure, Job, State
from veo_mcp.store import Store

DONE = a_job(state=State.COMPLETED)


class Shelf(Store):
    """A store that remembers what was delivered, or is away."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.away = False

    async def deliver(self, job: Job, *, caller: str, at: object) -> None:
        if self.away:
            raise LedgerError("locked")
        self.delivered.append(job.id)


async def test_an_answer_that_may_never_have_left_is_no_delivery(place: Place) -> None:
    async with place.open() as doomed:
        made = await ended(doomed)
        doomed.deliver(made)  # and now the process is killed: another one is asked
        async with place.open() as survivor:
            again = await survivor.submit(a_request())
    assert (again.reused, again.job.id) == (True, made.id)
    assert len(place.upstream.posts) == 1


async def test_a_server_that_ends_in_order_has_delivered(place: Place) -> None:
    async with place.open() as studio:
        made = await ended(studio)
        studio.deliver(made)
    async with place.open() as studio:
        assert (await studio.known(made.id)).delivered_at == NOON


async def test_a_delivery_is_written_down_once_its_moment_has_passed() -> None:
    shelf, clock = Shelf(), Clock()
    deliveries = Deliveries(shelf, clock)
    deliveries.hand(DONE, "me")
    await deliveries.settle(older_than=MOMENT)
    assert shelf.delivered == []
    clock.now += MOMENT + timedelta(milliseconds=1)
    await deliveries.settle(older_than=MOMENT)
    await deliveries.settle()
    assert shelf.delivered == [DONE.id]


async def test_a_ledger_that_is_away_gets_the_delivery_later() -> None:
    shelf = Shelf()
    deliveries = Deliveries(shelf, Clock())
    deliveries.hand(DONE, "me")
    shelf.away = True
    with pytest.raises(LedgerError):
        await deliveries.settle()
    await deliveries.close()
    shelf.away = False
    await deliveries.close()
    assert shelf.delivered == [DONE.id]


@pytest.mark.parametrize(("charged", "delivers"), [("no", True), ("yes", False), ("maybe", False)])
async def test_a_failure_is_delivered_only_where_no_money_is_gone(charged: Charged, *, delivers: bool) -> None:
    shelf = Shelf()
    deliveries = Deliveries(shelf, Clock())
    failure = Failure(name="gone", message="It is gone.", charged=charged)
    deliveries.hand(a_job(state=State.FAILED, failure=failure), "me")
    await deliveries.settle()
    assert bool(shelf.delivered) is delivers


async def test_a_video_under_way_is_not_delivered() -> None:
    shelf = Shelf()
    deliveries = Deliveries(shelf, Clock())
    deliveries.hand(a_job(state=State.GENERATING), "me")
    await deliveries.settle()
    assert shelf.delivered == []


# To whom it is delivered


async def test_another_chats_look_does_not_make_the_one_that_ordered_pay_again(place: Place) -> None:
    async with place.open() as ordering, place.open() as looking:
        made = await ended(ordering)
        looking.deliver(await looking.look_up(made.handle))
        await looking.deliveries.settle()
        again = await ordering.submit(a_request())
        assert (again.reused, again.job.id) == (True, made.id)
        ordering.deliver(again.job)
        third = await ordering.submit(a_request())
    assert not third.reused
    assert len(place.upstream.posts) == 2


async def test_a_video_that_two_chats_ordered_is_kept_until_both_have_it(place: Place) -> None:
    async with place.open() as one, place.open() as two:
        made = await ended(one)
        joined = await two.submit(a_request())
        two.deliver(joined.job)
        await two.deliveries.settle()
        assert (joined.reused, (await one.submit(a_request())).reused) == (True, True)
        one.deliver(made)
        await one.deliveries.settle()
        assert not (await two.submit(a_request())).reused


async def test_a_video_that_two_chats_ordered_is_kept_for_the_second_though_the_first_has_it(place: Place) -> None:
    async with place.open() as one, place.open() as two:
        made = await ended(one)
        assert (await two.submit(a_request())).reused
        one.deliver(made)
        await one.deliveries.settle()
        assert (await two.submit(a_request())).reused
    assert len(place.upstream.posts) == 1


async def test_a_video_whose_orderer_never_comes_back_stands_in_the_way_for_a_day(place: Place) -> None:
    async with place.open() as gone:
        made = await ended(gone)
    async with place.open() as looking:
        looking.deliver(await looking.look_up(made.handle))
        await looking.deliveries.settle()
        place.clock.forward(86_000)
        assert (await looking.submit(a_request())).reused
        place.clock.forward(500)
        assert not (await looking.submit(a_request())).reused


ORDER = {"name": "create_video", "arguments": {"prompt": PROMPT}}


async def looked_at_by_another(ordering: Raw, mode: Mode) -> tuple[Raw, str]:
    """Order a video; return the other client that has seen it completed, and its handle."""
    other = await shaken_hands(ordering.http, mode)
    handle = (await ordering.ask("tools/call", ORDER))["result"]["structuredContent"]["generation_id"]
    look = {"name": "get_video_status", "arguments": {"generation_id": handle, "wait_seconds": 10}}
    assert (await other.ask("tools/call", look))["result"]["structuredContent"]["status"] == "completed"
    return other, handle


async def test_a_look_over_http_without_sessions_is_no_delivery_to_whoever_ordered(place: Place) -> None:
    async with raw(place.server(), "auto") as ordering:
        assert place.studio is not None
        other, handle = await looked_at_by_another(ordering, "auto")
        await other.ask("tools/call", {"name": "view_video", "arguments": {"generation_id": handle}})
        await place.studio.deliveries.settle()
        assert (await ordering.ask("tools/call", ORDER))["result"]["structuredContent"]["reused"] is True
    assert len(place.upstream.posts) == 1


async def test_a_look_from_another_session_over_http_is_no_delivery_to_the_one_that_ordered(place: Place) -> None:
    async with raw(place.server(), "legacy") as ordering:
        assert place.studio is not None
        await looked_at_by_another(ordering, "legacy")
        await place.studio.deliveries.settle()
        assert (await ordering.ask("tools/call", ORDER))["result"]["structuredContent"]["reused"] is True
        await place.studio.deliveries.settle()
        assert (await ordering.ask("tools/call", ORDER))["result"]["structuredContent"]["reused"] is False
    assert len(place.upstream.posts) == 2
