"""The SQLite file: private, opened so that what was written is on the disk, and copied whole while others use it."""

import importlib
import os
import re
import secrets
import sqlite3
import struct
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from veo_mcp import private
from veo_mcp.errors import LedgerError
from veo_mcp.quoting import quoted

OLDEST_SQLITE = (3, 35)
"""The first one with RETURNING."""

SIDE_FILES = ("", "-wal", "-shm")
"""What SQLite puts beside a database in use, and the database itself, as endings of its name."""

Identity = tuple[tuple[int, int] | None, ...]
"""Which files a database consists of, in the order of `SIDE_FILES`; None where there is none."""


_text = partial(str, encoding="utf-8", errors="surrogateescape")
"""Reads text whatever it holds: SQLite's own way refuses a whole list for one byte that is no UTF-8."""


def sqlite_version() -> tuple[str, bool]:
    """Return this Python's SQLite, and whether it will do."""
    return sqlite3.sqlite_version, sqlite3.sqlite_version_info >= OLDEST_SQLITE


def connect(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """Open the database, or make it, in a folder that is made as well.

    Raises:
        LedgerError: this Python's SQLite is too old.
        OSError, sqlite3.Error: the file cannot be used.
    """
    version, will_do = sqlite_version()
    if not will_do:
        raise LedgerError(
            f"The jobs database needs SQLite 3.35 or newer; the Python that runs veo-mcp, {sys.executable}, has"
            f" {version}. Install veo-mcp with a Python that brings its own, such as"
            " `uv tool install --managed-python veo-mcp`, or set VEO_MCP_DATABASE_URL to a Postgres database."
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with suppress(OSError):  # no hard links here; SQLite says better what else may be wrong
            private.make_file(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_seconds)
    connection.text_factory = _text
    try:
        _write_ahead(connection, busy_seconds)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA fullfsync=1")  # macOS: a plain fsync leaves the data in the drive's cache
    except BaseException:
        connection.close()
        raise
    for ending in SIDE_FILES:
        private.tighten(Path(f"{path}{ending}"))
    return connection


def is_locked(error: sqlite3.Error) -> bool:
    """Say whether another process is in the way; an extended code of SQLite's holds the plain one in its last byte."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Turn on the write-ahead log; where processes open a new file together, SQLite does not wait by itself."""
    end = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


# Files that are taken away


@contextmanager
def one_at_a_time(folder: Path, *, seconds: float) -> Generator[None]:
    """Keep other processes from opening a database in this folder, or tidying up after one that was taken away.

    Two that do so together can delete each other's new files, and then write side by side. Whoever holds the turn for
    longer than `seconds` has been stopped, and is not waited for. Windows lets nobody delete files that are in use.
    """
    with ExitStack() as held:
        if os.name == "posix":
            with suppress(OSError):  # a folder that is not there holds no files; what else is wrong is said later
                descriptor = os.open(folder, os.O_RDONLY)
                held.callback(os.close, descriptor)
                _lock(descriptor, seconds)
        yield


def _lock(descriptor: int, seconds: float) -> None:
    fcntl: Any = importlib.import_module("fcntl")
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return
            time.sleep(0.005)
        else:
            return


def identity(path: Path) -> Identity:
    """Return which files are there now."""
    name = str(path)
    return tuple(_inode(name + ending) for ending in SIDE_FILES)


def _inode(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)  # noqa: PTH116  it runs before every statement, and a Path takes longer to make
    except OSError:
        return None
    return found.st_dev, found.st_ino


def leave(connection: sqlite3.Connection, path: Path, ours: Identity) -> None:
    """Close a connection to files of which some are gone or others, so that whoever uses those is not harmed.

    SQLite would write its log into the database, over what others have written there since, and delete the log that
    has the name now. A log or an index that is left behind without its database, or without each other, goes: SQLite
    would take it for the new one's.
    """
    with suppress(sqlite3.Error), _database_kept_as_it_is(connection, path, ours[0]):
        connection.close()
    there = identity(path)
    if there[:2] != ours[:2]:
        for ending, mine, found in zip(SIDE_FILES[1:], ours[1:], there[1:], strict=True):
            if found is not None and found == mine:
                with suppress(OSError):
                    Path(f"{path}{ending}").unlink()


@contextmanager
def _database_kept_as_it_is(
    connection: sqlite3.Connection, path: Path, database: tuple[int, int] | None
) -> Generator[None]:
    """Keep the connection's end from writing into the database, if that still has its name."""
    if database is None or _inode(str(path)) != database:
        yield  # SQLite itself looks whether the database was moved
        return
    any_connection: Any = connection
    if hasattr(any_connection, "setconfig"):  # Python 3.12
        any_connection.setconfig(getattr(sqlite3, "SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE", 1006), True)  # noqa: FBT003
        yield
        return
    with _reading(path):
        yield


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Hold the lock of one more reader, so that no connection of this process is the last, which writes.

    A lock of the open file and not of the process, which Linux alone has.
    """
    fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
    if not hasattr(fcntl, "F_OFD_SETLK"):
        yield
        return
    file = os.open(path, os.O_RDWR)
    try:
        readers = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0x4000_0002, 510, 0)  # SQLite's SHARED_FIRST
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, readers)
        yield
    finally:
        os.close(file)


# Copies


def back_up(path: Path, target: Path, *, overwrite: bool) -> None:
    """Copy the database, which may be in use, as it is now: no migration, no wait for writers.

    Raises:
        LedgerError: there is no database, `target` exists or cannot be written; `target` is as it was.
    """
    if not path.exists():
        raise LedgerError(f"There is no jobs database at {path} yet: nothing was copied.")
    if target.resolve() in {Path(f"{path.resolve()}{ending}") for ending in SIDE_FILES}:
        raise LedgerError(f"{target} belongs to the jobs database itself. Name another file.")
    try:
        _copy(path, target, overwrite=overwrite)
    except FileExistsError as error:
        raise LedgerError(f"{target} exists: nothing was copied. --force overwrites it.") from error
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path} could not be copied to {target} ({quoted(str(error))}).") from error


def copy_aside(path: Path, schema: int) -> Path:
    """Copy the database to `jobs.schema-2.sqlite3` in its folder, before it is migrated from schema 2.

    Whoever calls this holds the write lock, and has written nothing yet.

    A copy that has this name was made in an earlier migration, before somebody put it or a backup in place again. It
    stays, and the new one gets a number: each holds paid jobs that the other may lack.

    Raises:
        LedgerError: there is no copy, so nothing must be migrated.
    """
    numbers = ("" if number == 1 else f"-{number}" for number in count(1))
    names = (path.with_name(f"{path.stem}.schema-{schema}{number}{path.suffix}") for number in numbers)
    copy = next(name for name in names if not name.exists())
    try:
        _copy(path, copy, overwrite=False)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"The jobs database {path} was not migrated and is as it was: the copy that is made before, {copy}, could"
            f" not be written ({quoted(str(error))}). Make room on that disk, then try again."
        ) from error
    return copy


def copies_of(path: Path) -> list[Path]:
    """Return the copies that migrations of this database have left, and what killed ones have left of theirs."""
    copy = rf"{re.escape(path.stem)}\.schema-\d+(-\d+)?{re.escape(path.suffix)}"
    ours = re.compile(rf"{copy}|\.{copy}\.[0-9a-f]{{8}}\.part(-journal)?")
    return [file for file in path.parent.glob("*") if ours.fullmatch(file.name) and file.is_file()]


def _copy(path: Path, target: Path, *, overwrite: bool) -> None:
    """Write the copy under another name first, so that it is whole when it has its own."""
    if target.exists() and not overwrite:
        raise FileExistsError(target)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(part, isolation_level=None)) as copy,
        ):
            # All pages in one step, in one read transaction: what others commit meanwhile is not in the copy.
            source.backup(copy, progress=_give_up_if_locked)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, which can be read where nothing can be written
        part.replace(target)
    finally:
        for ending in ("", "-journal"):  # SQLite leaves its journal where the disk is full
            Path(f"{part}{ending}").unlink(missing_ok=True)


def _give_up_if_locked(status: int, _: int, __: int) -> None:
    """Stop a copy that Python would try again for ever. Readers of a write-ahead log are not locked out."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("it is locked by another process")
