"""What is asked of the jobs table."""

import json
import logging
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast

from veo_mcp.errors import LedgerError
from veo_mcp.jobs import ACTIVE, Failure, Job, State, new_job_id
from veo_mcp.store.database import Database
from veo_mcp.store.rows import COLUMNS, Execute, Row, Unreadable, from_row, read_time, to_row, why_unreadable
from veo_mcp.store.stranded import claim_beside_others

logger = logging.getLogger(__name__)

_IN_FLIGHT = "state IN ({})".format(", ".join(f"'{state}'" for state in sorted(ACTIVE)))
_SPENT = f"""SELECT COALESCE(SUM(COALESCE(cost_usd, estimate_usd, 0)), 0) AS usd FROM jobs
    WHERE account = :account AND (created_at >= :since OR ({_IN_FLIGHT} AND created_at >= :since - {2 * 86_400}))"""
_INSERT = """INSERT INTO jobs({}, claim, owner, lease_until, orderers)
    VALUES({}, :claim, :owner, NOW + :lease, :orderers)""".format(
    ", ".join(COLUMNS), ", ".join(f":{column}" for column in COLUMNS)
)
_CHANGING = (
    "state", "generation_id", "url", "video", "failure", "warnings", "note", "cost_usd", "finished_at",
)  # fmt: skip
_CHANGES = ", ".join(f"{column} = :{column}" for column in _CHANGING)
_SAVE = f"UPDATE jobs SET {_CHANGES} WHERE id = :id AND owner = :owner RETURNING id"
_LEASE_ANEW = 20  # seconds; the next heartbeat renews it
_SAVE_FREE = f"UPDATE jobs SET {_CHANGES} WHERE id = :id AND state = 'unknown' AND generation_id IS NULL RETURNING id"
_LONGEST_LEASE = 600  # seconds; one that ends later was given before the clock was set back
_FREE = f"(owner IS NULL OR lease_until < NOW OR lease_until > NOW + {_LONGEST_LEASE})"
_STANDING = """SELECT * FROM jobs WHERE fingerprint = :fingerprint AND claim IS NOT NULL
    ORDER BY created_at DESC, id DESC LIMIT 1"""
_LONG_DELIVERED = """UPDATE jobs SET claim = NULL
    WHERE fingerprint = :fingerprint AND state = 'completed' AND delivered_at < :before"""
# COALESCE keeps SQLite from looking by state or claim, in which most rows are alike, where it should go by time.
_OVER = """created_at < :before AND COALESCE(finished_at, created_at) < :before
    AND COALESCE(delivered_at, created_at) < :before AND COALESCE(state, '') IN ('completed', 'failed')
    AND (CASE WHEN delivered_at IS NULL THEN COALESCE(claim, owner) ELSE owner END) IS NULL"""
_DOCTORS_ROWS = 2_000
_RANK = "(CASE WHEN state = 'unknown' THEN 1 ELSE 0 END)"


_PROTECTED_SECONDS = 86_400
"""How long a video that somebody has been handed is kept for those who ordered it and have not come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what conditions an order may be paid.

    `limit_usd` bounds what is spent since `since`; `needs_yes`: a person must agree to the price first.
    """

    since: datetime
    limit_usd: float | None = None
    needs_yes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """`job` is the one to look at, just inserted or already there; None where `refused` says what is in the way."""

    job: Job | None
    is_new: bool
    spent_usd: float
    refused: Literal["over budget", "needs a yes"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """A client's handle on a job. `reused`: the job was there already; `cancelled`: the client no longer waits.

    `ended` is what the task was found to have ended with, whatever becomes of the job later. `caller` ordered it.
    """

    id: str
    job: Job
    created_at: datetime
    reused: bool
    caller: str | None
    cancelled: bool = False
    ended: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """A job under way that nobody seems to look after: its last owner, if any, and until when it had said to."""

    job: Job
    owner: str | None
    lease_until: float | None


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
        self, job: Job, *, owner: str, lease: float, caller: str, terms: Terms, anew: bool = False
    ) -> Claimed:
        """Insert the job, unless its fingerprint is claimed already or the terms are not met.

        One transaction: of all processes on this database exactly one is told `is_new`. A job claims its fingerprint
        until everybody who ordered it, as `caller`, has the outcome, or it has ended free of charge. `anew` adds a
        claim beside those that stand; the same request later finds the newest.
        """
        claim = f"{job.fingerprint} {job.id}" if anew else job.fingerprint

        def work(execute: Execute) -> Claimed:
            self._database.wait_for_older_programs(execute)
            execute(
                _LONG_DELIVERED, fingerprint=job.fingerprint, before=job.created_at.timestamp() - _PROTECTED_SECONDS
            )
            standing = [] if anew else execute(f"{_STANDING} FOR UPDATE", fingerprint=job.fingerprint)
            spent = float(execute(_SPENT, account=job.account, since=terms.since.timestamp())[0]["usd"])
            if standing:
                add_orderer(execute, standing[0], caller)
                return Claimed(job=from_row(standing[0]), is_new=False, spent_usd=spent)
            if terms.limit_usd is not None and spent + (job.estimate_usd or 0) > terms.limit_usd + 1e-9:
                return Claimed(job=None, is_new=False, spent_usd=spent, refused="over budget")
            if terms.needs_yes:
                return Claimed(job=None, is_new=False, spent_usd=spent, refused="needs a yes")
            execute(_INSERT, **to_row(job), claim=claim, owner=owner, lease=lease, orderers=json.dumps([caller]))
            return Claimed(job=job, is_new=True, spent_usd=spent)

        return await self._database.transact(work, lock=f"claim {job.account}")

    async def withdraw(self, job: Job, *, caller: str) -> bool:
        """Take a caller who has cancelled off an order that is not sent; say whether nobody else ordered it.

        Nobody sends it then, whichever process looks after it. Of an order that is sent the caller stays one: most
        clients cancel calls that take long, and come back.
        """
        sql = "SELECT orderers, state, sent_at FROM jobs WHERE id = :id FOR UPDATE"

        def work(execute: Execute) -> bool:
            for row in execute(sql, id=job.id):
                left = [each for each in _orderers(row) if each != caller]
                if row["state"] == State.SUBMITTING and row["sent_at"] is None:
                    execute("UPDATE jobs SET orderers = :orderers WHERE id = :id", orderers=json.dumps(left), id=job.id)
                return not left
            return True

        return await self._database.transact(work)

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
                execute(_INSERT, **to_row(job), claim=None, owner=owner, lease=lease, orderers=None)
            return from_row(standing[0]) if standing else job

        return await self._database.transact(work, lock=f"adopt {job.account} {job.generation_id}")

    async def begin_sending(self, job: Job, *, owner: str, at: datetime, lease: float) -> bool:
        """Mark that the paid call is about to leave; whoever gets True sends it within the lease, and nobody else.

        False also where all callers have cancelled, and where the claim has gone to another job: the database was
        deleted after the order, and somebody has ordered the same in the one that is there now. The second look finds
        that of a mark that went into the old one.
        A mark that was made without an answer is this process's own and may be made again: nothing was sent.
        """
        sql = """UPDATE jobs SET sent_at = :at, lease_until = NOW + :lease WHERE id = :id AND owner = :owner
            AND claim IS NOT NULL AND COALESCE(orderers, '') <> '[]' AND (sent_at IS NULL OR sent_at = :unanswered)
            RETURNING claim"""
        unanswered = self._marks.get((job.id, owner))
        mark = self._marks.setdefault((job.id, owner), at.timestamp())
        marked = await self._rows(sql, id=job.id, owner=owner, at=mark, unanswered=unanswered, lease=lease)
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

    async def end_unsent(self, failure: Failure, *, owner: str, at: datetime, job: Job | None = None) -> None:
        """End, free of charge, the owner's orders that were never sent, or just this one: nobody will send them."""
        sql = """UPDATE jobs SET state = 'failed', failure = :failure, cost_usd = 0, finished_at = :at, claim = NULL,
            note = '', owner = NULL, lease_until = NULL
            WHERE owner = :owner AND state = 'submitting' AND sent_at IS NULL AND id = COALESCE(:id, id)"""
        values = {"failure": json.dumps(asdict(failure)), "at": at.timestamp(), "id": job.id if job else None}
        await self._rows(sql, owner=owner, **values)

    async def accept(self, job: Job, *, owner: str, lease: float) -> Job:
        """Record the id that upstream gave, whoever owns the job by now, even if its row has gone.

        A paid id is never dropped. Whoever has adopted the id meanwhile, from the account's history, gives way to the
        order itself. Where the order was settled with another id meanwhile, this one gets a row of its own, which
        somebody takes over. An id that another order has as well cannot tell them apart: the job goes by our own id.
        """
        drop = """DELETE FROM jobs WHERE account = :account AND generation_id = :generation_id AND id <> :id
            AND request IS NULL"""
        twin = "SELECT id FROM jobs WHERE account = :account AND generation_id = :generation_id AND id <> :id"
        sql = f"""{_INSERT} ON CONFLICT(id) DO UPDATE SET state = excluded.state,
            generation_id = excluded.generation_id, cost_usd = excluded.cost_usd, warnings = excluded.warnings,
            failure = NULL, finished_at = NULL, owner = excluded.owner, lease_until = excluded.lease_until,
            shares_id = excluded.shares_id WHERE jobs.generation_id IS NULL RETURNING id"""

        same = "SELECT id FROM jobs WHERE id = :id AND generation_id = :generation_id"

        def work(execute: Execute) -> Job:
            names = {"account": job.account, "generation_id": job.generation_id, "id": job.id}
            execute(drop, **names)
            accepted = replace(job, shares_id=True) if execute(twin, **names) else job
            row, orderers = to_row(accepted), json.dumps([owner])
            claim = claim_beside_others(execute, row | {"claim": job.fingerprint})
            if execute(sql, **row, claim=claim, owner=owner, lease=lease, orderers=orderers):
                return accepted
            if not execute(same, id=job.id, generation_id=job.generation_id):
                execute(sql, **row | {"id": new_job_id()}, claim=None, owner=None, lease=0, orderers=None)
            return from_row(execute("SELECT * FROM jobs WHERE id = :id", id=job.id)[0])

        return await self._database.transact(work, lock=f"adopt {job.account} {job.generation_id}")

    # Watching: who looks after a job

    async def save(self, job: Job, *, owner: str, release_claim: bool = False) -> bool:
        """Write the job if it is still the owner's; a settled job is let go of. False: somebody took it over.

        A job whose row has gone, for the database was deleted or replaced by an older one, gets it again. That an
        order was free of charge is written over another process's guess that nobody can know.
        """

        def work(execute: Execute) -> bool:
            saved = bool(execute(_SAVE, **to_row(job), owner=owner)) or _written_anew(execute, job, owner)
            if not saved and release_claim:
                saved = bool(execute(_SAVE_FREE, **to_row(job)))
            if not saved:
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

    async def abandoned(self, *, account: str) -> list[Abandoned]:
        """Return the jobs under way that have no owner, or whose owner's lease has run out.

        It writes, and changes nothing: while nobody can write, no owner can renew a lease.
        """
        sql = f"""UPDATE jobs SET lease_until = lease_until
            WHERE account = :account AND {_IN_FLIGHT} AND {_FREE} RETURNING *"""
        rows = await self._rows(sql, account=account)
        return [
            Abandoned(job=job, owner=row["owner"], lease_until=row["lease_until"])
            for row in rows
            if (job := self._readable(row)) is not None
        ]

    async def take_over(self, jobs: Collection[Job], *, owner: str, lease: float) -> list[Job]:
        """Take those of the jobs that are still abandoned; return them as they are now."""
        names, values = _listed([job.id for job in jobs])
        sql = f"""UPDATE jobs SET owner = :owner, lease_until = NOW + :lease
            WHERE id IN ({names}) AND {_IN_FLIGHT} AND {_FREE} RETURNING *"""
        return await self._jobs(sql, owner=owner, lease=lease, **values) if jobs else []

    async def take(self, job: Job, *, was: State, owner: str, lease: float) -> bool:
        """Write a job that moves on from where it had settled, unless somebody else has moved it."""
        sql = f"""UPDATE jobs SET {_CHANGES}, owner = :owner, lease_until = NOW + :lease
            WHERE id = :id AND state = :was AND {_FREE} RETURNING id"""
        return bool(await self._rows(sql, **to_row(job), was=was.value, owner=owner, lease=lease))

    async def note_place(self, job: Job) -> None:
        """Write where the completed job's file is, whoever owns the job."""
        sql = "UPDATE jobs SET video = :video WHERE id = :id AND state = 'completed'"
        await self._rows(sql, id=job.id, video=to_row(job)["video"])

    async def let_go(self, *, owner: str) -> None:
        """Give up all leases, so that the next process need not wait for them to run out."""
        await self._rows("UPDATE jobs SET owner = NULL, lease_until = NULL WHERE owner = :owner", owner=owner)

    # Reading

    async def get(self, handle: str, *, account: str) -> Job | None:
        """Return the account's job by our id or by upstream's; of those that share one, the first that was ordered."""
        sql = """SELECT * FROM jobs WHERE (id = :handle OR generation_id = :handle) AND account = :account
            ORDER BY COALESCE(shares_id, 0), created_at DESC LIMIT 1"""
        return await self._job(sql, handle=handle, account=account)

    async def page(self, states: Collection[State], limit: int, after: Job | None = None, *, account: str) -> list[Job]:
        """Return the account's jobs, those of unknown outcome first, then the newest.

        `after` is the last one of the page before, as it was seen.
        """
        names, values = _listed(sorted(states))
        values["account"] = account
        where = "account = :account" + (f" AND state IN ({names})" if states else "")
        if after is not None:
            where += f" AND ({_RANK}, created_at, id) < (:rank, :created_at, :id)"
            values |= {
                "rank": int(after.state is State.UNKNOWN),
                "created_at": after.created_at.timestamp(),
                "id": after.id,
            }
        sql = f"SELECT * FROM jobs WHERE {where} ORDER BY {_RANK} DESC, created_at DESC, id DESC LIMIT :limit"
        return await self._jobs(sql, limit=limit, **values)

    async def spent(self, account: str, since: datetime) -> float:
        """Return the dollars spent since then plus what is under way; unknown outcomes count as spent."""
        return float((await self._rows(_SPENT, account=account, since=since.timestamp()))[0]["usd"])

    async def durations(self, kind: str, limit: int = 20) -> list[float]:
        """Return how many seconds the latest finished jobs of a kind took."""
        sql = """SELECT finished_at - created_at AS seconds FROM jobs
            WHERE kind = :kind AND state = 'completed' AND fingerprint IS NOT NULL
            ORDER BY finished_at DESC LIMIT :limit"""
        rows = await self._rows(sql, kind=kind, limit=limit)
        return [float(row["seconds"]) for row in rows if isinstance(row["seconds"], int | float)]

    async def deliver(self, job: Job, *, caller: str, at: datetime) -> None:
        """Note that a caller has been handed the outcome.

        Once everybody who ordered it has it, the same request orders a new video. Earlier orders of unknown outcome
        no longer stand in its way then. A caller who did not order it only looks.
        """
        replaced = """UPDATE jobs SET claim = NULL
            WHERE fingerprint = :fingerprint AND state = 'unknown' AND created_at <= :created_at"""
        rest = "UPDATE jobs SET orderers = :orderers WHERE id = :id"
        delivered = "UPDATE jobs SET delivered_at = COALESCE(delivered_at, :at) WHERE id = :id RETURNING orderers"
        release = "UPDATE jobs SET claim = NULL WHERE id = :id"
        news = "SELECT id FROM jobs WHERE id = :id AND (delivered_at IS NULL OR claim IS NOT NULL)"
        if not await self._rows(news, id=job.id):
            return

        def work(execute: Execute) -> None:
            for row in execute(delivered, id=job.id, at=at.timestamp()):
                orderers = [caller] if row["orderers"] is None else _orderers(row)
                left = [each for each in orderers if each != caller]
                if left != orderers:
                    execute(rest, id=job.id, orderers=json.dumps(left))
                if orderers and not left:
                    execute(release, id=job.id)
                    if job.state is State.COMPLETED:
                        created_at = job.created_at.timestamp()
                        execute(replaced, fingerprint=job.fingerprint, created_at=created_at)

        await self._database.transact(work)

    # Tasks: a client's handle on a job, good in any process and after a restart

    async def add_task(self, task: JobTask) -> None:
        sql = """INSERT INTO tasks(id, job_id, created_at, reused, caller)
            VALUES(:id, :job_id, :at, :reused, :caller)"""
        at, reused = task.created_at.timestamp(), int(task.reused)
        await self._rows(sql, id=task.id, job_id=task.job.id, at=at, reused=reused, caller=task.caller)

    async def task(self, task_id: str, *, account: str) -> JobTask | None:
        sql = """SELECT jobs.*, tasks.created_at AS task_created_at, reused, cancelled_at, ended, caller
            FROM tasks JOIN jobs ON jobs.id = job_id WHERE tasks.id = :id AND account = :account"""
        for row in await self._rows(sql, id=task_id, account=account):
            created_at = read_time(row["task_created_at"])
            return JobTask(
                id=task_id,
                job=from_row(row),
                created_at=created_at,
                reused=bool(row["reused"]),
                cancelled=row["cancelled_at"] is not None,
                ended=row["ended"],
                caller=row["caller"],
            )
        return None

    async def was_cancelled(self, job: Job) -> bool:
        """Say whether all who ordered the job have cancelled that."""
        sql = "SELECT id FROM jobs WHERE id = :id AND orderers = '[]'"
        return bool(await self._rows(sql, id=job.id))

    async def is_awaited(self, job: Job) -> bool:
        """Say whether a task that was not cancelled stands for the job."""
        sql = "SELECT id FROM tasks WHERE job_id = :id AND cancelled_at IS NULL LIMIT 1"
        return bool(await self._rows(sql, id=job.id))

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
    execute(_INSERT, **to_row(job), claim=claim, owner=owner, lease=_LEASE_ANEW, orderers=json.dumps([owner]))
    return True


def _time_or_none(seconds: object) -> datetime | None:
    try:
        return read_time(seconds)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def add_orderer(execute: Execute, row: Row, caller: str) -> None:
    """Keep the claim until this caller has the outcome as well."""
    orderers = _orderers(row)
    if caller not in orderers:
        sql = "UPDATE jobs SET orderers = :orderers WHERE id = :id"
        execute(sql, orderers=json.dumps([*orderers, caller]), id=row["id"])


def _orderers(row: Row) -> list[str]:
    """Return who ordered the job and does not have it; nobody where that cannot be read."""
    try:
        found = json.loads(row["orderers"] or "[]")
    except (ValueError, TypeError):
        return []
    return [str(each) for each in cast("list[object]", found)] if isinstance(found, list) else []


def _listed(items: Collection[str]) -> tuple[str, dict[str, Any]]:
    """Return the names and values for `IN (…)`."""
    values: dict[str, Any] = {f"item{n}": str(item) for n, item in enumerate(items)}
    return ", ".join(f":{name}" for name in values), values
