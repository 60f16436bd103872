"""What a process still holds of a SQLite database whose files were deleted or replaced under it.

On POSIX the open files outlive their names. What they hold of jobs that are paid, or may be, is read from them and
written into the database that has the name now: a paid job knows its id, and an order finds the one that stands for it.
"""

import logging
import sqlite3
from dataclasses import dataclass
from typing import Any

from veo_mcp.jobs import SETTLED, State, new_job_id
from veo_mcp.store.rows import Execute, Row

logger = logging.getLogger(__name__)

_MATTERS = f"""claim IS NOT NULL OR owner IS NOT NULL OR created_at >= NOW - {2 * 86_400}
    OR state NOT IN ('completed', 'failed')"""
"""Two days are what a budget counts of jobs that are under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    jobs: list[Row]
    tasks: list[Row]


def read(execute: Execute) -> Rows:
    """Read what matters of the jobs, and the tasks that stand for them."""
    return Rows(
        jobs=execute(f"SELECT * FROM jobs WHERE {_MATTERS}"),
        tasks=execute(f"SELECT * FROM tasks WHERE job_id IN (SELECT id FROM jobs WHERE {_MATTERS})"),
    )


def bring_over(execute: Execute, rows: Rows) -> int:
    """Write the rows that the database lacks, or knows less of; return how many jobs these were."""
    jobs, tasks = _columns(execute, "jobs"), _columns(execute, "tasks")
    number = 0
    for row in rows.jobs:
        try:
            number += _bring_job(execute, {name: row[name] for name in row if name in jobs})
        except (sqlite3.Error, ValueError) as error:
            logger.error("%r could not be brought over: %r", row.get("id"), error)  # noqa: TRY400
    for row in rows.tasks:
        _insert(execute, "tasks", {name: row[name] for name in row if name in tasks}, "ON CONFLICT(id) DO NOTHING")
    return number


def _bring_job(execute: Execute, row: Row) -> bool:
    if row["generation_id"] is not None and not _gives_way(execute, row):
        return False
    standing = execute("SELECT * FROM jobs WHERE id = :id", id=row["id"])
    if not standing:
        _insert(execute, "jobs", row | {"claim": claim_beside_others(execute, row)})
        return True
    there = standing[0]
    if None not in (row["generation_id"], there["generation_id"]) and row["generation_id"] != there["generation_id"]:
        _insert(execute, "jobs", row | {"id": new_job_id(), "claim": None, "owner": None, "lease_until": None})
        return True
    if _how_far(row) <= _how_far(there):
        return False
    changes = ", ".join(f"{name} = :{name}" for name in row)
    execute(f"UPDATE jobs SET {changes} WHERE id = :id", **row | {"claim": claim_beside_others(execute, row)})
    return True


def _gives_way(execute: Execute, row: Row) -> bool:
    """Let an order take the place of its own generation that was adopted there; say whether the row may be written."""
    sql = "SELECT id, request FROM jobs WHERE account = :account AND generation_id = :generation_id AND id <> :id"
    values = {name: row[name] for name in ("id", "account", "generation_id")}
    for twin in execute(sql, **values):
        if row["request"] is None:
            return False
        if twin["request"] is None:
            execute("UPDATE tasks SET job_id = :id WHERE job_id = :twin", id=row["id"], twin=twin["id"])
            execute("DELETE FROM jobs WHERE id = :twin", twin=twin["id"])
    return True


def claim_beside_others(execute: Execute, row: Row) -> str | None:
    """Return the claim for a row whose own one may be another's by now.

    None for an order that nothing was sent for: the other one is paid for in its place, and `begin_sending` refuses.
    """
    if row["claim"] is None:
        return None
    sql = """SELECT id FROM jobs WHERE fingerprint = :fingerprint AND claim IS NOT NULL AND id <> :id"""
    others = execute(sql, fingerprint=row["fingerprint"], id=row["id"])
    if not others or row["claim"] != row["fingerprint"]:
        return row["claim"]
    unsent = row["state"] == State.SUBMITTING and row["sent_at"] is None
    return None if unsent else f"{row['fingerprint']} {row['id']}"


def _how_far(row: Row) -> tuple[bool, bool, bool]:
    """Return what orders two states of one job: a paid id is never dropped, nor that the paid call has left."""
    return row["generation_id"] is not None, row["sent_at"] is not None, row["state"] in SETTLED


def _columns(execute: Execute, table: str) -> set[str]:
    return {str(column["name"]) for column in execute(f"PRAGMA table_info({table})")}


def _insert(execute: Execute, table: str, row: dict[str, Any], otherwise: str = "") -> None:
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    execute(f"INSERT INTO {table}({names}) VALUES({values}) {otherwise}", **row)
