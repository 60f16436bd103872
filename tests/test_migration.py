"""Databases of older and newer programs: brought up to date whole or not at all, copied before, shared if possible."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import ACCOUNT, Address, Opener, claim, insert, kept
from studios import a_failure, a_job, a_request
from test_jobs import ARTIFACT
from veo_mcp import __version__
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import State
from veo_mcp.store import Database, Store, database
from veo_mcp.store.schema import MIGRATIONS, Step

LEDGERS = Path(__file__).with_name("ledgers")
EXTRA = "ALTER TABLE jobs ADD COLUMN extra TEXT"
ADDITIVE = (*MIGRATIONS, Step(additive=True, statements=(EXTRA,)))
BREAKING = (*MIGRATIONS, Step(additive=False, statements=(EXTRA,)))


def a_ledger(folder: Path, schema: int) -> Path:
    """Write the ledger of an earlier program."""
    folder.mkdir(exist_ok=True)
    path = folder / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((LEDGERS / f"schema-{schema}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL")
    return path


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def written(address: Address, sql: str) -> None:
    """Run SQL as another program would."""
    if isinstance(address, str):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.encode())
        return
    with closing(sqlite3.connect(address)) as connection, connection:
        connection.execute(sql)


async def opened(path: Path) -> None:
    store = Store(Database(path))
    await store.get("any", account="a")
    await store.close()


async def test_a_ledger_of_the_first_schema_is_opened_and_goes_on(tmp_path: Path) -> None:
    store = Store(Database(a_ledger(tmp_path, 1)))
    (job,) = await store.page([], 10, account=ACCOUNT)
    assert (job.state, job.handle, job.request) == (State.COMPLETED, "gen-1:google/veo", a_request("A lighthouse"))
    assert job.video is not None
    assert await store.take(job.fetched_again(), was=job.state, owner="me", lease=20)
    await store.close()


async def test_a_ledger_of_schema_2_stays_readable_for_programs_of_schema_2(tmp_path: Path) -> None:
    path = a_ledger(tmp_path, 2)
    await opened(path)
    # What those programs ask, and the most that they take.
    assert rows(path, "SELECT version FROM schema_version") == [(2,)]
    assert rows(path, "SELECT step, program FROM schema_version") == [
        (len(MIGRATIONS), f"veo-mcp {__version__} ({sys.executable})")
    ]


async def test_an_older_program_goes_on_after_an_additive_migration(
    address: Address, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = open_store()
    job = await insert(running, a_job(1))
    for _ in range(10):  # so often that a driver might have the statement prepared
        await running.get(job.id, account=ACCOUNT)
    with monkeypatch.context() as newer:
        newer.setattr(database, "MIGRATIONS", ADDITIVE)
        assert await open_store().get(job.id, account=ACCOUNT) == job
    assert await kept(running, job) == job
    older = open_store()
    assert await kept(older, job) == job
    assert await claim(older, a_job(2)) == a_job(2)
    with monkeypatch.context() as newer:
        newer.setattr(database, "MIGRATIONS", ADDITIVE)
        assert await open_store().get(a_job(2).id, account=ACCOUNT) == a_job(2)


async def test_an_older_program_reads_records_with_more_fields(address: Address, store: Store) -> None:
    job = await insert(store, a_job(state=State.FAILED, video=ARTIFACT, failure=a_failure()))
    for column in ("video", "failure"):
        written(address, "UPDATE jobs SET $ = REPLACE($, '{', '{\"codec\": 1, ')".replace("$", column))
    assert await kept(store, job) == job


async def test_a_program_too_old_for_a_ledger_names_itself_and_the_newer_one_and_changes_nothing(
    address: Address, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await insert(open_store(), a_job())
    with monkeypatch.context() as newer:
        newer.setattr(database, "MIGRATIONS", BREAKING)
        newer.setattr("veo_mcp.store.migration.PROGRAM", "veo-mcp 9.9 (/opt/newer/python)")
        await open_store().get(job.id, account=ACCOUNT)
    with pytest.raises(LedgerError) as refused:
        await open_store().get(job.id, account=ACCOUNT)
    said = str(refused.value)
    assert f"schema {len(BREAKING)}, since veo-mcp 9.9 (/opt/newer/python) has used it" in said
    assert f"this one, veo-mcp {__version__} ({sys.executable}), knows {len(MIGRATIONS)}" in said
    assert f"{sys.executable} -m pip install --upgrade veo-mcp" in said
    monkeypatch.setattr(database, "MIGRATIONS", BREAKING)
    assert await open_store().get(job.id, account=ACCOUNT) == job


async def test_a_migration_that_fails_halfway_changes_nothing_and_leaves_no_copy(
    address: Address, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    await insert(open_store(), a_job())
    with monkeypatch.context() as patch:
        broken = Step(additive=True, statements=(EXTRA, "ALTER TABLE nowhere ADD COLUMN extra TEXT"))
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, broken))
        for _ in range(2):
            with pytest.raises(LedgerError):
                await open_store().get("any", account="a")
    if isinstance(address, Path):
        assert list(address.parent.glob("*schema*")) == []
    monkeypatch.setattr(database, "MIGRATIONS", ADDITIVE)
    assert await open_store().get(a_job().id, account=ACCOUNT) == a_job()
    assert await open_store().get(a_job().id, account=ACCOUNT) == a_job()


# The copy before a migration (SQLite)


async def test_a_ledger_is_copied_before_its_migration_and_a_new_one_is_not(tmp_path: Path) -> None:
    await opened(tmp_path / "new" / "jobs.sqlite3")
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "jobs.sqlite3"]

    path = a_ledger(tmp_path / "old", 2)
    before = rows(path, "SELECT * FROM jobs")
    await opened(path)
    await opened(path)
    copy = path.with_name("jobs.schema-2.sqlite3")
    assert sorted(path.parent.iterdir()) == [copy, path]
    assert rows(copy, "SELECT * FROM jobs") == before
    assert rows(copy, "SELECT * FROM schema_version") == [(2,)]
    assert os.name != "posix" or stat.S_IMODE(copy.stat().st_mode) == 0o600


async def test_the_copy_of_an_earlier_migration_is_not_overwritten(tmp_path: Path) -> None:
    path = a_ledger(tmp_path, 2)
    first, second = (path.with_name(name) for name in ("jobs.schema-2.sqlite3", "jobs.schema-2-2.sqlite3"))
    first.write_text("of an earlier migration")
    await opened(path)
    assert first.read_text() == "of an earlier migration"
    assert len(rows(second, "SELECT * FROM jobs")) == 2


async def test_what_is_only_in_the_write_ahead_log_is_in_the_copy(tmp_path: Path) -> None:
    path = a_ledger(tmp_path, 2)
    with closing(sqlite3.connect(path)) as running:  # an older program that stays open: nothing is checkpointed
        running.execute("UPDATE jobs SET note = 'newest'")
        running.commit()
        await opened(path)
        assert {note for (note,) in rows(path.with_name("jobs.schema-2.sqlite3"), "SELECT note FROM jobs")} == {
            "newest"
        }


NO_ROOM = """
import resource, sys, anyio
from pathlib import Path
from veo_mcp.errors import LedgerError
from veo_mcp.store import Database, Store

async def main(path):
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    store = Store(Database(path))
    try:
        await store.get("any", account="a")
    except LedgerError as error:
        print(error)

anyio.run(main, Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
def test_a_disk_too_full_for_the_copy_is_an_error_and_nothing_is_migrated(tmp_path: Path) -> None:
    path = a_ledger(tmp_path, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE jobs SET note = hex(randomblob(200000))")
    connection.close()
    ran = subprocess.run([sys.executable, "-c", NO_ROOM, str(path)], capture_output=True, text=True, check=True)
    assert f"{path} was not migrated and is as it was" in ran.stdout
    assert "Make room on that disk" in ran.stdout
    assert rows(path, "SELECT * FROM schema_version") == [(2,)]
    assert list(tmp_path.glob("*schema*")) == list(tmp_path.glob(".*")) == []
