"""When a video counts as delivered: not before its answer is out."""

from datetime import timedelta

import pytest

from studios import NOON, Clock, Place, a_job, a_request
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
