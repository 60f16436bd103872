"""The SQLite file is deleted or replaced while it is in use: nothing is paid twice, and no paid id is forgotten."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import ACCOUNT, claim, insert, kept, owned
from studios import NOON, a_job
from veo_mcp.jobs import State
from veo_mcp.store import Database, JobTask, Store
from veo_mcp.store.rows import Row

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of open files")

LOST = [("",), ("", "-wal", "-shm"), ("-wal", "-shm"), ("-wal",), ("-shm",)]
"""The database is deleted, with its side files or without; or those alone are."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "jobs.sqlite3"


def delete(path: Path, endings: tuple[str, ...] = ("", "-wal", "-shm")) -> None:
    for ending in endings:
        Path(f"{path}{ending}").unlink()


ORDER = """
import sys, anyio
from pathlib import Path
sys.path[:0] = {path!r}
from dataclasses import replace
from studios import a_job
from ledger import claim
from veo_mcp.store import Database, Store

async def main():
    store = Store(Database(Path(sys.argv[1])))
    job = await claim(store, replace(a_job(77), fingerprint=sys.argv[2]), owner="another")
    print("pays" if job else "reuses")
    await store.close()

anyio.run(main)
""".replace("{path!r}", repr(sys.path))


def ordered_elsewhere(path: Path, fingerprint: str) -> str:
    """Order in another process."""
    command = [sys.executable, "-c", ORDER, str(path), fingerprint]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.mark.parametrize("endings", LOST)
async def test_a_paid_video_is_known_after_the_database_was_deleted(path: Path, endings: tuple[str, ...]) -> None:
    store = Store(Database(path))
    job = await insert(store, a_job(1, state=State.QUEUED, generation_id="paid"), lease=20)
    await store.add_task(JobTask(id="task", job=job, created_at=NOON, reused=False, caller="me"))
    delete(path, endings)
    assert await kept(store, job) == job
    assert await owned(store, job, "me")
    task = await store.task("task", account=ACCOUNT)
    assert task is not None
    assert task.job == job
    await store.close()
    newcomer = Store(Database(path))
    assert await kept(newcomer, job) == job
    await newcomer.close()


@pytest.mark.parametrize("endings", LOST)
async def test_an_order_is_not_paid_again_after_the_database_was_deleted(path: Path, endings: tuple[str, ...]) -> None:
    store = Store(Database(path))
    job = a_job(1)
    assert await claim(store, job) == job
    delete(path, endings)
    assert await claim(store, replace(a_job(2), fingerprint=job.fingerprint)) is None
    assert ordered_elsewhere(path, job.fingerprint or "") == "reuses"
    assert await store.begin_sending(job, owner="me", at=NOON, lease=20)
    await store.close()


@pytest.mark.parametrize("endings", [("", "-wal", "-shm"), ("-wal", "-shm"), ("-shm",)])
async def test_what_another_process_has_ordered_since_is_not_written_over(path: Path, endings: tuple[str, ...]) -> None:
    store = Store(Database(path))
    mine = await insert(store, a_job(1))
    delete(path, endings)
    assert ordered_elsewhere(path, "theirs") == "pays"
    assert await kept(store, mine) == mine
    assert (await kept(store, a_job(77))).fingerprint == "theirs"
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM jobs").fetchall() == [(2,)]


async def test_an_order_that_another_process_pays_since_is_not_sent_as_well(path: Path) -> None:
    store = Store(Database(path))
    job = a_job(1)
    await claim(store, job)
    delete(path)
    assert ordered_elsewhere(path, job.fingerprint or "") == "pays"
    assert not await store.begin_sending(job, owner="me", at=NOON, lease=20)
    assert (await kept(store, job)).sent_at is None
    standing = await store.claimed(job.fingerprint or "")
    assert standing is not None
    assert standing.id == a_job(77).id
    await store.close()


async def test_a_paid_call_that_has_left_stands_beside_the_order_of_another_process(path: Path) -> None:
    store = Store(Database(path))
    job = a_job(1)
    await claim(store, job)
    assert await store.begin_sending(job, owner="me", at=NOON, lease=20)
    delete(path)
    assert ordered_elsewhere(path, job.fingerprint or "") == "pays"
    await store.accept(job.accepted("paid", cost_usd=None), owner="me", lease=20)
    assert (await kept(store, job)).generation_id == "paid"
    assert await owned(store, job, "me")
    await store.deliver(await kept(store, a_job(77)), caller="me", at=NOON)
    assert await claim(store, replace(a_job(3), fingerprint=job.fingerprint)) is None
    await store.close()


class Interrupted(Database):
    """Has something done to the files at a statement."""

    def __init__(self, path: Path, at: str, trouble: Callable[[], object]) -> None:
        super().__init__(path)
        self.at, self.trouble, self.armed = at, trouble, False

    def _execute(self, sql: str, **values: Any) -> list[Row]:
        if self.armed and self.at in sql:
            self.armed = False
            self.trouble()
        return super()._execute(sql, **values)


async def test_a_claim_that_went_into_a_deleted_file_pays_nothing_twice(path: Path) -> None:
    fingerprint = a_job(1).fingerprint or ""

    def trouble() -> None:
        delete(path)
        assert ordered_elsewhere(path, fingerprint) == "pays"

    for at, told in (("INSERT INTO jobs", None), ("COMMIT", a_job(1))):
        database = Interrupted(path, at, trouble)
        store = Store(database)
        await store.get("any", account=ACCOUNT)
        database.armed = True
        assert await claim(store, a_job(1)) == told
        assert not await store.begin_sending(a_job(1), owner="me", at=NOON, lease=20)
        await store.close()
        delete(path, ("",))


async def test_a_mark_that_went_into_a_deleted_file_sends_nothing(path: Path) -> None:
    job = a_job(1)

    def trouble() -> None:
        delete(path)
        assert ordered_elsewhere(path, job.fingerprint or "") == "pays"

    database = Interrupted(path, "UPDATE jobs SET sent_at", trouble)
    store = Store(database)
    await claim(store, job)
    database.armed = True
    assert not await store.begin_sending(job, owner="me", at=NOON, lease=20)
    assert (await kept(store, job)).sent_at is None
    await store.close()


async def test_a_paid_id_is_written_into_an_older_copy_of_the_database(path: Path, tmp_path: Path) -> None:
    store = Store(Database(path))
    job = await insert(store, a_job(1))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "copy")) as copy:
        source.backup(copy)
    await store.begin_sending(job, owner="me", at=NOON, lease=20)
    await store.accept(job.accepted("paid", cost_usd=0.5), owner="me", lease=20)
    delete(path)
    (tmp_path / "copy").rename(path)
    found = await kept(store, job)
    assert (found.state, found.generation_id, found.cost_usd, found.sent_at) == (State.QUEUED, "paid", 0.5, NOON)
    await store.close()


async def test_what_was_learned_since_is_not_replaced_by_what_was_deleted(path: Path, tmp_path: Path) -> None:
    store = Store(Database(path))
    job = await insert(store, a_job(1, state=State.QUEUED, generation_id="paid"), lease=20)
    other = Store(Database(tmp_path / "other" / "jobs.sqlite3"))
    await insert(other, job.running(State.GENERATING, note="newer"), lease=20)
    await other.close()
    delete(path)
    (tmp_path / "other" / "jobs.sqlite3").rename(path)
    assert (await kept(store, job)).note == "newer"
    await store.close()


async def test_the_budget_counts_what_was_spent_before_the_database_was_deleted(path: Path) -> None:
    store, now = Store(Database(path)), datetime.now(UTC)
    done = a_job(1, state=State.COMPLETED, generation_id="a", created_at=now, estimate_usd=2.0)
    old = a_job(2, state=State.COMPLETED, generation_id="b", created_at=now - timedelta(days=9), estimate_usd=4.0)
    for job in (done, old):
        await insert(store, job, lease=-1)
        await store.deliver(job, caller="me", at=now)
        await store.let_go(owner="me")
    delete(path)
    assert await store.spent(ACCOUNT, now - timedelta(hours=1)) == 2.0
    assert await store.get(old.id, account=ACCOUNT) is None
    await store.close()


async def test_a_paid_job_is_kept_in_memory_until_there_is_a_database_again(path: Path) -> None:
    store = Store(Database(path))
    job = await insert(store, a_job(1, state=State.QUEUED, generation_id="paid"))
    delete(path)
    path.parent.rmdir()
    path.parent.write_text("in the way")
    for _ in range(2):
        with pytest.raises(Exception, match="The jobs database"):
            await store.get(job.id, account=ACCOUNT)
    path.parent.unlink()
    assert await kept(store, job) == job
    await store.close()


async def test_a_process_that_ends_leaves_a_paid_job_in_the_new_database(path: Path) -> None:
    store = Store(Database(path))
    job = await insert(store, a_job(1, state=State.QUEUED, generation_id="paid"))
    delete(path)
    await store.close()
    newcomer = Store(Database(path))
    assert await kept(newcomer, job) == job
    await newcomer.close()


async def test_a_generation_whose_row_has_gone_gets_it_again_with_owner_and_claim(store: Store) -> None:
    job = a_job(1, state=State.QUEUED, generation_id="paid")
    assert await store.save(job.running(State.GENERATING), owner="me")
    assert await store.claimed(job.fingerprint or "") == job.running(State.GENERATING)
    assert await owned(store, job, "me")
    accepted = a_job(2).accepted("paid too", cost_usd=None)
    await store.accept(accepted, owner="me", lease=20)
    assert await store.claimed(accepted.fingerprint or "") == accepted


async def test_an_adopted_generation_that_gave_way_to_its_order_is_not_written_again(store: Store) -> None:
    ordered = await insert(store, a_job(1))
    adopted = a_job(2, request=None, fingerprint=None, state=State.QUEUED, generation_id="paid")
    await store.adopt(adopted, owner="another", lease=20)
    await store.accept(ordered.accepted("paid", cost_usd=None), owner="me", lease=20)
    assert not await store.save(adopted.running(State.GENERATING), owner="another")
    assert [job.id for job in await store.page([], 10, account=ACCOUNT)] == [ordered.id]
