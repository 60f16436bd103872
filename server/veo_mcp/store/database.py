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

from veo_mcp.errors import LedgerError
from veo_mcp.quoting import quoted
from veo_mcp.store import migration, postgres, sqlite_file, stranded
from veo_mcp.store.rows import Execute, Row
from veo_mcp.store.schema import MIGRATIONS
from veo_mcp.store.worker import Patience, Silent, Worker

logger = logging.getLogger(__name__)

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""How long a statement waits for another process's write before it is an error."""

CANCELLED_SECONDS = 1.0
"""How long whoever is cancelled, so that the process can end, waits for a statement in Postgres."""

SQLITE_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
POSTGRES_NOW = "extract(epoch from clock_timestamp())::double precision"


class _Moved(Exception):
    """The file was taken away in the middle of a transaction, which wrote nothing."""


class Database:
    """Runs statements in one worker thread; opens at first use and again after a fault.

    In the SQL, `NOW` stands for the database's clock in seconds since 1970, `:name` for a parameter, and `FOR UPDATE`
    is left out for SQLite, where a transaction that writes is alone anyway. Without `migrates` an older schema stays
    as it is: for whoever only looks.
    """

    def __init__(self, address: Path | str, *, migrates: bool = True) -> None:
        self.address = address
        self._migrates = migrates
        self.is_postgres = isinstance(address, str)
        self._connection: Any = None
        self._file = sqlite_file.Identity()
        self._stranded: list[stranded.Rows] = []
        self._worker = Worker()
        self._faults: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    async def run(self, sql: str, **values: Any) -> list[Row]:
        """Run one statement. Raises LedgerError as `transact` does."""
        return await self._call(lambda: self._run(sql, values))

    async def transact(self, work: Callable[[Execute], T], *, lock: str | None = None) -> T:
        """Call `work` in the worker thread, inside one transaction; again, if the file is taken away meanwhile.

        SQLite keeps other writers out. Postgres keeps out those that give the same `lock`; without one there are only
        the locks on the rows that `work` writes or selects `FOR UPDATE`.

        Raises:
            LedgerError: the database is locked, full, gone or newer than this program, and nothing was written; or
                it does not answer, and nobody knows.
        """
        return await self._call(lambda: self._transact(work, lock))

    def wait_for_older_programs(self, execute: Execute) -> None:
        """Be the only one who orders, in this transaction, where programs of schema 3 use the database as well."""
        if self.is_postgres:
            execute("SELECT pg_advisory_xact_lock_shared(:older)", older=postgres.MIGRATION_LOCK)

    async def close(self) -> None:
        """Close the connection. One that hangs keeps nobody from ending."""
        with anyio.CancelScope(shield=True):
            if self._worker.is_stuck:
                self._worker.begin(self._close)
            else:
                with suppress(Silent):
                    patience = Patience(seconds=CANCELLED_SECONDS if self.is_postgres else None)
                    await self._worker.run(self._close, patience, cut=self._cut)
            self._worker.end()

    async def _call(self, work: Callable[[], T]) -> T:
        """Run it in the worker thread.

        SQLite's own time limits hold. A Postgres may take no notice of any, so the last one is this process's.
        """
        seconds = 2 * BUSY_SECONDS + 5 if self.is_postgres else None
        patience = Patience(seconds=seconds, after_cancelling=CANCELLED_SECONDS if self.is_postgres else None)
        try:
            return await self._worker.run(work, patience, cut=self._cut)
        except Silent as error:
            raise LedgerError(
                f"The jobs database {self._place} cannot be used (no answer for {seconds:.0f} s). Try again; `veo-mcp"
                " doctor` says what is wrong."
            ) from error

    def _cut(self) -> None:
        if self.is_postgres and (connection := self._connection) is not None:
            postgres.cut(connection)

    def _run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        with self._translated():
            self._ensure_open()
            return self._execute(sql, **values)

    def _transact(self, work: Callable[[Execute], T], lock: str | None) -> T:
        with self._translated():
            while True:
                self._ensure_open()
                with suppress(_Moved):
                    return self._transaction(work, None if lock is None else postgres.lock_number(lock))

    def _transaction(self, work: Callable[[Execute], T], lock: int | None = None) -> T:
        self._execute("BEGIN" if self.is_postgres else "BEGIN IMMEDIATE")
        try:
            if self.is_postgres and lock is not None:
                self._execute("SELECT pg_advisory_xact_lock(:lock)", lock=lock)
            result = work(self._execute)
            self._require_in_place()
        except BaseException:
            with suppress(*self._faults):
                self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")
        return result

    def _execute(self, sql: str, **values: Any) -> list[Row]:
        if self.is_postgres:
            sql = re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql.replace("NOW", POSTGRES_NOW))
        else:
            sql = sql.replace("NOW", SQLITE_NOW).replace(" FOR UPDATE", "")
        cursor = self._connection.execute(sql, values)
        if not cursor.description:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    # Opening and closing

    def _ensure_open(self) -> None:
        if self._connection is None or self._has_moved() or self._stranded:
            with ExitStack() as turn:
                if not isinstance(self.address, str):
                    turn.enter_context(sqlite_file.one_at_a_time(self.address.parent, seconds=BUSY_SECONDS))
                self._open_where_it_is_now()

    def _open_where_it_is_now(self) -> None:
        if self._connection is not None and self._has_moved():
            self._leave()
        if self._connection is None:
            self._open()
        if self._stranded:
            self._bring_over()

    def _has_moved(self) -> bool:
        """Say whether a connection to SQLite goes on in files that nobody else can see."""
        return not self.is_postgres and bool(self._file) and self._file != sqlite_file.identity(Path(self.address))

    def _require_in_place(self) -> None:
        if self._has_moved():
            raise _Moved

    def _leave(self) -> None:
        """Let go of files that were deleted or replaced; what they hold of paid jobs is kept in memory."""
        logger.warning("the jobs database %s was moved, deleted or replaced while in use", self.address)
        try:
            if self._migrates:  # else nothing is ever written
                self._stranded.append(stranded.read(self._execute))
        except self._faults as error:
            logger.error("what it held could not be read: %s", quoted(str(error)))  # noqa: TRY400
        connection, self._connection = self._connection, None
        sqlite_file.leave(connection, Path(self.address), self._file)
        self._file = sqlite_file.Identity()

    def _bring_over(self) -> None:
        """Write what was read from the files that are gone into those that are there now."""
        while self._stranded:
            number = self._transaction(lambda execute: stranded.bring_over(execute, self._stranded[0]))
            del self._stranded[0]
            logger.warning("%s: %d jobs were missing there, or their latest news, and were added", self.address, number)

    def _open(self) -> None:
        self._connection = self._connect()
        with ExitStack() as undo:
            undo.callback(self._drop)
            if self.is_postgres:
                postgres.limit_session(self._connection, busy_seconds=BUSY_SECONDS)
            if self._worker.is_stuck:  # meanwhile the caller was told that nothing is known
                raise LedgerError(f"The jobs database {self._place} took too long to answer.")
            self._transaction(lambda execute: self._migrate(execute, undo), postgres.MIGRATION_LOCK)
            if not self.is_postgres:
                self._file = sqlite_file.identity(Path(self.address))
            undo.pop_all()

    def _connect(self) -> Any:
        if not isinstance(self.address, str):
            return sqlite_file.connect(self.address, busy_seconds=BUSY_SECONDS)
        connection = postgres.connect(self.address, busy_seconds=BUSY_SECONDS)
        self._faults = (importlib.import_module("psycopg").Error, OSError)
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
        if self._connection is not None and self._has_moved():
            self._leave()
        elif self._connection is not None:
            with suppress(*self._faults):
                self._connection.close()
            self._connection, self._file = None, sqlite_file.Identity()

    def _close(self) -> None:
        if self._stranded or (self._connection is not None and self._has_moved()):
            try:
                self._run("SELECT 1", {})
            except LedgerError as error:
                logger.error("%s What the deleted one held of paid jobs is lost.", error)  # noqa: TRY400
        self._drop()


def _is_locked(error: Exception) -> bool:
    """Say whether another process is in the way."""
    if isinstance(error, sqlite3.Error):
        return sqlite_file.is_locked(error)
    return getattr(error, "sqlstate", None) in postgres.BUSY_STATES
