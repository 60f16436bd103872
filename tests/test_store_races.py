"""Two processes write about one job in the same moment; without a lock on its row one of them would undo the other."""

import threading
from dataclasses import replace

import anyio
import pytest

from ledger import MIDNIGHT, Opener, kept
from studios import NOON, a_failure, a_job
from veo_mcp.jobs import Job, State
from veo_mcp.store import Claimed, Store, Terms, jobs_table
from veo_mcp.store.rows import Execute, Row

TERMS = Terms(since=MIDNIGHT)
BRIEFLY = 0.3


async def order(store: Store, job: Job, caller: str) -> Claimed:
    return await store.claim(job, owner=caller, lease=20, caller=caller, terms=TERMS)


class Halt:
    """Holds a thread up at one place until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def here(self) -> None:
        self.reached.set()
        self.go_on.wait(5)

    async def until_reached(self) -> None:
        await anyio.to_thread.run_sync(self.reached.wait, 5)


async def test_a_second_caller_is_not_forgotten_while_the_first_takes_delivery(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, halt = open_store(), open_store(), Halt()
    job = a_job(1)
    await order(one, job, "A")
    done = replace(await one.accept(job.accepted("G", cost_usd=1.0), owner="A", lease=20), state=State.COMPLETED)
    assert await one.save(done, owner="A")
    add = jobs_table.add_orderer

    def add_late(execute: Execute, row: Row, caller: str) -> None:
        halt.here()
        add(execute, row, caller)

    monkeypatch.setattr(jobs_table, "add_orderer", add_late)
    joined: list[Claimed] = []

    async def join() -> None:
        joined.append(await order(two, a_job(2, request=job.request, fingerprint=job.fingerprint), "B"))

    async def deliver() -> None:
        await one.deliver(done, caller="A", at=NOON)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(join)
        await halt.until_reached()
        tasks.start_soon(deliver)
        await anyio.sleep(BRIEFLY)
        halt.go_on.set()
    again = await order(two, a_job(3, request=job.request, fingerprint=job.fingerprint), "B")
    assert (joined[0].is_new, again.is_new) == (False, False)


async def test_two_orders_that_are_answered_with_one_id_at_once_keep_their_own_names(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = open_store(), open_store()
    first, second = a_job(1), a_job(2)
    await order(one, first, "A")
    await order(two, second, "B")
    together = threading.Barrier(2, timeout=BRIEFLY)
    real = jobs_table.claim_beside_others

    def meet(execute: Execute, row: Row) -> str | None:
        try:
            together.wait()
        except threading.BrokenBarrierError:
            together.reset()
        return real(execute, row)

    monkeypatch.setattr(jobs_table, "claim_beside_others", meet)
    async with anyio.create_task_group() as tasks:
        for store, job, owner in ((one, first, "A"), (two, second, "B")):
            tasks.start_soon(accept, store, job, owner)
    handles = {(await kept(one, job)).handle for job in (first, second)}
    assert len(handles) == 2


async def accept(store: Store, job: Job, owner: str) -> None:
    await store.accept(job.accepted("SAME", cost_usd=1.0), owner=owner, lease=20)


async def test_an_id_that_arrives_after_another_was_given_to_the_order_overwrites_neither(store: Store) -> None:
    job = a_job(1)
    await order(store, job, "A")
    given = await store.accept(job.accepted("GIVEN", cost_usd=1.0), owner="B", lease=20)
    late = await store.accept(job.accepted("LATE", cost_usd=1.0), owner="A", lease=20)
    assert (given.generation_id, late.generation_id) == ("GIVEN", "GIVEN")
    found = await store.page([], 10, account=job.account)
    assert {each.generation_id for each in found} == {"GIVEN", "LATE"}


async def test_that_an_order_was_free_is_written_over_the_guess_of_another_process(store: Store) -> None:
    job = a_job(1)
    await order(store, job, "A")
    assert await store.save(job.lost("Nobody knows.", at=NOON), owner="A")
    refused = job.failed(a_failure(), at=NOON)
    assert await store.save(refused, owner="A", release_claim=True)
    assert (await kept(store, job)).failure == a_failure()
    assert (await order(store, a_job(2, request=job.request, fingerprint=job.fingerprint), "A")).is_new
