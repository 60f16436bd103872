"""No statement reads the whole jobs table: with 100,000 rows that takes 50 ms and more, and some run every 5 s."""

from pathlib import Path
from typing import Any

from ledger import MIDNIGHT, claim, insert, kept
from studios import NOON, a_failure, a_job
from veo_mcp.jobs import State
from veo_mcp.store import Database, JobTask, Store
from veo_mcp.store.rows import Row


class Explained(Database):
    """Notes how SQLite runs each statement."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.plans: dict[str, list[str]] = {}

    def _execute(self, sql: str, **values: Any) -> list[Row]:
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")) and "schema_version" not in sql:
            steps = super()._execute(f"EXPLAIN QUERY PLAN {sql}", **values)
            self.plans[" ".join(sql.split())] = [step["detail"] for step in steps]
        return super()._execute(sql, **values)

    def scanned(self) -> dict[str, list[str]]:
        """Return the statements that read a whole table, and how."""
        return {
            sql: plan
            for sql, plan in self.plans.items()
            if any(step.startswith("SCAN") and "USING" not in step for step in plan)
        }


async def everything(store: Store) -> None:
    """Ask the store all that it can be asked."""
    job = await insert(store, a_job(1, generation_id="a"))
    await claim(store, a_job(2), limit_usd=100.0)
    await store.claimed(job.fingerprint or "")
    await store.last_delivered(job.fingerprint or "")
    await store.adopt(a_job(3, request=None, generation_id="b"), owner="me", lease=20)
    await store.begin_sending(job, owner="me", at=NOON, lease=20)
    await store.end_unsent(a_failure(), owner="me", at=NOON)
    await store.not_sent(job, owner="me")
    await store.accept(a_job(2).accepted("c", cost_usd=None), owner="me", lease=20)
    await store.beat([job.id], owner="me", lease=20)
    await store.abandoned(account=job.account)
    await store.take_over([job], owner="other", lease=20)
    done = job.failed(a_failure(), at=NOON)
    await store.save(done, owner="me", release_claim=True)
    await store.take(done, was=State.FAILED, owner="me", lease=20)
    await store.note_place(done)
    await store.get("a", account=job.account)
    for states in ([], [State.COMPLETED], [State.UNKNOWN]):
        await store.page(states, 20, account=job.account)
        await store.page(states, 20, after=job, account=job.account)
    await store.spent(job.account, MIDNIGHT)
    await store.durations(job.kind)
    await store.deliver(await kept(store, a_job(2)), caller="me", at=NOON)
    await store.add_task(JobTask(id="task", job=job, created_at=NOON, reused=False, caller="me"))
    await store.is_awaited(job)
    await store.task("task", account=job.account)
    await store.end_task("task", "{}")
    await store.cancel_task("task", at=NOON)
    await store.let_go(owner="me")
    await store.over_before(NOON, 20)
    await store.over_before(NOON, 20, after=job)
    await store.forget([job.id], before=NOON)
    await store.created([job.id])


async def test_no_statement_scans_the_jobs_table(tmp_path: Path) -> None:
    ledger = Explained(tmp_path / "jobs.sqlite3")
    store = Store(ledger)
    await everything(store)
    await store.close()
    assert len(ledger.plans) > 30
    assert ledger.scanned() == {}


async def test_a_page_and_the_usual_time_are_read_in_the_order_of_an_index(tmp_path: Path) -> None:
    ledger = Explained(tmp_path / "jobs.sqlite3")
    store = Store(ledger)
    await store.page([], 20, account="a")
    await store.page([State.FAILED], 20, account="a")
    await store.durations("kind")
    await store.close()
    sorts = {sql for sql, plan in ledger.plans.items() if "USE TEMP B-TREE FOR ORDER BY" in plan}
    assert (len(ledger.plans), sorts) == (3, set())


async def test_pruning_goes_through_the_rows_by_time(tmp_path: Path) -> None:
    ledger = Explained(tmp_path / "jobs.sqlite3")
    store = Store(ledger)
    await store.over_before(NOON, 20)
    await store.over_before(NOON, 20, after=a_job(1))
    await store.close()
    assert len(ledger.plans) == 2
    for plan in ledger.plans.values():
        assert plan[0].startswith("SEARCH jobs USING INDEX jobs_created (created_at")
