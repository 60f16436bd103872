"""A job as a row, and back; and what runs a statement."""

import json
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from veo_mcp.api import VideoRequest
from veo_mcp.jobs import Artifact, Failure, Job, State

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


def from_row(row: Row) -> Job:
    return Job(
        id=row["id"],
        fingerprint=row["fingerprint"],
        account=row["account"],
        backend=row["backend"],
        model=row["model"],
        request=None if row["request"] is None else _request(row["request"]),
        state=State(row["state"]),
        generation_id=row["generation_id"],
        url=row["url"],
        video=None if row["video"] is None else _video(row["video"]),
        failure=None if row["failure"] is None else Failure(**_known(Failure, row["failure"])),
        warnings=tuple(json.loads(row["warnings"])),
        note=row["note"],
        estimate_usd=row["estimate_usd"],
        cost_usd=row["cost_usd"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        sent_at=_time(row["sent_at"]),
        finished_at=_time(row["finished_at"]),
        delivered_at=_time(row["delivered_at"]),
        shares_id=bool(row["shares_id"]),
    )


def _request(text: str) -> VideoRequest:
    """Read what was checked when it was ordered: a version that allows other values must not choke on the ledger."""
    return VideoRequest.model_construct(**json.loads(text))


def _video(text: str) -> Artifact:
    values = _known(Artifact, text)
    values["path"] = Path(values["path"])
    return Artifact(**values)


def _known(record: type[Artifact | Failure], text: str) -> dict[str, Any]:
    """Read the fields that this version knows: another one may have written more."""
    names = {field.name for field in fields(record)}
    return {name: value for name, value in json.loads(text).items() if name in names}


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
