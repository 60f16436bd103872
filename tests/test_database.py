"""What a database may do to the ledger: be locked, gone, replaced or broken."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import anyio
import psycopg
import pytest

from ledger import ACCOUNT, NO_SERVER, SERVER, Address, claim, insert, kept
from studios import a_job
from veo_mcp.errors import LedgerError
from veo_mcp.store import Database, Store, database, postgres
from veo_mcp.store.worker import Patience, Silent, Worker


async def test_a_transaction_that_raises_changes_nothing(store: Store, address: Address) -> None:
    job = await insert(store, a_job())

    def work(execute: database.Execute) -> None:
        execute("DELETE FROM jobs")
        raise ValueError("in the middle")

    other = Database(address)
    with pytest.raises(ValueError, match="in the middle"):
        await other.transact(work)
    await other.close()
    assert await kept(store, job) == job


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_call_that_is_cut_gives_no_answer_however_soon_it_ends_then(*, is_cancelled: bool) -> None:
    """Else whoever is cancelled is told that the database cannot be used, and goes on."""
    worker, cut_off = Worker(), threading.Event()

    def work() -> None:
        cut_off.wait(10)
        raise LedgerError("The server closed the connection.")

    def cut() -> None:
        cut_off.set()
        while worker.is_stuck:
            time.sleep(0.01)

    if is_cancelled:
        with anyio.move_on_after(0.05) as scope:
            await worker.run(work, Patience(after_cancelling=0), cut=cut)
        assert scope.cancelled_caught
    else:
        with pytest.raises(Silent):
            await worker.run(work, Patience(seconds=0.05), cut=cut)
    worker.end()


async def test_a_locked_ledger_is_an_error_soon_and_works_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "jobs.sqlite3"
    store = Store(Database(path))
    await insert(store, a_job(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for write in (claim(store, a_job(2)), store.beat([a_job(1).id], owner="me", lease=20)):
            with pytest.raises(LedgerError, match="is locked by another process"):
                await write
        assert await kept(store, a_job(1)) == a_job(1)
        newcomer = Store(Database(path))
        with pytest.raises(LedgerError, match="is locked"):
            await newcomer.get(a_job(1).id, account=ACCOUNT)
        other.execute("ROLLBACK")
    assert await claim(store, a_job(2)) is not None
    assert await newcomer.get(a_job(1).id, account=ACCOUNT) == a_job(1)
    await newcomer.close()
    await store.close()


async def test_a_ledger_is_not_locked_because_its_path_says_so(tmp_path: Path) -> None:
    (tmp_path / "locked").write_text("not a folder")
    store = Store(Database(tmp_path / "locked" / "jobs.sqlite3"))
    with pytest.raises(LedgerError, match=r"cannot be used .*veo-mcp doctor"):
        await store.get("any", account="a")
    await store.close()


@pytest.mark.skipif(not SERVER, reason=NO_SERVER)
@pytest.mark.parametrize("address", ["postgres"], indirect=True)
async def test_a_locked_postgres_is_an_error_soon_and_works_afterwards(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 2)
    store = Store(Database(address))
    assert await store.get("any", account="a") is None
    with psycopg.connect(address) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [postgres.lock_number(f"claim {ACCOUNT}")])
        with pytest.raises(LedgerError, match="at VEO_MCP_DATABASE_URL is locked by another process"):
            await claim(store, a_job(1))
    assert await claim(store, a_job(1)) is not None
    await store.close()


async def test_a_ledger_that_cannot_be_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "garbage").write_bytes(b"not a database, whatever its name" * 100)
    for path in (tmp_path / "file" / "jobs.sqlite3", tmp_path / "folder", tmp_path / "garbage"):
        store = Store(Database(path))
        with pytest.raises(LedgerError, match="veo-mcp doctor") as trouble:
            await store.get("any", account="a")
        assert str(path) in str(trouble.value)
        await store.close()


async def test_a_ledger_that_comes_back_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "home" / "jobs.sqlite3"
    (tmp_path / "home").write_text("in the way")
    store = Store(Database(path))
    with pytest.raises(LedgerError):
        await store.get("any", account="a")
    (tmp_path / "home").unlink()
    assert await store.get("any", account="a") is None
    await store.close()


@pytest.mark.skipif(not SERVER, reason=NO_SERVER)
@pytest.mark.parametrize("address", ["postgres"], indirect=True)
async def test_a_postgres_that_hangs_up_is_an_error_once(address: str) -> None:
    ledger = Database(address)
    (row,) = await ledger.run("SELECT pg_backend_pid() AS pid")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [row["pid"]])
    with pytest.raises(LedgerError, match="at VEO_MCP_DATABASE_URL cannot be used"):
        await ledger.run("SELECT * FROM jobs")
    assert await ledger.run("SELECT * FROM jobs") == []
    await ledger.close()


@pytest.mark.skipif(not SERVER, reason=NO_SERVER)
@pytest.mark.parametrize("address", ["postgres"], indirect=True)
async def test_a_postgres_without_an_encoding_gives_text_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    assert await store.get("any", account="a") is None
    job = await insert(store, a_job(1))
    assert await kept(store, job) == job


@pytest.mark.parametrize(
    "address", ["postgresql://me:hunter2@127.0.0.1:9/jobs", "postgresql://me:hunter2@127.0.0.1:port/jobs"]
)
async def test_a_postgres_that_is_not_there_is_an_error_without_its_password(address: str) -> None:
    store = Store(Database(address))
    with pytest.raises(LedgerError, match="at VEO_MCP_DATABASE_URL cannot be used") as trouble:
        await store.get("any", account="a")
    assert "hunter2" not in str(trouble.value)
    await store.close()
