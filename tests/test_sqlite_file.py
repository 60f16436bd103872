"""The SQLite file is private, durable and of a SQLite that can; its copies are whole."""

import os
import sqlite3
import stat
import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import insert, kept
from studios import a_job
from veo_mcp import private
from veo_mcp.errors import LedgerError
from veo_mcp.store import Database, Store, sqlite_file

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.fixture
def careless() -> Generator[None]:
    """Let new files be everybody's."""
    before = os.umask(0)
    yield
    os.umask(before)


async def test_a_sqlite_without_returning_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    with pytest.raises(LedgerError) as refused:
        await Store(Database(tmp_path / "home" / "jobs.sqlite3")).get("any", account="a")
    for words in ("SQLite 3.35", "3.34.1", sys.executable, "uv tool install", "VEO_MCP_DATABASE_URL"):
        assert words in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 35, 0))
    assert sqlite_file.sqlite_version() == ("3.34.1", True)


async def test_a_commit_reaches_the_disk_on_macos_too(tmp_path: Path) -> None:
    ledger = Database(tmp_path / "jobs.sqlite3")
    assert await ledger.run("PRAGMA fullfsync") == [{"fullfsync": 1}]
    assert await ledger.run("PRAGMA synchronous") == [{"synchronous": 2}]
    await ledger.close()


# Private


@POSIX_ONLY
@pytest.mark.usefixtures("careless")
async def test_a_database_is_its_owners_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "home" / "jobs.sqlite3"
    seen: list[str] = []

    def looking(*arguments: Any, connect: Any = sqlite3.connect, **options: Any) -> sqlite3.Connection:
        seen.append(mode(path))
        return connect(*arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", looking)
    store = Store(Database(path))
    await insert(store, a_job())
    assert seen == ["0o600"]
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "jobs.sqlite3": "0o600",
        "jobs.sqlite3-wal": "0o600",
        "jobs.sqlite3-shm": "0o600",
    }
    assert mode(path.parent) == "0o700"
    await store.close()


@POSIX_ONLY
@pytest.mark.usefixtures("careless")
async def test_a_database_that_others_may_read_is_tightened_and_its_folder_is_not(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    tmp_path.chmod(0o755)
    with closing(sqlite3.connect(path)) as older:
        older.execute("PRAGMA journal_mode=WAL")
        older.execute("CREATE TABLE other(id)")
        assert {mode(file) for file in tmp_path.iterdir()} == {"0o644"}
        store = Store(Database(path))
        await insert(store, a_job())
        assert {mode(file) for file in tmp_path.iterdir()} == {"0o600"}
        await store.close()
    assert mode(tmp_path) == "0o755"


@POSIX_ONLY
async def test_a_database_that_cannot_be_tightened_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.touch(0o644)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    store = Store(Database(path))
    await insert(store, a_job())
    assert private.is_open(path)
    await store.close()


async def test_a_file_system_without_hard_links_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store = Store(Database(tmp_path / "jobs.sqlite3"))
    job = await insert(store, a_job())
    assert await kept(store, job) == job
    assert os.name != "posix" or mode(tmp_path / "jobs.sqlite3") == "0o600"
    assert list(tmp_path.glob("*.part")) == list(tmp_path.glob(".*")) == []
    await store.close()


# Copies


@pytest.mark.usefixtures("careless")
async def test_a_backup_of_a_database_in_use_is_whole_and_private(tmp_path: Path) -> None:
    path, copy = tmp_path / "jobs.sqlite3", tmp_path / "copies" / "copy.sqlite3"
    copy.parent.mkdir()
    store = Store(Database(path))
    job = await insert(store, a_job(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("UPDATE jobs SET note = 'not committed'")
        sqlite_file.back_up(path, copy, overwrite=False)
    assert list(copy.parent.iterdir()) == [copy]
    assert os.name != "posix" or mode(copy) == "0o600"
    restored = Store(Database(copy))
    assert await kept(restored, job) == job
    await restored.close()
    await store.close()


async def test_a_backup_overwrites_a_file_only_when_told_to(tmp_path: Path) -> None:
    path, copy = tmp_path / "jobs.sqlite3", tmp_path / "copy"
    store = Store(Database(path))
    job = await insert(store, a_job(1))
    copy.write_text("mine")
    with pytest.raises(LedgerError, match=r"exists: nothing was copied\. --force"):
        sqlite_file.back_up(path, copy, overwrite=False)
    assert copy.read_text() == "mine"
    sqlite_file.back_up(path, copy, overwrite=True)
    restored = Store(Database(copy))
    assert await kept(restored, job) == job
    await restored.close()
    await store.close()


async def test_a_backup_that_cannot_be_made_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "home" / "jobs.sqlite3"
    with pytest.raises(LedgerError, match="There is no jobs database at"):
        sqlite_file.back_up(path, tmp_path / "copy", overwrite=False)
    store = Store(Database(path))
    job = await insert(store, a_job(1))
    for target in (path, tmp_path / "home" / ".." / "home" / "jobs.sqlite3-wal"):
        with pytest.raises(LedgerError, match="belongs to the jobs database itself"):
            sqlite_file.back_up(path, target, overwrite=True)
    for target in (tmp_path / "nowhere" / "copy", tmp_path):
        with pytest.raises(LedgerError, match="could not be copied to"):
            sqlite_file.back_up(path, target, overwrite=True)
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"not a database" * 1000)
    with pytest.raises(LedgerError, match="could not be copied to"):
        sqlite_file.back_up(garbage, tmp_path / "copy", overwrite=False)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["garbage", "home"]
    assert await kept(store, job) == job
    await store.close()
