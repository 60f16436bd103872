"""What a tool gives back to programs: ours, never upstream's objects."""

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from veo_mcp.advice import next_step
from veo_mcp.jobs import Artifact, Failure, Job
from veo_mcp.quoting import plain_link
from veo_mcp.settings import Backend, Settings
from veo_mcp.studio import Page

Status = Literal["submitting", "queued", "generating", "downloading", "completed", "failed", "unknown", "overdue"]

PLAYS = "veo-mcp/generation_id"
"""Where a result without structured content names its video, for the player: some hosts keep the arguments from it."""


_ANOTHER_TAKE = " It was ordered before and not paid again; new_variant=true orders another take."


class VideoFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    uri: str
    size_bytes: int
    sha256: str
    duration_seconds: float
    width: int
    height: int
    fps: float
    has_audio: bool
    loudness_lufs: float | None
    url: str | None


class VideoError(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    message: str
    charged: Literal["yes", "no", "maybe"]


class VideoResult(BaseModel):
    """One job as a caller sees it."""

    model_config = ConfigDict(frozen=True)

    generation_id: str
    status: Status
    model: str
    backend: Backend
    prompt: str | None
    created_at: str
    elapsed_seconds: float
    video: VideoFile | None
    error: VideoError | None
    cost_usd: float | None
    cost_is_estimate: bool
    reused: bool
    warnings: list[str]
    next_step: str


class ListedVideo(BaseModel):
    model_config = ConfigDict(frozen=True)

    generation_id: str
    status: Status
    backend: Backend
    prompt: str | None
    created_at: str
    path: str | None
    cost_usd: float | None


class VideoList(BaseModel):
    """A page of the ledger."""

    model_config = ConfigDict(frozen=True)

    videos: list[ListedVideo]
    cursor: str | None
    spent_today_usd: float
    daily_budget_usd: float | None


def video_uri(handle: str, part: str = "") -> str:
    """Return the resource's address; upstream's ids may hold `:` and `/`, so they are percent-encoded."""
    return f"veo://videos/{quote(handle, safe='')}{part}"


def video_result(job: Job, *, now: datetime, reused: bool = False, waited: bool = False) -> VideoResult:
    return VideoResult(
        generation_id=job.handle,
        status=job.state.value,
        model=job.model,
        backend=_backend(job.backend),
        prompt=job.request.prompt if job.request else None,
        created_at=timestamp(job.created_at),
        elapsed_seconds=round(job.elapsed_seconds(now), 1),
        video=None if job.file is None else _file(job, job.file),
        error=None if job.failure is None else _error(job.failure),
        cost_usd=job.price,
        cost_is_estimate=job.cost_usd is None,
        reused=reused,
        warnings=[*job.warnings, *_warnings(job)],
        next_step=next_step(job, waited=waited) + (_ANOTHER_TAKE if reused and job.file else ""),
    )


def _file(job: Job, video: Artifact) -> VideoFile:
    return VideoFile(
        path=str(video.path),
        uri=video_uri(job.handle),
        size_bytes=video.size_bytes,
        sha256=video.sha256,
        duration_seconds=video.duration_seconds,
        width=video.width,
        height=video.height,
        fps=video.fps,
        has_audio=video.has_audio,
        loudness_lufs=video.loudness_lufs,
        url=plain_link(job.url),
    )


def _error(failure: Failure) -> VideoError:
    return VideoError(name=failure.name, message=failure.message, charged=failure.charged)


def _warnings(job: Job) -> list[str]:
    found: list[str] = []
    if job.backend == "sandbox":
        found.append(
            "Sandbox: an animatic drawn on this machine, not Veo; the cost is what Veo would cost."
            " AIMLAPI_API_KEY gives real videos."
        )
    ordered = job.request
    if ordered and job.is_active and ordered.duration in (4, 6) and ordered.resolution == "1080p":
        found.append("Google's own API offers 1080p only at 8 s; the service may deliver 720p or refuse.")
    if job.is_active and job.note:
        found.append(f"Last heard: {job.note}")
    if job.is_away:
        found.append(job.note)
    return found


def timestamp(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _backend(name: str) -> Backend:
    return "sandbox" if name == "sandbox" else "aimlapi"


def video_list(page: Page, settings: Settings) -> VideoList:
    return VideoList(
        videos=[_listed(job) for job in page.jobs],
        cursor=page.cursor,
        spent_today_usd=round(page.spent_today_usd, 4),
        daily_budget_usd=settings.daily_budget_usd,
    )


def _listed(job: Job) -> ListedVideo:
    return ListedVideo(
        generation_id=job.handle,
        status=job.state.value,
        backend=_backend(job.backend),
        prompt=job.request.prompt[:120] if job.request else None,
        created_at=timestamp(job.created_at),
        path=str(job.file.path) if job.file else None,
        cost_usd=job.price,
    )
