"""A job as a row, and back; and what runs a statement."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType
from typing import Any, Protocol, TypeVar, cast, get_args

from veo_mcp.api import VideoRequest
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import Artifact, Charged, Failure, Job, State
from veo_mcp.quoting import printable

T = TypeVar("T")

Row = dict[str, Any]


class Execute(Protocol):
    """Runs one statement and returns its rows."""

    def __call__(self, sql: str, **values: Any) -> list[Row]: ...


COLUMNS = (
    "id", "fingerprint", "account", "backend", "model", "kind", "request", "state", "generation_id", "url", "video",
    "failure", "warnings", "note", "estimate_usd", "cost_usd", "created_at", "sent_at", "finished_at", "delivered_at",
    "shares_id",
)  # fmt: skip


def to_row(job: Job) -> Row:
    video = None if job.video is None else {**asdict(job.video), "path": str(job.video.path)}
    return {
        "id": job.id,
        "fingerprint": job.fingerprint,
        "account": job.account,
        "backend": job.backend,
        "model": job.model,
        "kind": job.kind,
        "request": None if job.request is None else job.request.model_dump_json(exclude_none=True, warnings=False),
        "state": job.state.value,
        "generation_id": job.generation_id,
        "url": job.url,
        "video": None if video is None else json.dumps(video),
        "failure": None if job.failure is None else json.dumps(asdict(job.failure)),
        "warnings": json.dumps(job.warnings),
        "note": job.note,
        "estimate_usd": job.estimate_usd,
        "cost_usd": job.cost_usd,
        "created_at": job.created_at.timestamp(),
        "sent_at": _seconds(job.sent_at),
        "finished_at": _seconds(job.finished_at),
        "delivered_at": _seconds(job.delivered_at),
        "shares_id": int(job.shares_id),
    }


class Unreadable(LedgerError):
    """One row cannot be read: a newer program wrote it, or the file is damaged there. The others are unaffected."""

    def __init__(self, row_id: object, column: str) -> None:
        self.row_id = printable(str(row_id))[:60]
        self.column = column
        super().__init__(
            f"The row of the job {self.row_id!r} in the jobs database cannot be read: its {column!r} was written by a"
            " newer veo-mcp, or is damaged. The row is left as it is, and nothing is ordered, fetched or paid for it"
            " here; other videos are unaffected. If a newer veo-mcp uses this database, upgrade this one; otherwise"
            " `veo-mcp doctor` names all such rows."
        )


def from_row(row: Row) -> Job:
    """Return the job. Raises Unreadable."""
    values: dict[str, Any] = {}
    row = _ADDED_LATER | row
    for column, read in _READERS.items():
        try:
            values[column] = read(row[column])
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError) as error:
            raise Unreadable(row.get("id"), column) from error
    return Job(**values)


def why_unreadable(row: Row) -> Unreadable | None:
    try:
        from_row(row)
    except Unreadable as error:
        return error
    return None


def read_time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(_number(seconds), UTC)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    if "\0" in value:
        raise ValueError("a NUL")
    if not value.isascii():
        value.encode()  # half a character, as which a byte that is no UTF-8 is read
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("not a number")
    return value


def _maybe(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else read(value)


def _request(text: str) -> VideoRequest:
    """Read what was checked when it was ordered: a version that allows other values must not choke on the ledger."""
    values = json.loads(_text(text))
    _text(values["prompt"])
    for name, kinds in _REQUESTED.items():
        if not isinstance(values.get(name), kinds):
            raise TypeError(name)
    return VideoRequest.model_construct(**values)


_REQUESTED: dict[str, tuple[type, ...]] = {
    "duration": (int, NoneType),
    "resolution": (str, NoneType),
    "aspect_ratio": (str, NoneType),
    "generate_audio": (bool, NoneType),
}
"""What this program reads of a request besides the prompt."""


def _video(text: str) -> Artifact:
    values = _known(Artifact, text)
    for name in ("size_bytes", "width", "height"):
        if not isinstance(_number(values[name]), int):
            raise TypeError(name)
    for name in ("duration_seconds", "fps"):
        _number(values[name])
    if not isinstance(values["has_audio"], bool):
        raise TypeError("has_audio")
    _maybe(_number)(values["loudness_lufs"])
    _text(values["sha256"])
    values["path"] = Path(_text(values["path"]))
    return Artifact(**values)


def _failure(text: str) -> Failure:
    values = _known(Failure, text)
    _text(values["name"])
    _text(values["message"])
    if values["charged"] not in get_args(Charged):
        raise ValueError("charged")
    return Failure(**values)


def _warnings(text: str) -> tuple[str, ...]:
    found = json.loads(_text(text))
    if not isinstance(found, list):
        raise TypeError("not a list")
    return tuple(_text(each) for each in cast("list[Any]", found))


def _known(record: type[Artifact | Failure], text: str) -> dict[str, Any]:
    """Read the fields that this version knows: another one may have written more."""
    names = {field.name for field in fields(record)}
    return {name: value for name, value in json.loads(_text(text)).items() if name in names}


_READERS: dict[str, Callable[[Any], Any]] = {
    "id": _text,
    "fingerprint": _maybe(_text),
    "account": _text,
    "backend": _text,
    "model": _text,
    "request": _maybe(_request),
    "state": State,
    "generation_id": _maybe(_text),
    "url": _maybe(_text),
    "video": _maybe(_video),
    "failure": _maybe(_failure),
    "warnings": _warnings,
    "note": _text,
    "estimate_usd": _maybe(_number),
    "cost_usd": _maybe(_number),
    "created_at": read_time,
    "sent_at": _maybe(read_time),
    "finished_at": _maybe(read_time),
    "delivered_at": _maybe(read_time),
    "shares_id": bool,
}

_ADDED_LATER: Row = {"shares_id": None}
"""Columns that a database lacks which nobody has migrated yet."""


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
