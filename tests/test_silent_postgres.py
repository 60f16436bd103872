"""A Postgres that stops answering, and sessions that hold locks for ever: whoever waits is told, and soon."""

import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from urllib.parse import quote

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ledger import ACCOUNT, NO_SERVER, SERVER, claim, insert, kept, owned
from silent_postgres import Relay, relayed, stopped
from studios import NOON, a_job
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import Job, State
from veo_mcp.store import Database, Store, database, postgres
from veo_mcp.store.rows import Execute

pytestmark = [
    pytest.mark.skipif(not SERVER, reason=NO_SERVER),
    pytest.mark.parametrize("address", ["postgres"], indirect=True),
]
HOW = pytest.mark.parametrize("how", ["stopped", "unreachable"])


@contextmanager
def silent(relay: Relay) -> Generator[None]:
    relay.silent = True
    yield
    relay.silent = False


def trouble(how: str, address: str, relay: Relay) -> AbstractContextManager[None]:
    return stopped(address) if how == "stopped" else silent(relay)


async def answered(store: Store, job: Job) -> Job:
    """Ask until the database is there again."""
    with anyio.fail_after(30):
        while True:
            try:
                return await kept(store, job)
            except LedgerError:
                await anyio.sleep(0.05)


@asynccontextmanager
async def opened(address: str) -> AsyncGenerator[Store]:
    """Open the ledger, and close it also where the test is skipped in the middle."""
    store = Store(Database(address))
    try:
        yield store
    finally:
        await store.close()


@HOW
async def test_a_call_is_told_soon_that_postgres_does_not_answer_and_goes_on_when_it_does(
    address: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with relayed(address) as relay:
        async with opened(relay.address) as store:
            job = await insert(store, a_job(1))
            with trouble(how, address, relay), anyio.fail_after(30):
                for _ in range(2):  # in a statement, then in the making of a new connection
                    with pytest.raises(LedgerError, match="at VEO_MCP_DATABASE_URL cannot be used"):
                        await store.get(job.id, account=ACCOUNT)
            assert await answered(store, job) == job


@HOW
async def test_whoever_is_cancelled_and_whoever_closes_does_not_wait_for_a_silent_postgres(
    address: str, how: str
) -> None:
    with relayed(address) as relay:
        async with opened(relay.address) as store:
            job = await insert(store, a_job(1))
            with trouble(how, address, relay):
                began = anyio.current_time()
                for _ in range(2):
                    with anyio.move_on_after(0.1):
                        await store.get(job.id, account=ACCOUNT)
                await store.close()
                assert anyio.current_time() - began < 8
            assert await answered(store, job) == job


@pytest.mark.parametrize("word", [b"set_config", b"advisory_xact_lock", b"schema_version", b"COMMIT"])
async def test_a_connection_that_falls_silent_after_the_login_is_cut_and_the_next_call_makes_another(
    address: str, word: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Store(Database(address))
    job = await insert(first, a_job(1))
    await first.close()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with relayed(address, last_word=word) as relay:
        store = Store(Database(relay.address))
        with anyio.fail_after(30), pytest.raises(LedgerError, match="at VEO_MCP_DATABASE_URL cannot be used"):
            await store.get(job.id, account=ACCOUNT)
        assert await answered(store, job) == job
        await store.close()


async def test_a_call_that_is_cancelled_but_ends_soon_is_not_torn(address: str) -> None:
    store = Store(Database(address))
    assert await store.get("any", account=ACCOUNT) is None
    told: list[Job | None] = []
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: _note(told, store))
            await anyio.lowlevel.checkpoint()
            scope.cancel()
    assert told in ([a_job(1)], [])
    assert (await store.get(a_job(1).id, account=ACCOUNT) is not None) == bool(told)
    await store.close()


async def _note(told: list[Job | None], store: Store) -> None:
    told.append(await claim(store, a_job(1)))


async def test_a_session_that_is_frozen_in_a_transaction_gives_its_locks_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    frozen, other, thawed = Database(address), Store(Database(address)), threading.Event()
    await insert(other, a_job(1))

    def work(execute: Execute) -> None:
        execute("UPDATE jobs SET note = 'never committed'")
        thawed.wait(30)

    async def freeze() -> None:
        with pytest.raises(LedgerError):
            await frozen.transact(work, lock=f"claim {ACCOUNT}")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(freeze)
        await anyio.sleep(0.3)
        with anyio.fail_after(20):
            while not await _written(other, a_job(2)):
                await anyio.sleep(0.05)
        assert await owned(other, a_job(1), "me")
        thawed.set()
    await frozen.close()
    await other.close()


async def _written(store: Store, job: Job) -> bool:
    try:
        return await claim(store, job) is not None
    except LedgerError:
        return False


@asynccontextmanager
async def held(address: str, sql: str) -> AsyncGenerator[None]:
    with psycopg.connect(address) as connection:
        connection.execute(sql.encode())
        yield


async def test_a_lock_on_orders_keeps_no_paid_id_from_being_recorded(address: str) -> None:
    store = Store(Database(address))
    job, done = await insert(store, a_job(1)), await insert(store, a_job(2))
    numbers = (postgres.MIGRATION_LOCK, postgres.lock_number(f"claim {ACCOUNT}"))
    locks = "; ".join(f"SELECT pg_advisory_xact_lock({number})" for number in numbers)
    async with held(address, locks):
        with anyio.fail_after(5):
            await store.accept(job.accepted("paid", cost_usd=None), owner="me", lease=20)
            assert await store.save(job.accepted("paid", cost_usd=None).running(State.GENERATING), owner="me")
            await store.deliver(done, caller="me", at=NOON)
            assert await store.forget([done.id], before=NOON) == 0
    await store.close()


async def test_a_lock_on_one_job_keeps_no_other_from_being_ordered_and_saved(address: str) -> None:
    store = Store(Database(address))
    await insert(store, a_job(1))
    other = await insert(store, a_job(2, state=State.QUEUED, generation_id="g"))
    async with held(address, "SELECT * FROM jobs WHERE generation_id IS NULL FOR UPDATE"):
        with anyio.fail_after(5):
            assert await store.save(other.running(State.GENERATING), owner="me")
            assert await claim(store, a_job(3)) is not None
    await store.close()


async def test_what_the_address_sets_is_not_set_otherwise(address: str) -> None:
    options = quote("-c statement_timeout=1234 -c lock_timeout=77")
    given = f"{address}{quote(' -c statement_timeout=1234 -c lock_timeout=77')}&connect_timeout=7&keepalives_idle=99"
    assert options in given
    ledger = Database(given)
    shown = {name: (await ledger.run(f"SHOW {name}"))[0][name] for name in ("statement_timeout", "lock_timeout")}
    assert shown == {"statement_timeout": "1234ms", "lock_timeout": "77ms"}
    name = "idle_in_transaction_session_timeout"
    assert await ledger.run(f"SHOW {name}") == [{name: "10s"}]
    with closing(postgres.connect(given, busy_seconds=10)) as connection:
        used = connection.info.get_parameters()
    assert {name: used[name] for name in ("connect_timeout", "keepalives_idle", "tcp_user_timeout")} == {
        "connect_timeout": "7",
        "keepalives_idle": "99",
        "tcp_user_timeout": "20000",
    }
    await ledger.close()
