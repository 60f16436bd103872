"""The jobs table, on SQLite and, where VEO_MCP_TEST_POSTGRES names a server to use as one likes, on Postgres."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

from ledger import ACCOUNT, MIDNIGHT, Address, Opener, claim, insert, kept, owned, taken_over
from studios import NOON, a_failure, a_job, a_request
from test_jobs import ARTIFACT
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import ACTIVE, SETTLED, Job, State
from veo_mcp.store import Database, Store, Terms
from veo_mcp.store.rows import Row

# Orders


@pytest.mark.parametrize("job", [
    a_job(),
    a_job(request=None, fingerprint=None, estimate_usd=None, generation_id="g"),
    a_job(
        request=a_request("灯台 'quoted' 👩‍👩‍👧 %s :name NOW", seed=0, generate_audio=False), state=State.FAILED,
        generation_id="a:b/c", url="https://x/%25", video=ARTIFACT, failure=a_failure(recoverable=True),
        warnings=("one", "two"), note="NOW :note %(x)s", cost_usd=0.52, sent_at=NOON, finished_at=NOON,
        delivered_at=NOON + timedelta(microseconds=1),
    ),
])  # fmt: skip
async def test_a_job_is_read_back_as_it_was_written(store: Store, job: Job) -> None:
    await insert(store, job)
    assert await kept(store, job) == job


async def test_an_order_that_another_version_took_is_read_all_the_same(store: Store) -> None:
    newer = a_request().model_copy(update={"resolution": "4k"})
    await insert(store, a_job(state=State.QUEUED, request=newer), lease=-1)
    (job,) = await taken_over(store, account="aimlapi-test", owner="me")
    assert job.request == newer


async def test_the_same_order_is_answered_with_the_job_that_is_there(store: Store) -> None:
    first, second = a_job(1), replace(a_job(2), fingerprint=a_job(1).fingerprint)
    assert await claim(store, first) == first
    assert await claim(store, second) is None
    assert await store.claimed(first.fingerprint or "") == first
    assert await store.get(second.id, account=ACCOUNT) is None


async def test_a_new_variant_takes_the_claim_so_that_later_orders_find_the_newest(store: Store) -> None:
    first, second, third = (replace(a_job(number), fingerprint="same") for number in (1, 2, 3))
    await claim(store, first)
    assert await claim(store, second, anew=True) == second
    assert await claim(store, third) is None
    assert await store.claimed("same") == second


async def test_of_many_connections_exactly_one_is_told_to_pay(open_store: Opener) -> None:
    told: list[Job | None] = []

    async def order(number: int) -> None:
        told.append(await claim(open_store(), replace(a_job(number), fingerprint="same"), owner=f"process {number}"))

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(order, number)
    assert [job is not None for job in told].count(True) == 1
    assert len(told) == 8


RACER = """
import sys, anyio
from datetime import UTC, datetime
from pathlib import Path
from veo_mcp.jobs import Job, State
from veo_mcp.store import Database, Store, Terms

async def main(address, name):
    store = Store(Database(address if "://" in address else Path(address)))
    now = datetime.now(UTC)
    job = Job(id=name, account="a", backend="aimlapi", model="m", request=None, state=State.SUBMITTING,
              created_at=now, fingerprint="same")
    print("ready", flush=True)
    sys.stdin.readline()
    claimed = await store.claim(job, owner=name, lease=20, caller=name, terms=Terms(since=now))
    print("pays" if claimed.is_new else "reuses", flush=True)
    await store.close()

anyio.run(main, sys.argv[1], sys.argv[2])
"""


def test_of_many_processes_on_a_new_ledger_exactly_one_is_told_to_pay(address: Address) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(address), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 4
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert sorted(racer.communicate(timeout=30)[0].strip() for racer in racers) == ["pays"] + ["reuses"] * 3


async def test_two_orders_at_once_cannot_both_pass_the_budget(open_store: Opener) -> None:
    told: list[Job | None] = []

    async def order(number: int) -> None:
        told.append(await claim(open_store(), a_job(number, estimate_usd=1.0), limit_usd=2.5))

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(order, number)
    assert [job is not None for job in told].count(True) == 2


async def test_a_budget_may_be_spent_to_the_last_cent(store: Store) -> None:
    for number in range(3):
        assert await claim(store, a_job(number, estimate_usd=0.1), limit_usd=0.3) is not None
    terms = Terms(since=MIDNIGHT, limit_usd=0.3)
    refused = await store.claim(a_job(9, estimate_usd=0.1), owner="me", lease=20, caller="me", terms=terms)
    assert (refused.job, refused.is_new, round(refused.spent_usd, 9)) == (None, False, 0.3)
    assert await store.get(a_job(9).id, account=ACCOUNT) is None


async def test_what_counts_as_spent(store: Store) -> None:
    before = MIDNIGHT - timedelta(hours=1)
    for job in (
        a_job(1, estimate_usd=1.0),  # under way
        a_job(2, estimate_usd=1.0, cost_usd=2.0, generation_id="a", state=State.COMPLETED),  # upstream's own figure
        a_job(3, estimate_usd=1.0, cost_usd=0.0, state=State.FAILED),  # free of charge
        a_job(4, estimate_usd=4.0, state=State.UNKNOWN),  # may be gone
        a_job(5, estimate_usd=8.0, created_at=before, generation_id="b", state=State.COMPLETED),  # yesterday
        a_job(6, estimate_usd=16.0, created_at=before),  # since yesterday, still under way
        a_job(7, estimate_usd=32.0, account="another"),  # charged to somebody else
        a_job(8, estimate_usd=None, request=None, fingerprint=None, generation_id="c"),  # ordered elsewhere
    ):
        await insert(store, job)
    assert await store.spent(ACCOUNT, MIDNIGHT) == 1 + 2 + 4 + 16


async def test_a_delivered_job_gives_up_its_claim_and_keeps_its_first_delivery(store: Store) -> None:
    job = a_job(1)
    await claim(store, job)
    await store.deliver(job, caller="me", at=NOON)
    await store.deliver(job, caller="me", at=NOON + timedelta(days=1))
    assert await store.claimed(job.fingerprint or "") is None
    assert (await kept(store, job)).delivered_at == NOON


async def test_an_adopted_id_becomes_one_job_however_often_it_is_adopted(open_store: Opener) -> None:
    adopted: list[Job] = []

    async def adopt(number: int) -> None:
        job = a_job(number, request=None, fingerprint=None, state=State.QUEUED, generation_id="theirs")
        adopted.append(await open_store().adopt(job, owner=str(number), lease=20))

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(adopt, number)
    assert len({job.id for job in adopted}) == 1


async def test_two_accounts_may_have_the_same_generation_id(store: Store) -> None:
    await insert(store, a_job(1, generation_id="g"))
    await insert(store, a_job(2, generation_id="g", account="another"))
    assert [job.id for job in await store.page([], 10, account=ACCOUNT)] == [a_job(1).id]
    assert [job.id for job in await store.page([], 10, account="another")] == [a_job(2).id]


# The paid call


async def test_only_the_owner_sends_and_only_once(store: Store) -> None:
    job = await insert(store, a_job())
    assert not await store.begin_sending(job, owner="another", at=NOON, lease=20)
    assert await store.begin_sending(job, owner="me", at=NOON, lease=20)
    assert not await store.begin_sending(job, owner="me", at=NOON, lease=20)
    assert (await kept(store, job)).sent_at == NOON


async def test_a_call_that_did_not_leave_may_be_sent_again_by_its_owner(store: Store) -> None:
    job = await insert(store, a_job())
    await store.begin_sending(job, owner="me", at=NOON, lease=20)
    await store.not_sent(job, owner="another")
    assert not await store.begin_sending(job, owner="me", at=NOON, lease=20)
    await store.not_sent(job, owner="me")
    assert await store.begin_sending(job, owner="me", at=NOON, lease=20)


class Forgetful(Database):
    """Writes, and then does not say so, once."""

    told = True

    async def run(self, sql: str, **values: Any) -> list[Row]:
        rows = await super().run(sql, **values)
        if not self.told:
            self.told = True
            raise LedgerError("no answer")
        return rows


async def test_a_mark_whose_answer_was_lost_is_no_call_that_was_sent(address: Address) -> None:
    database = Forgetful(address)
    store = Store(database)
    job = await insert(store, a_job())
    database.told = False
    with pytest.raises(LedgerError):
        await store.begin_sending(job, owner="me", at=NOON, lease=20)
    assert not await store.begin_sending(job, owner="another", at=NOON + timedelta(seconds=1), lease=20)
    database.told = False
    with pytest.raises(LedgerError):
        await store.begin_sending(job, owner="me", at=NOON + timedelta(seconds=2), lease=20)
    assert await store.begin_sending(job, owner="me", at=NOON + timedelta(seconds=3), lease=20)
    assert (await kept(store, job)).sent_at == NOON
    assert not await store.begin_sending(job, owner="me", at=NOON + timedelta(seconds=4), lease=20)
    await store.close()


async def test_a_paid_id_is_recorded_whoever_owns_the_job_by_now(store: Store) -> None:
    job = await insert(store, a_job(), lease=-1)
    (taken,) = await taken_over(store, account=job.account, owner="another")
    assert await store.save(taken.lost("No answer.", at=NOON), owner="another")
    await store.accept(job.accepted("paid", cost_usd=0.5), owner="me", lease=20)
    found = await kept(store, job)
    assert (found.state, found.generation_id, found.cost_usd) == (State.QUEUED, "paid", 0.5)
    assert (found.failure, found.finished_at) == (None, None)
    assert await owned(store, job, "me")


async def test_a_second_id_of_an_order_is_recorded_beside_the_first(store: Store) -> None:
    job = await insert(store, a_job())
    await store.accept(job.accepted("first", cost_usd=None), owner="me", lease=20)
    await store.accept(job.accepted("second", cost_usd=0.5), owner="me", lease=20)
    assert (await kept(store, job)).generation_id == "first"
    (taken,) = await taken_over(store, account=job.account, owner="another")
    assert (taken.generation_id, taken.request, taken.cost_usd) == ("second", job.request, 0.5)


async def test_two_orders_that_are_answered_with_the_same_id_are_both_recorded(store: Store) -> None:
    first, second = await insert(store, a_job(1)), await insert(store, a_job(2))
    await store.accept(first.accepted("same", cost_usd=None), owner="me", lease=20)
    await store.accept(second.accepted("same", cost_usd=None), owner="me", lease=20)
    assert (await kept(store, second)).generation_id == "same"


async def test_a_paid_id_is_recorded_even_where_the_ledger_was_replaced_by_an_empty_one(store: Store) -> None:
    await store.accept(a_job().accepted("paid", cost_usd=0.5), owner="me", lease=20)
    assert (await kept(store, a_job())).generation_id == "paid"
    assert await owned(store, a_job(), "me")


async def test_an_order_takes_the_place_of_its_own_adopted_id(store: Store) -> None:
    ordered = await insert(store, a_job(1))
    adopted = a_job(2, request=None, fingerprint=None, state=State.QUEUED, generation_id="paid")
    await store.adopt(adopted, owner="another", lease=20)
    await store.accept(ordered.accepted("paid", cost_usd=None), owner="me", lease=20)
    assert [job.id for job in await store.page([], 10, account=ACCOUNT)] == [ordered.id]


# Leases


async def test_only_the_owner_writes(store: Store) -> None:
    job = await insert(store, a_job(state=State.QUEUED, generation_id="g"))
    assert not await store.save(job.running(State.GENERATING), owner="another", release_claim=True)
    assert await kept(store, job) == job
    assert await store.claimed(job.fingerprint or "") == job
    assert await store.save(job.running(State.GENERATING, note="half"), owner="me")
    assert (await kept(store, job)).note == "half"


async def test_a_settled_job_is_let_go_of_and_a_free_failure_gives_up_its_claim(store: Store) -> None:
    job = await insert(store, a_job())
    assert await store.save(job.failed(a_failure(), at=NOON), owner="me", release_claim=True)
    assert not await owned(store, job, "me")
    assert await store.claimed(job.fingerprint or "") is None


@pytest.mark.parametrize("state", list(State))
async def test_jobs_under_way_are_taken_over_when_their_lease_has_run_out(store: Store, state: State) -> None:
    gone = await insert(store, a_job(1, state=state, generation_id="a"), owner="gone", lease=-1)
    await insert(store, a_job(2, state=state, generation_id="b"), owner="alive", lease=20)
    await insert(store, a_job(3, state=state, generation_id="c", account="another"), owner="gone", lease=-1)
    taken = await taken_over(store, account=gone.account, owner="me")
    assert taken == ([gone] if state in ACTIVE else [])
    assert await taken_over(store, account=gone.account, owner="third") == []


async def test_a_clock_that_was_set_back_keeps_no_job_from_being_taken_over(store: Store) -> None:
    gone = await insert(store, a_job(state=State.QUEUED, generation_id="a"), owner="gone", lease=3600)
    assert await taken_over(store, account=gone.account, owner="me") == [gone]


async def test_one_of_many_takes_over(open_store: Opener) -> None:
    job = await insert(open_store(), a_job(), owner="gone", lease=-1)
    taken: list[Job] = []

    async def take_over(number: int) -> None:
        taken.extend(await taken_over(open_store(), account=job.account, owner=str(number)))

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(take_over, number)
    assert taken == [job]


async def test_a_beat_renews_what_its_owner_tends_and_nothing_else(store: Store) -> None:
    jobs = [await insert(store, a_job(number), owner="me", lease=-1) for number in range(3)]
    theirs = await insert(store, a_job(3), owner="another", lease=-1)
    await store.beat({jobs[0].id, jobs[1].id, theirs.id}, owner="me", lease=20)
    await store.beat(set(), owner="me", lease=20)
    taken = await taken_over(store, account=theirs.account, owner="third")
    assert {job.id for job in taken} == {jobs[2].id, theirs.id}


async def test_leases_are_counted_by_the_databases_clock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await insert(store, a_job(), lease=20)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert await taken_over(store, account=job.account, owner="fast clock") == []


async def test_what_is_let_go_of_can_be_taken_at_once(store: Store) -> None:
    job = await insert(store, a_job(), owner="me")
    theirs = await insert(store, a_job(2), owner="another")
    await store.let_go(owner="me")
    assert await taken_over(store, account=job.account, owner="next") == [job]
    assert await owned(store, theirs, "another")


@pytest.mark.parametrize("state", sorted(SETTLED))
async def test_a_settled_job_is_taken_by_one_who_wants_its_file_again(store: Store, state: State) -> None:
    job = await insert(store, a_job(state=state, generation_id="g"), lease=-1)
    again = replace(job, state=State.QUEUED, note="once more")
    assert not await store.take(again, was=State.GENERATING, owner="a", lease=20)
    assert await store.take(again, was=state, owner="a", lease=20)
    assert not await store.take(again, was=state, owner="b", lease=20)
    assert await kept(store, job) == again
    assert await owned(store, job, "a")


# Reading


async def test_a_job_is_found_by_our_id_and_by_upstreams(store: Store) -> None:
    job = await insert(store, a_job(generation_id="-a:b/c"))
    assert await store.get(job.id, account=ACCOUNT) == await store.get("-a:b/c", account=ACCOUNT) == job
    assert await store.get("", account=ACCOUNT) is None
    assert await store.get("'; DROP TABLE jobs; --", account=ACCOUNT) is None


async def walk(store: Store, states: list[State], limit: int) -> list[str]:
    seen: list[Job] = []
    while page := await store.page(states, limit, seen[-1] if seen else None, account=ACCOUNT):
        seen += page
    return [job.id for job in seen]


async def test_pages_show_unknown_outcomes_first_then_the_newest(store: Store) -> None:
    states = [State.UNKNOWN if number in (2, 5) else State.COMPLETED for number in range(8)]
    for number, state in enumerate(states):
        await insert(store, a_job(number, state=state, generation_id=str(number)))
    expected = [a_job(number).id for number in (5, 2, 7, 6, 4, 3, 1, 0)]
    assert [await walk(store, [], limit) for limit in (1, 3, 8, 20)] == [expected] * 4
    assert await walk(store, [State.UNKNOWN], 1) == expected[:2]
    assert await walk(store, [State.COMPLETED, State.UNKNOWN], 3) == expected
    assert await walk(store, [State.FAILED], 3) == []


async def test_a_job_whose_outcome_becomes_known_between_two_pages_hides_no_other(store: Store) -> None:
    jobs = [await insert(store, a_job(n, state=State.UNKNOWN if n == 0 else State.COMPLETED)) for n in range(3)]
    (seen,) = await store.page([], 1, account=ACCOUNT)
    await store.accept(seen.accepted("found", cost_usd=None), owner="me", lease=20)
    assert [job.id for job in await store.page([], 10, seen, account=ACCOUNT)] == [jobs[2].id, jobs[1].id, seen.id]


async def test_a_cursor_stands_still_while_new_jobs_come(store: Store) -> None:
    same_time = {"created_at": NOON}
    for number in range(6):
        await insert(store, a_job(number, **same_time))
    first = await store.page([], 3, account=ACCOUNT)
    await insert(store, a_job(7, **same_time))
    await insert(store, a_job(8))
    second = await store.page([], 10, first[-1], account=ACCOUNT)
    assert [job.id for job in first + second] == [a_job(number).id for number in (5, 4, 3, 2, 1, 0)]


async def test_usual_times_come_from_finished_jobs_of_the_kind(store: Store) -> None:
    for number in range(3):
        done = {"state": State.COMPLETED, "finished_at": NOON + timedelta(seconds=10 * number + number)}
        await insert(store, a_job(number, generation_id=str(number), **done))
    await insert(store, a_job(4, state=State.FAILED, finished_at=NOON + timedelta(seconds=99)))
    kind = a_job().kind
    assert [round(seconds) for seconds in await store.durations(kind)] == [20, 10, 0]
    assert [round(seconds) for seconds in await store.durations(kind, 1)] == [20]
    assert await store.durations("another kind") == []
