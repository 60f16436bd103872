"""Removes what can be made again or is of no more use. Finished videos are never touched.

A row goes only where nothing depends on it: it protects no order from being paid twice (no claim, and its outcome is
known and delivered, or was free of charge), nobody looks after it, and no budget counts it, for it is older than a day.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from veo_mcp.artifacts import damaged_files, half_done_files
from veo_mcp.jobs import Job, State, is_job_id
from veo_mcp.settings import Settings
from veo_mcp.store import Database, Store, copies_of
from veo_mcp.wiring import database_address, previews_folder

BATCH = 200
"""Rows per transaction, so that servers never wait long for the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    what: str
    number: int
    size_bytes: int | None

    @property
    def line(self) -> str:
        size = "" if self.size_bytes is None else f", {self.size_bytes:,} bytes"
        return f"{self.what:<24} {self.number:>7,}{size}"


async def prune(settings: Settings, *, before: datetime, dry_run: bool = False) -> str:
    """Remove what is older than `before`, which is a day ago or more; return what it was, a line each.

    Raises:
        LedgerError: the database cannot be used; no files were removed.
    """
    address = database_address(settings)
    # Opening a SQLite file that is not there would make one.
    database = Database(address, migrates=not dry_run)
    store = Store(database) if isinstance(address, str) or await anyio.Path(address).exists() else None
    try:
        rows = await _forget(store, before, dry_run=dry_run) if store else 0
        previews = await _old_previews(store, previews_folder(settings), before)
    finally:
        if store:
            await store.close()
    copies = copies_of(address) if isinstance(address, Path) else []
    found = {
        "previews": previews,
        "damaged files": _older(damaged_files(settings.output_dir), before),
        "half-done downloads": _older(half_done_files(settings.output_dir), before),
        "copies of the database": _older(copies, before),
    }
    remove = partial(_remove, dry_run=dry_run)
    removed = [await anyio.to_thread.run_sync(remove, what, paths) for what, paths in found.items()]
    removed.append(Removed(what="rows of ended jobs", number=rows, size_bytes=None))
    return "\n".join(["Would be removed:" if dry_run else "Removed:", *(entry.line for entry in removed)])


async def _forget(store: Store, before: datetime, *, dry_run: bool) -> int:
    number, last = 0, None
    while jobs := await store.over_before(before, BATCH, after=last):
        last = jobs[-1]
        job_ids = [job.id for job in jobs if is_done_with(job)]
        number += len(job_ids) if dry_run else await store.forget(job_ids, before=before)
    return number


def is_done_with(job: Job) -> bool:
    """Say whether its caller has all that can come of it: the video, or a failure that cost nothing."""
    if job.state is State.COMPLETED:
        return job.delivered_at is not None
    return job.state is State.FAILED and job.failure is not None and job.failure.charged == "no"


async def _old_previews(store: Store | None, folder: Path, before: datetime) -> list[Path]:
    """Return the folders of previews whose job is that old or not in the database."""
    names = [path.name for path in _entries(folder) if is_job_id(path.name)]
    kept: set[str] = set()
    for start in range(0, len(names), BATCH):
        created = await store.created(names[start : start + BATCH]) if store else {}
        kept |= {job_id for job_id, at in created.items() if at >= before}
    return [folder / name for name in names if name not in kept]


def _older(paths: Iterable[Path], before: datetime) -> list[Path]:
    """Return those of the files that were last written before."""

    def is_old(path: Path) -> bool:
        try:
            return datetime.fromtimestamp(path.lstat().st_mtime, UTC) < before
        except OSError:  # gone meanwhile
            return False

    return [path for path in paths if is_old(path)]


def _remove(what: str, paths: Iterable[Path], *, dry_run: bool) -> Removed:
    sizes = [_size_once_removed(path, dry_run=dry_run) for path in paths]
    removed = [size for size in sizes if size is not None]
    return Removed(what=what, number=len(removed), size_bytes=sum(removed))


def _size_once_removed(path: Path, *, dry_run: bool) -> int | None:
    """Remove a file or a folder; None where that fails, because somebody has it open: the next time gets it."""
    try:
        size = sum(file.lstat().st_size for file in (_entries(path) if path.is_dir() else [path]))
        if not dry_run:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError:
        return None
    return size


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
