"""What is asked of the jobs table."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from veo_mcp.errors import LedgerError
from veo_mcp.jobs import ACTIVE, Job, State, new_job_id
from veo_mcp.store.database import Database
from veo_mcp.store.rows import COLUMNS, Execute, Row, Unreadable, from_row, read_time, to_row, why_unreadable
from veo_mcp.store.stranded import claim_beside_others

logger = logging.getLogger(__name__)

_IN_FLIGHT = "state IN ({})".format(", ".join(f"'{state}'" for state in sorted(ACTIVE)))
_SPENT = f"""SELECT COALESCE(SUM(COALESCE(cost_usd, estimate_usd, 0)), 0) AS usd FROM jobs
    WHERE backend = :backend AND (created_at >= :since OR ({_IN_FLIGHT} AND created_at >= :since - {2 * 86_400}))"""
_INSERT = "INSERT INTO jobs({}, claim, owner, lease_until) VALUES({}, :claim, :owner, NOW + :lease)".format(
    ", ".join(COLUMNS), ", ".join(f":{column}" for column in COLUMNS)
)
_CHANGING = (
    "state", "generation_id", "url", "video", "failure", "warnings", "note", "cost_usd", "finished_at",
)  # fmt: skip
_CHANGES = ", ".join(f"{column} = :{column}" for column in _CHANGING)
_SAVE = f"UPDATE jobs SET {_CHANGES} WHERE id = :id AND owner = :owner RETURNING id"
_LEASE_ANEW = 20  # seconds; the next heartbeat renews it
_LONGEST_LEASE = 600  # seconds; one that ends later was given before the clock was set back
_FREE = f"(owner IS NULL OR lease_until < NOW OR lease_until > NOW + {_LONGEST_LEASE})"
_STANDING = """SELECT * FROM jobs WHERE fingerprint = :fingerprint AND claim IS NOT NULL
    ORDER BY created_at DESC, id DESC LIMIT 1"""
# COALESCE keeps SQLite from looking by state or claim, in which most rows are alike, where it should go by time.
_OVER = """created_at < :before AND COALESCE(finished_at, created_at) < :before
    AND COALESCE(delivered_at, created_at) < :before AND COALESCE(state, '') IN ('completed', 'failed')
    AND COALESCE(claim, owner) IS NULL"""
_DOCTORS_ROWS = 2_000
_RANK = "(CASE WHEN state = 'unknown' THEN 1 ELSE 0 END)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """`job` is the one to look at, just inserted or already there; None where the sum allowed would be passed."""

    job: Job | None
    is_new: bool
    spent_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """A client's handle on a job. `reused`: the job was there already; `cancelled`: the client no longer waits.

    `ended` is what the task was found to have ended with, whatever becomes of the job later.
    """

    id: str
    job: Job
    created_at: datetime
    reused: bool
    cancelled: bool = False
    ended: str | None = None


class Store:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: set[str] = set()
        self._marks: dict[tuple[str, str], float] = {}  # of `begin_sending`: whether they were written was never said

    async def close(self) -> None:
        await self._database.close()

    async def _rows(self, sql: str, **values: Any) -> list[Row]:
        return await self._database.run(sql, **values)

    async def _jobs(self, sql: str, **values: Any) -> list[Job]:
        """Return the jobs that can be read, as many as `limit` says if there are as many."""
        wanted = values.get("limit")
        while True:
            rows = await self._rows(sql, **values)
            jobs = [job for row in rows if (job := self._readable(row)) is not None]
            if wanted is None or len(jobs) >= wanted or len(rows) < values["limit"]:
                return jobs[:wanted]
            values["limit"] += len(rows) - len(jobs)

    def _readable(self, row: Row) -> Job | None:
        """Return the job, or None where the row cannot be read, which is said once."""
        try:
            return from_row(row)
        except Unreadable as error:
            if error.row_id not in self._told:
                self._told.add(error.row_id)
                logger.error("%s", error)  # noqa: TRY400
            return None

    async def _job(self, sql: str, **values: Any) -> Job | None:
        """Return the first job. Raises Unreadable."""
        return next((from_row(row) for row in await self._rows(sql, **values)), None)

    # Orders: who may pay, and for what

    async def claim(
        self, job: Job, *, owner: str, lease: float, since: datetime, limit_usd: float | None, anew: bool
    ) -> Claimed:
        """Insert the job, unless its fingerprint is claimed already or the sum since `since` would pass the limit.

        One transaction: of all processes on this database exactly one is told `is_new`. A job claims its fingerprint
        until it is delivered or has ended free of charge. `anew` adds a claim beside those that stand; the same
        request later finds the newest.
        """
        claim = f"{job.fingerprint} {job.id}" if anew else job.fingerprint

        def work(execute: Execute) -> Claimed:
            standing = [] if anew else execute(_STANDING, fingerprint=job.fingerprint)
            spent = float(execute(_SPENT, backend=job.backend, since=since.timestamp())[0]["usd"])
            if standing:
                return Claimed(job=from_row(standing[0]), is_new=False, spent_usd=spent)
            if limit_usd is not None and spent + (job.estimate_usd or 0) > limit_usd + 1e-9:
                return Claimed(job=None, is_new=False, spent_usd=spent)
            execute(_INSERT, **to_row(job), claim=claim, owner=owner, lease=lease)
            return Claimed(job=job, is_new=True, spent_usd=spent)

        return await self._database.transact(work, lock=f"claim {job.backend}")

    async def claimed(self, fingerprint: str) -> Job | None:
        """Return the job that an order of this fingerprint would be answered with."""
        return await self._job(_STANDING, fingerprint=fingerprint)

    async def last_delivered(self, fingerprint: str) -> Job | None:
        """Return the newest job of this fingerprint whose video a caller has."""
        sql = """SELECT * FROM jobs WHERE fingerprint = :fingerprint AND state = 'completed'
            AND delivered_at IS NOT NULL ORDER BY created_at DESC LIMIT 1"""
        return next(iter(await self._jobs(sql, fingerprint=fingerprint)), None)

    async def adopt(self, job: Job, *, owner: str, lease: float) -> Job:
        """Insert a job whose id came from elsewhere, or return the one that has it."""
        sql = "SELECT * FROM jobs WHERE account = :account AND generation_id = :generation_id ORDER BY created_at DESC"

        def work(execute: Execute) -> Job:
            standing = execute(sql, account=job.account, generation_id=job.generation_id)
            if not standing:
                execute(_INSERT, **to_row(job), claim=None, owner=owner, lease=lease)
            return from_row(standing[0]) if standing else job

        return await self._database.transact(work, lock=f"adopt {job.account} {job.generation_id}")

    async def begin_sending(self, job: Job, *, owner: str, at: datetime) -> bool:
        """Mark that the paid call is about to leave; whoever gets True sends it, and nobody ever again.

        False also where the claim has gone to another job: the database was deleted after the order, and somebody has
        ordered the same in the one that is there now. The second look finds that of a mark that went into the old one.
        A mark that was made without an answer is this process's own and may be made again: nothing was sent.
        """
        sql = """UPDATE jobs SET sent_at = :at WHERE id = :id AND owner = :owner AND claim IS NOT NULL
            AND (sent_at IS NULL OR sent_at = :unanswered) RETURNING claim"""
        unanswered = self._marks.get((job.id, owner))
        mark = self._marks.setdefault((job.id, owner), at.timestamp())
        marked = await self._rows(sql, id=job.id, owner=owner, at=mark, unanswered=unanswered)
        del self._marks[job.id, owner]
        if not marked:
            return False
        try:
            there = await self._rows("SELECT claim FROM jobs WHERE id = :id AND owner = :owner", id=job.id, owner=owner)
        except LedgerError:
            return True  # it is marked all the same
        if there != marked:
            await self.not_sent(job, owner=owner)
        return there == marked

    async def not_sent(self, job: Job, *, owner: str) -> None:
        """Take the mark back: the call did not leave, or was refused without a charge."""
        await self._rows("UPDATE jobs SET sent_at = NULL WHERE id = :id AND owner = :owner", id=job.id, owner=owner)

    async def accept(self, job: Job, *, owner: str, lease: float) -> None:
        """Record the id that upstream gave, whoever owns the job by now, even if its row has gone.

        A paid id is never dropped. Whoever has adopted the id meanwhile, from the account's history, gives way to the
        order itself. Where the order was settled with another id meanwhile, this one gets a row of its own, which
        somebody takes over.
        """
        drop = """DELETE FROM jobs WHERE account = :account AND generation_id = :generation_id AND id <> :id
            AND request IS NULL"""
        sql = f"""{_INSERT} ON CONFLICT(id) DO UPDATE SET state = excluded.state,
            generation_id = excluded.generation_id, cost_usd = excluded.cost_usd, warnings = excluded.warnings,
            failure = NULL, finished_at = NULL, owner = excluded.owner, lease_until = excluded.lease_until
            WHERE jobs.generation_id IS NULL RETURNING id"""

        same = "SELECT id FROM jobs WHERE id = :id AND generation_id = :generation_id"

        def work(execute: Execute) -> None:
            execute(drop, account=job.account, generation_id=job.generation_id, id=job.id)
            claim = claim_beside_others(execute, to_row(job) | {"claim": job.fingerprint})
            if execute(sql, **to_row(job), claim=claim, owner=owner, lease=lease):
                return
            if not execute(same, id=job.id, generation_id=job.generation_id):
                execute(sql, **to_row(replace(job, id=new_job_id())), claim=None, owner=None, lease=0)

        await self._database.transact(work)

    # Watching: who looks after a job

    async def save(self, job: Job, *, owner: str, release_claim: bool = False) -> bool:
        """Write the job if it is still the owner's; a settled job is let go of. False: somebody took it over.

        A job whose row has gone, for the database was deleted or replaced by an older one, gets it again.
        """

        def work(execute: Execute) -> bool:
            if not execute(_SAVE, **to_row(job), owner=owner) and not _written_anew(execute, job, owner):
                return False
            if not job.is_active:
                execute("UPDATE jobs SET owner = NULL, lease_until = NULL WHERE id = :id", id=job.id)
            if release_claim:
                execute("UPDATE jobs SET claim = NULL WHERE id = :id", id=job.id)
            return True

        return await self._database.transact(work)

    async def beat(self, job_ids: Collection[str], *, owner: str, lease: float) -> None:
        """Renew the owner's leases of these jobs. Jobs that nobody tends run out, whoever owns them."""
        if job_ids:
            names, values = _listed(job_ids)
            sql = f"UPDATE jobs SET lease_until = NOW + :lease WHERE owner = :owner AND id IN ({names})"
            await self._rows(sql, owner=owner, lease=lease, **values)

    async def take_over(self, *, account: str, owner: str, lease: float) -> list[Job]:
        """Take every job under way whose owner's lease has run out, or that has none."""
        sql = f"""UPDATE jobs SET owner = :owner, lease_until = NOW + :lease
            WHERE account = :account AND {_IN_FLIGHT} AND {_FREE} RETURNING *"""
        return await self._jobs(sql, account=account, owner=owner, lease=lease)

    async def take(self, job: Job, *, was: State, owner: str, lease: float) -> bool:
        """Write a job that moves on from where it had settled, unless somebody else has moved it."""
        sql = f"""UPDATE jobs SET {_CHANGES}, owner = :owner, lease_until = NOW + :lease
            WHERE id = :id AND state = :was AND {_FREE} RETURNING id"""
        return bool(await self._rows(sql, **to_row(job), was=was.value, owner=owner, lease=lease))

    async def bring_over(self, job: Job) -> bool:
        """Give a job, and its claim, to another account, unless somebody is looking after it."""
        sql = f"""UPDATE jobs SET account = :account, fingerprint = :fingerprint,
            claim = CASE WHEN claim IS NULL THEN NULL ELSE :claim END WHERE id = :id AND {_FREE} RETURNING id"""
        claim = f"{job.fingerprint} {job.id}"
        return bool(await self._rows(sql, id=job.id, account=job.account, fingerprint=job.fingerprint, claim=claim))

    async def note_place(self, job: Job) -> None:
        """Write where the completed job's file is, whoever owns the job."""
        sql = "UPDATE jobs SET video = :video WHERE id = :id AND state = 'completed'"
        await self._rows(sql, id=job.id, video=to_row(job)["video"])

    async def let_go(self, *, owner: str) -> None:
        """Give up all leases, so that the next process need not wait for them to run out."""
        await self._rows("UPDATE jobs SET owner = NULL, lease_until = NULL WHERE owner = :owner", owner=owner)

    # Reading

    async def get(self, handle: str) -> Job | None:
        """Return the job by our id or by upstream's."""
        sql = "SELECT * FROM jobs WHERE id = :handle OR generation_id = :handle ORDER BY created_at DESC LIMIT 1"
        return await self._job(sql, handle=handle)

    async def page(self, states: Collection[State], limit: int, after: Job | None = None) -> list[Job]:
        """Return jobs, those of unknown outcome first, then the newest; `after` is the last one, as it was seen."""
        names, values = _listed(sorted(states))
        where = f"state IN ({names})" if states else "1 = 1"
        if after is not None:
            where += f" AND ({_RANK}, created_at, id) < (:rank, :created_at, :id)"
            values |= {
                "rank": int(after.state is State.UNKNOWN),
                "created_at": after.created_at.timestamp(),
                "id": after.id,
            }
        sql = f"SELECT * FROM jobs WHERE {where} ORDER BY {_RANK} DESC, created_at DESC, id DESC LIMIT :limit"
        return await self._jobs(sql, limit=limit, **values)

    async def spent(self, backend: str, since: datetime) -> float:
        """Return the dollars spent since then plus what is under way; unknown outcomes count as spent."""
        return float((await self._rows(_SPENT, backend=backend, since=since.timestamp()))[0]["usd"])

    async def durations(self, kind: str, limit: int = 20) -> list[float]:
        """Return how many seconds the latest finished jobs of a kind took."""
        sql = """SELECT finished_at - created_at AS seconds FROM jobs
            WHERE kind = :kind AND state = 'completed' AND fingerprint IS NOT NULL
            ORDER BY finished_at DESC LIMIT :limit"""
        rows = await self._rows(sql, kind=kind, limit=limit)
        return [float(row["seconds"]) for row in rows if isinstance(row["seconds"], int | float)]

    async def deliver(self, job: Job, *, at: datetime) -> None:
        """Note that a caller has been handed the outcome: the same request orders a new video from here on.

        Earlier orders of unknown outcome no longer stand in its way once the caller has a video in their place.
        """
        replaced = """UPDATE jobs SET claim = NULL
            WHERE fingerprint = :fingerprint AND state = 'unknown' AND created_at <= :created_at"""
        sql = "UPDATE jobs SET delivered_at = :at, claim = NULL WHERE id = :id AND delivered_at IS NULL"

        def work(execute: Execute) -> None:
            if job.state is State.COMPLETED:
                execute(replaced, fingerprint=job.fingerprint, created_at=job.created_at.timestamp())
            execute(sql, id=job.id, at=at.timestamp())

        await self._database.transact(work)

    # Tasks: a client's handle on a job, good in any process and after a restart

    async def add_task(self, task: JobTask) -> None:
        sql = "INSERT INTO tasks(id, job_id, created_at, reused) VALUES(:id, :job_id, :at, :reused)"
        await self._rows(sql, id=task.id, job_id=task.job.id, at=task.created_at.timestamp(), reused=int(task.reused))

    async def task(self, task_id: str) -> JobTask | None:
        sql = """SELECT jobs.*, tasks.created_at AS task_created_at, reused, cancelled_at, ended
            FROM tasks JOIN jobs ON jobs.id = job_id WHERE tasks.id = :id"""
        for row in await self._rows(sql, id=task_id):
            created_at = read_time(row["task_created_at"])
            return JobTask(
                id=task_id,
                job=from_row(row),
                created_at=created_at,
                reused=bool(row["reused"]),
                cancelled=row["cancelled_at"] is not None,
                ended=row["ended"],
            )
        return None

    async def end_task(self, task_id: str, ended: str) -> None:
        """Keep what the task ended with."""
        await self._rows("UPDATE tasks SET ended = :ended WHERE id = :id AND ended IS NULL", id=task_id, ended=ended)

    async def cancel_task(self, task_id: str, *, at: datetime) -> None:
        sql = "UPDATE tasks SET cancelled_at = :at WHERE id = :id AND cancelled_at IS NULL"
        await self._rows(sql, id=task_id, at=at.timestamp())

    # Pruning

    async def over_before(self, before: datetime, limit: int, after: Job | None = None) -> list[Job]:
        """Return jobs that have ended, stand for no order and were not touched since then, oldest first."""
        where, values = _OVER, {"before": before.timestamp()}
        if after is not None:
            where += " AND (created_at, id) > (:created_at, :id)"
            values |= {"created_at": after.created_at.timestamp(), "id": after.id}
        sql = f"SELECT * FROM jobs WHERE {where} ORDER BY created_at, id LIMIT :limit"
        return await self._jobs(sql, limit=limit, **values)

    async def forget(self, job_ids: Collection[str], *, before: datetime) -> int:
        """Delete these jobs and their tasks, if they are still as `over_before` found them; return how many it were."""
        names, values = _listed(job_ids)
        values["before"] = before.timestamp()
        tasks = f"DELETE FROM tasks WHERE job_id IN (SELECT id FROM jobs WHERE id IN ({names}) AND {_OVER} FOR UPDATE)"
        jobs = f"DELETE FROM jobs WHERE id IN ({names}) AND {_OVER} RETURNING id"

        def work(execute: Execute) -> int:
            execute(tasks, **values)
            return len(execute(jobs, **values))

        return await self._database.transact(work) if job_ids else 0

    async def created(self, job_ids: Collection[str]) -> dict[str, datetime]:
        """Return when these jobs were ordered; those that are not in the table are left out."""
        names, values = _listed(job_ids)
        rows = await self._rows(f"SELECT id, created_at FROM jobs WHERE id IN ({names})", **values) if job_ids else []
        return {row["id"]: at for row in rows if (at := _time_or_none(row["created_at"])) is not None}

    async def unreadable(self, most: int) -> tuple[int, list[Unreadable]]:
        """Read the newest rows, so many at most; return how many there were, and what is wrong with which."""
        sql = "SELECT * FROM jobs ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset"
        number, found = 0, list[Unreadable]()
        while number < most:
            rows = await self._rows(sql, limit=min(_DOCTORS_ROWS, most - number), offset=number)
            number += len(rows)
            found += [error for row in rows if (error := why_unreadable(row)) is not None]
            if len(rows) < _DOCTORS_ROWS:
                break
        return number, found


def _written_anew(execute: Execute, job: Job, owner: str) -> bool:
    """Insert the job unless it, or another one of its generation, is there."""
    sql = "SELECT id FROM jobs WHERE id = :id OR (account = :account AND generation_id = :generation_id)"
    if execute(sql, id=job.id, account=job.account, generation_id=job.generation_id):
        return False
    claim = (
        None if job.delivered_at is not None else claim_beside_others(execute, to_row(job) | {"claim": job.fingerprint})
    )
    execute(_INSERT, **to_row(job), claim=claim, owner=owner, lease=_LEASE_ANEW)
    return True


def _time_or_none(seconds: object) -> datetime | None:
    try:
        return read_time(seconds)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _listed(items: Collection[str]) -> tuple[str, dict[str, Any]]:
    """Return the names and values for `IN (…)`."""
    values: dict[str, Any] = {f"item{n}": str(item) for n, item in enumerate(items)}
    return ", ".join(f":{name}" for name in values), values
