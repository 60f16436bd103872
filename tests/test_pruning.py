"""What `veo-mcp prune` removes, and above all what it does not."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ledger import ACCOUNT, Address, Opener, claim, insert, kept
from studios import NOON, Place, a_failure, a_job, settings_of
from test_cli import Shell, shell
from test_jobs import ARTIFACT
from test_watcher import made
from upstream import LINK, Upstream, clip
from veo_mcp.artifacts import Artifacts
from veo_mcp.jobs import ACTIVE, Job, State
from veo_mcp.pruning import prune
from veo_mcp.settings import Settings
from veo_mcp.store import JobTask, Store

__all__ = ["shell"]

LATER = NOON + timedelta(days=100)
LONG_AGO = NOON.timestamp()
FREE = a_failure(charged="no")


@pytest.fixture
def settings(tmp_path: Path, address: Address) -> Settings:
    return settings_of(tmp_path, database_url=address if isinstance(address, str) else None)


async def put(store: Store, job: Job, *, claims: bool = True, delivered_at: datetime | None = None) -> Job:
    """Put a settled job into the ledger."""
    await insert(store, job)
    await store.save(job, owner="me", release_claim=not claims)
    if delivered_at is not None:
        await store.deliver(job, caller="me", at=delivered_at)
    return await kept(store, job)


def a_video(number: int, **changes: Any) -> Job:
    finished = {
        "state": State.COMPLETED,
        "video": ARTIFACT,
        "finished_at": NOON,
        "generation_id": f"gen-{number}",
        "url": LINK,
    }
    return a_job(number, **finished | changes)


async def all_ids(store: Store) -> set[str]:
    return {job.id for job in await store.page([], 1000, account=ACCOUNT)}


# Rows


async def test_rows_of_delivered_videos_and_free_failures_go_with_their_tasks(store: Store, settings: Settings) -> None:
    done = await put(store, a_video(1), delivered_at=NOON)
    free = await put(store, a_job(2, state=State.FAILED, failure=FREE, finished_at=NOON), claims=False)
    await store.add_task(JobTask(id="task", job=done, created_at=NOON, reused=False, caller="me"))
    said = await prune(settings, before=LATER, dry_run=True)
    assert said.splitlines()[-1].split() == ["rows", "of", "ended", "jobs", "2"]
    assert await all_ids(store) == {done.id, free.id}
    assert (await prune(settings, before=LATER)).replace("Removed", "Would be removed") == said
    assert await all_ids(store) == set()
    assert await store.task("task", account=ACCOUNT) is None


@pytest.mark.parametrize(
    ("job", "options"),
    [
        (a_video(1), {}),
        (a_video(1), {"claims": False}),
        (a_video(1), {"delivered_at": LATER}),
        (a_video(1, finished_at=LATER), {"delivered_at": NOON}),
        (a_video(1, created_at=LATER), {"delivered_at": NOON}),
        (a_job(1, state=State.FAILED, failure=FREE), {"claims": True}),
        (a_job(1, state=State.FAILED, failure=a_failure(charged="maybe")), {"claims": False}),
        (a_job(1, state=State.FAILED, failure=a_failure(charged="yes", recoverable=True)), {"delivered_at": NOON}),
        (a_job(1, state=State.UNKNOWN, failure=a_failure(charged="maybe")), {"claims": False}),
    ],
    ids=[
        "not delivered", "adopted and not delivered", "delivered since", "finished since", "ordered since",
        "free but with a claim", "perhaps charged", "charged", "of unknown outcome",
    ],
)  # fmt: skip
async def test_rows_that_protect_or_may_still_be_asked_for_stay(
    store: Store, settings: Settings, job: Job, options: dict[str, Any]
) -> None:
    before = await put(store, job, **options)
    await prune(settings, before=LATER)
    assert await kept(store, job) == before


@pytest.mark.parametrize("state", sorted(ACTIVE))
async def test_rows_of_jobs_under_way_stay(store: Store, settings: Settings, state: State) -> None:
    job = await insert(store, a_job(1, state=state))
    await prune(settings, before=LATER)
    assert await kept(store, job) == job


async def test_a_row_that_somebody_looks_after_stays(store: Store, settings: Settings) -> None:
    job = await insert(store, a_video(1))
    await store.deliver(job, caller="me", at=NOON)
    await prune(settings, before=LATER)
    assert await all_ids(store) == {job.id}


async def test_a_job_that_was_taken_up_again_meanwhile_is_not_forgotten(store: Store) -> None:
    job = await put(store, a_video(1), delivered_at=NOON)
    assert await store.over_before(LATER, 10) == [job]
    await store.take(job.fetched_again(), was=State.COMPLETED, owner="me", lease=20)
    assert await store.forget([job.id], before=LATER) == 0
    assert await all_ids(store) == {job.id}


async def test_more_rows_than_one_transaction_takes_are_forgotten(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("veo_mcp.pruning.BATCH", 2)
    for number in range(5):
        await put(store, a_video(number), delivered_at=NOON)
    stays = await put(store, a_video(9))
    assert (await prune(settings, before=LATER, dry_run=True)).split()[-1] == "5"
    assert (await prune(settings, before=LATER)).split()[-1] == "5"
    assert await all_ids(store) == {stays.id}
    assert await claim(store, replace(a_job(10), fingerprint=stays.fingerprint)) is None


# Files


def aged(path: Path, *, at: float = LONG_AGO, content: bytes = b"12345") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
    os.utime(path, (at, at))
    return path


async def test_old_previews_and_those_without_a_job_go(open_store: Opener, settings: Settings) -> None:
    store, previews = open_store(), settings.home / "previews"
    old = await insert(store, a_job(1, state=State.GENERATING))
    young = await insert(store, a_job(2, created_at=LATER))
    for name in (old.id, young.id, a_job(3).id, "mine"):
        aged(previews / name / "sheet.jpg")
        aged(previews / name / "preview.webp")
    said = await prune(settings, before=LATER)
    assert said.splitlines()[1].split() == ["previews", "2,", "20", "bytes"]
    assert {path.name for path in previews.iterdir()} == {young.id, "mine"}


async def test_damaged_files_and_interrupted_downloads_of_ours_go_and_nothing_else_does(
    tmp_path: Path, settings: Settings
) -> None:
    videos, name = settings.output_dir, a_job(1).file_name()
    async with httpx2.AsyncClient(transport=Upstream().transport) as http:
        artifacts = Artifacts(http, videos)
        damaged = await artifacts.keep_damaged(await artifacts.download(LINK, name, owner="0123456789abcdef"), name)
        half_done = await artifacts.download(LINK, name, owner="0123456789abcdef")
        finished = (await artifacts.keep(await artifacts.download(LINK, name, owner="f" * 16), name)).path
    half_done.write_bytes(b"half")
    numbered = damaged.replace(damaged.with_name(damaged.name.replace(".", "-2.", 1)))  # where the first was in use
    damaged.write_bytes(b"")
    others = [
        aged(videos / name)
        for name in (
            "holiday.damaged.mp4", "2026-11-23.damaged.mp4", ".holiday.mp4.01234567.part", "notes.part",
            f"my {damaged.name}", f"{damaged.name}.txt", finished.name.replace(".mp4", "-2.mp4"),
        )
    ]  # fmt: skip
    folder = videos / damaged.name.replace("2026", "2025")
    folder.mkdir()
    await prune(settings, before=NOON)
    assert damaged.exists()
    for path in (damaged, numbered, half_done, finished, folder):
        aged(path)
    said = await prune(settings, before=LATER)
    assert f"{'damaged files':<24}       2, {len(clip()):,} bytes" in said
    assert f"{'half-done downloads':<24}       1, 4 bytes" in said
    assert {*videos.iterdir()} == {finished, folder, *others}


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_old_copies_of_the_database_go_and_backups_do_not(settings: Settings) -> None:
    ours = ["jobs.schema-2.sqlite3", "jobs.schema-2-3.sqlite3", ".jobs.schema-2.sqlite3.0123abcd.part"]
    others = ["jobs.schema-2.sqlite3.bak", "jobs-backup.sqlite3", "jobs.schema-x.sqlite3"]
    for name in (*ours, *others):
        aged(settings.home / name)
    young = aged(settings.home / "jobs.schema-3.sqlite3", at=LATER.timestamp())
    await prune(settings, before=LATER)
    assert {path.name for path in settings.home.iterdir()} == {*others, young.name}  # and no new database


async def test_a_dry_run_removes_no_file(settings: Settings) -> None:
    preview = aged(settings.home / "previews" / a_job(1).id / "sheet.jpg")
    damaged = aged(settings.output_dir / "2026-11-23-a-00000001.damaged.mp4")
    said = await prune(settings, before=LATER, dry_run=True)
    assert said.startswith("Would be removed:\n")
    assert preview.exists()
    assert damaged.exists()
    assert (await prune(settings, before=LATER)).removeprefix("R") == said.removeprefix("Would be r")


async def test_a_file_that_cannot_be_removed_is_left_and_not_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = aged(settings.output_dir / "2026-11-23-a-00000001.damaged.mp4")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert f"{'damaged files':<24}       0, 0 bytes" in await prune(settings, before=LATER)
    assert damaged.exists()


# The command


async def test_pruned_jobs_leave_their_videos_and_today_counts_as_before(place: Place) -> None:
    job = await made(place)
    async with place.open() as studio:
        studio.deliver(job)
        spent = (await studio.page()).spent_today_usd
    assert "rows of ended jobs             0" in await prune(place.settings(), before=NOON - timedelta(days=1))
    async with place.open() as studio:
        assert (await studio.page()).spent_today_usd == spent > 0
    assert "rows of ended jobs             1" in await prune(place.settings(), before=LATER)
    assert job.file is not None
    assert job.file.path.exists()


def test_prune_says_what_it_removes(shell: Shell) -> None:
    aged(shell.folder / "home" / "previews" / a_job(1).id / "sheet.jpg")
    assert shell("prune", "--days", "0").exit_code == 2
    dry, wet, again = shell("prune", "--dry-run"), shell("prune", "--days", "7"), shell("prune")
    assert (dry.exit_code, wet.exit_code) == (0, 0)
    assert "previews                       1, 5 bytes" in dry.stdout
    assert "previews                       1, 5 bytes" in wet.stdout
    assert "previews                       0, 0 bytes" in again.stdout
