"""One row that cannot be read costs that one job its place, and no other one anything."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import ACCOUNT, MIDNIGHT, Address, claim, insert, taken_over
from studios import NOON, Place, a_failure, a_job
from test_doctor import problems
from test_jobs import ARTIFACT
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import Job, State
from veo_mcp.store import Database, JobTask, Store
from veo_mcp.store.rows import COLUMNS, Unreadable, from_row, to_row, why_unreadable

BAD = a_job(2, state=State.QUEUED, generation_id="bad", video=ARTIFACT, failure=a_failure(), sent_at=NOON)

ANYWHERE = {
    "a state of a newer version": "state = 'archived'",
    "a field of the request that was renamed": """request = '{"text": "A lighthouse"}'""",
    "a request that is a list": "request = '[1]'",
    "a duration in words": """request = '{"prompt": "A lighthouse", "duration": "long"}'""",
    "a byte of the request": """request = '{"prompt#: "A lighthouse"}'""",
    "half a character in the request": r"""request = '{"prompt": "\ud83d"}'""",
    "a field of the video that is missing": """video = '{"path": "/a"}'""",
    "a size of the video in words": 'video = replace(video, \'"size_bytes": \', \'"size_bytes": "x", "_": \')',
    "a size of the video in half bytes": """video = replace(video, '"size_bytes": ', '"size_bytes": 0.5, "_": ')""",
    "a width of the video in half pixels": """video = replace(video, '"width": ', '"width": 160.5, "_": ')""",
    "a height of the video in half pixels": """video = replace(video, '"height": ', '"height": 90.5, "_": ')""",
    "a failure that is null": """failure = 'null'""",
    "a charge that nobody knows": "failure = replace(failure, '\"no\"', '\"na\"')",
    "warnings that are none": "warnings = 'null'",
    "a warning that is a number": "warnings = '[1]'",
    "a time that no calendar has": "created_at = 1e300",
    "a time of sending that no calendar has": "sent_at = -1e300",
}
IN_SQLITE = {
    "text that is no UTF-8": "note = CAST(X'C3282061' AS TEXT)",
    "a prompt that is no UTF-8": """request = CAST(X'7B2270726F6D7074223A2022FF227D' AS TEXT)""",
    "bytes": "model = X'00FF'",
    "a time in words": "created_at = 'soon'",
    "a price in words": "cost_usd = 'much'",
}


def damage(address: Address, how: str) -> None:
    """Change the row behind the program's back."""
    sql = f"UPDATE jobs SET {how} WHERE id = '{BAD.id}'"  # noqa: S608  our own words
    if isinstance(address, Path):
        with closing(sqlite3.connect(address)) as connection, connection:
            connection.execute(sql)
    else:
        with psycopg.connect(address) as connection:
            connection.execute(sql.encode())


async def ledger_with_a_bad_row(store: Store, address: Address, how: str) -> list[Job]:
    """Return the two jobs beside it."""
    good = [a_job(number, state=State.QUEUED, generation_id=f"good {number}") for number in (1, 3)]
    for job in (good[0], BAD, good[1]):
        await insert(store, job, owner="gone", lease=-1)
    await store.add_task(JobTask(id="task", job=BAD, created_at=NOON, reused=False, caller="me"))
    damage(address, how)
    return good


async def nothing_else_is_harmed(store: Store, address: Address, how: str) -> None:
    first, last = await ledger_with_a_bad_row(store, address, how)
    assert {job.id for job in await store.page([], 10, account=ACCOUNT)} == {first.id, last.id}
    newest = (await store.page([], 1, account=ACCOUNT))[0]
    assert {newest.id, *(job.id for job in await store.page([], 1, after=newest, account=ACCOUNT))} <= {
        first.id,
        last.id,
    }
    taken = await taken_over(store, account=BAD.account, owner="me")
    assert {job.id for job in taken} == {first.id, last.id}
    assert await store.save(first.running(State.GENERATING), owner="me")
    assert await claim(store, a_job(4), limit_usd=100.0) is not None
    assert await store.spent(ACCOUNT, MIDNIGHT) > 0
    assert len(await store.durations(BAD.kind)) == 0
    assert first.id in await store.created([first.id, BAD.id])
    assert await store.over_before(NOON + timedelta(days=400), 10) == []
    for ask in (
        store.get(BAD.id, account=ACCOUNT),
        store.claimed(BAD.fingerprint or ""),
        store.task("task", account=ACCOUNT),
    ):
        with pytest.raises(LedgerError, match=r"cannot be read.* other videos are unaffected"):
            await ask
    with pytest.raises(LedgerError, match=BAD.id):
        await claim(store, a_job(5, fingerprint=BAD.fingerprint))


@pytest.mark.parametrize("how", ANYWHERE.values(), ids=ANYWHERE)
async def test_one_unreadable_row_stops_no_list_no_takeover_and_no_order(
    store: Store, address: Address, how: str
) -> None:
    await nothing_else_is_harmed(store, address, how)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", IN_SQLITE.values(), ids=IN_SQLITE)
async def test_one_row_of_what_sqlite_alone_can_hold_stops_nothing(store: Store, address: Address, how: str) -> None:
    await nothing_else_is_harmed(store, address, how)


async def test_a_page_is_full_although_rows_in_it_cannot_be_read(store: Store, address: Address) -> None:
    first, last = await ledger_with_a_bad_row(store, address, "warnings = 'null'")
    assert [job.id for job in await store.page([], 2, account=ACCOUNT)] == [last.id, first.id]


async def test_rows_that_cannot_be_read_are_not_pruned_and_stop_no_pruning(store: Store, address: Address) -> None:
    ended = [a_job(number, state=State.COMPLETED, generation_id=f"{number}", finished_at=NOON) for number in (1, 2, 3)]
    for job in ended:
        await insert(store, job)
        await store.let_go(owner="me")
        await store.deliver(job, caller="me", at=NOON)
    damage(address, "warnings = 'null'")
    before = NOON + timedelta(days=400)
    over = [*(one := await store.over_before(before, 1)), *await store.over_before(before, 1, after=one[-1])]
    assert [job.id for job in over] == [ended[0].id, ended[2].id]


async def test_an_unreadable_row_is_named_in_the_log_once(
    store: Store, address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger_with_a_bad_row(store, address, "state = 'archived'")
    for _ in range(3):
        await store.page([], 10, account=ACCOUNT)
    assert [BAD.id in record.message for record in caplog.records if record.levelname == "ERROR"] == [True]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [b"\xff", "\udcff", "a\0b", "{", "[[]]", float("inf"), [], 10**400])
def test_whatever_a_column_holds_a_row_is_a_job_or_unreadable(column: str, value: Any) -> None:
    error = why_unreadable(to_row(BAD) | {column: value})
    assert error is None or error.column == column


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in {"kind", "shares_id"}])
def test_null_or_a_column_that_is_missing_is_a_job_or_unreadable(column: str) -> None:
    without = {name: value for name, value in to_row(BAD).items() if name != column}
    with pytest.raises(Unreadable, match=f"'{column}'"):
        from_row(without)
    may_be_null = {name for name, value in to_row(Job(**_LEAST)).items() if value is None}
    if column in may_be_null:
        from_row(without | {column: None})
    else:
        with pytest.raises(Unreadable):
            from_row(without | {column: None})


_LEAST: dict[str, Any] = {
    "id": "job_1", "account": "a", "backend": "aimlapi", "model": "m", "request": None, "state": State.QUEUED,
    "created_at": NOON,
}  # fmt: skip


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["state = 'archived'", "note = CAST(X'C328' AS TEXT)", "created_at = 1e300"])
async def test_the_doctor_names_the_rows_that_cannot_be_read(
    place: Place, store: Store, address: Path, tmp_path: Path, how: str
) -> None:
    for number in range(30):
        await insert(store, a_job(100 + number))
    await ledger_with_a_bad_row(store, address, how)
    said = (await problems(tmp_path))["ledger"]
    assert BAD.id in said
    assert how.partition(" ")[0] in said
    assert "33 jobs; 1 of them cannot be read" in said


async def test_a_video_is_listed_and_fetched_beside_a_row_that_cannot_be_read(place: Place) -> None:
    path = place.settings().home / "jobs.sqlite3"
    store = Store(Database(path))
    await ledger_with_a_bad_row(store, path, "note = CAST(X'C328' AS TEXT)")
    account = place.settings().account
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE jobs SET account = ?", [account])
        connection.commit()
    async with place.connect() as client:
        listed = await client.call_tool("list_videos", {})
        made = await client.call_tool("generate_and_wait", {"prompt": "A ferry", "duration": 4})
        asked = await client.call_tool("get_video_status", {"generation_id": BAD.id})
    assert (listed.is_error, made.is_error) == (False, False)
    assert (made.structured_content or {})["status"] == "completed"
    assert asked.is_error
    assert BAD.id in str(asked.content)
    assert "other videos are unaffected" in str(asked.content)
    good = await store.get(a_job(1).id, account=account)
    assert good is not None
    assert good.generation_id == "good 1"
    await store.close()
