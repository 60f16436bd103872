"""One connection, used off the event loop: stdlib sqlite3 for a path, psycopg for a `postgresql://` address."""

import importlib
import logging
import re
import sqlite3
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from veo_mcp.errors import LedgerError
from veo_mcp.quoting import quoted
from veo_mcp.store import migration, sqlite_file
from veo_mcp.store.rows import Execute, Row
from veo_mcp.store.schema import MIGRATIONS

logger = logging.getLogger(__name__)

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""How long a statement waits for another process's write before it is an error."""

SQLITE_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
POSTGRES_NOW = "extract(epoch from clock_timestamp())::double precision"
POSTGRES_LOCKED = frozenset({"55P03", "40P01"})  # lock_not_available, which lock_timeout raises; deadlock_detected
POSTGRES_LOCK = 7_366_104  # any constant of our own: replicas write one at a time, as SQLite's processes do


class Database:
    """Runs statements in one worker thread; opens at first use and again after a fault.

    In the SQL, `NOW` stands for the database's clock in seconds since 1970 and `:name` for a parameter. Without
    `migrates` an older schema stays as it is: for whoever only looks.
    """

    def __init__(self, address: Path | str, *, migrates: bool = True) -> None:
        self.address = address
        self._migrates = migrates
        self.is_postgres = isinstance(address, str)
        self._connection: Any = None
        self._file: tuple[int, int] | None = None
        self._limiter = anyio.CapacityLimiter(1)
        self._faults: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    async def run(self, sql: str, **values: Any) -> list[Row]:
        """Run one statement. Raises LedgerError as `transact` does."""
        return await anyio.to_thread.run_sync(lambda: self._run(sql, values), limiter=self._limiter)

    async def transact(self, work: Callable[[Execute], T]) -> T:
        """Call `work` in the worker thread, inside one transaction that keeps other writers of the ledger out.

        Raises:
            LedgerError: the database is locked, full, gone or newer than this program; nothing was written.
        """
        return await anyio.to_thread.run_sync(self._transact, work, limiter=self._limiter)

    async def close(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._drop, limiter=self._limiter)

    def _run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        with self._translated():
            self._ensure_open()
            return self._execute(sql, **values)

    def _transact(self, work: Callable[[Execute], T]) -> T:
        with self._translated():
            self._ensure_open()
            return self._transaction(work)

    def _transaction(self, work: Callable[[Execute], T]) -> T:
        self._execute("BEGIN" if self.is_postgres else "BEGIN IMMEDIATE")
        try:
            if self.is_postgres:
                self._execute("SELECT pg_advisory_xact_lock(:lock)", lock=POSTGRES_LOCK)
            result = work(self._execute)
        except BaseException:
            with suppress(*self._faults):
                self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")
        return result

    def _execute(self, sql: str, **values: Any) -> list[Row]:
        sql = sql.replace("NOW", POSTGRES_NOW if self.is_postgres else SQLITE_NOW)
        if self.is_postgres:
            sql = re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)
        cursor = self._connection.execute(sql, values)
        if not cursor.description:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _ensure_open(self) -> None:
        if self._connection is None:
            self._open()
        elif self._file != self._file_now():
            # SQLite would go on writing into the file that nobody else can see.
            self._drop()
            raise LedgerError(
                f"The jobs database {self.address} was moved, deleted or replaced while in use. Try again: from here on"
                " what is there now is used."
            )

    def _file_now(self) -> tuple[int, int] | None:
        if self.is_postgres or not Path(self.address).exists():
            return None
        found = Path(self.address).stat()
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        self._connection = self._connect_postgres() if self.is_postgres else self._connect_sqlite()
        with ExitStack() as undo:
            undo.callback(self._drop)
            self._transaction(lambda execute: self._migrate(execute, undo))
            self._file = self._file_now()
            undo.pop_all()

    def _connect_sqlite(self) -> sqlite3.Connection:
        return sqlite_file.connect(Path(self.address), busy_seconds=BUSY_SECONDS)

    def _connect_postgres(self) -> Any:
        try:
            psycopg = importlib.import_module("psycopg")
        except ImportError as error:
            raise LedgerError("VEO_MCP_DATABASE_URL needs the extra: pip install 'veo-mcp[postgres]'.") from error
        self._faults = (psycopg.Error, OSError)
        connection = psycopg.connect(
            self.address,
            autocommit=True,
            client_encoding="utf8",  # a server without an encoding of its own would have text come as bytes
            connect_timeout=int(BUSY_SECONDS),
            prepare_threshold=None,  # a prepared SELECT * is an error once a newer program has added a column
        )
        try:
            connection.execute(f"SET lock_timeout = {int(BUSY_SECONDS * 1000)}")
            connection.execute(f"SET statement_timeout = {int(BUSY_SECONDS * 2000)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, execute: Execute, undo: ExitStack) -> None:
        """Bring the schema up to date; a SQLite file with jobs is copied aside before, a Postgres has its own backups.

        The transaction keeps other writers out from before the copy until the migration is committed. A copy whose
        migration fails would be made again at every try, so `undo` deletes it.
        """
        version = migration.found_version(execute)
        migration.require_readable(version, len(MIGRATIONS), place=self._place)
        if version.step >= len(MIGRATIONS) or (version.step > 0 and not self._migrates):
            return
        if version.step and not self.is_postgres:
            copy = sqlite_file.copy_aside(Path(self.address), version.step)
            undo.callback(copy.unlink, missing_ok=True)
            logger.info("the jobs database is migrated; as it was it is %s", copy)
        migration.migrate(execute, version, MIGRATIONS)

    @property
    def _place(self) -> str:
        return "at VEO_MCP_DATABASE_URL" if self.is_postgres else str(self.address)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except LedgerError:
            raise
        except self._faults as error:
            busy = _is_locked(error)
            if not busy:
                self._drop()
            why = "is locked by another process" if busy else f"cannot be used ({quoted(str(error))})"
            advice = "Try again." if busy else "`veo-mcp doctor` says what is wrong."
            raise LedgerError(f"The jobs database {self._place} {why}. {advice}") from error

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(*self._faults):
                self._connection.close()
            self._connection = None


def _is_locked(error: Exception) -> bool:
    """Say whether another process is in the way."""
    if isinstance(error, sqlite3.Error):
        return sqlite_file.is_locked(error)
    return getattr(error, "sqlstate", None) in POSTGRES_LOCKED
