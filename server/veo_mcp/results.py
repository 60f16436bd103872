"""What a tool gives back: ours, never upstream's objects. Text for the model, figures for programs."""

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from veo_mcp.errors import quoted
from veo_mcp.jobs import Artifact, Failure, Job, State

Status = Literal["submitting", "queued", "generating", "downloading", "completed", "failed", "unknown", "overdue"]

POLL_AGAIN_SECONDS = 50
"""The longest that `get_video_status` waits by itself: hosts cut calls at 60 seconds."""

PLAYS = "veo-mcp/generation_id"
"""Where a result without structured content names its video, for the player: some hosts keep the arguments from it."""


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
    backend: Literal["aimlapi", "sandbox"]
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
        backend="sandbox" if job.backend == "sandbox" else "aimlapi",
        prompt=job.request.prompt if job.request else None,
        created_at=timestamp(job.created_at),
        elapsed_seconds=round(job.elapsed_seconds(now), 1),
        video=None if job.video is None or job.state is not State.COMPLETED else _file(job, job.video),
        error=None if job.failure is None else _error(job.failure),
        cost_usd=job.price,
        cost_is_estimate=job.cost_usd is None,
        reused=reused,
        warnings=[*job.warnings, *_warnings(job)],
        next_step=next_step(job, waited=waited),
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
        url=job.url,
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
    return found


def timestamp(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def status_call(job: Job) -> str:
    """Return the call that asks after the job."""
    return f'get_video_status(generation_id="{job.handle}", wait_seconds={POLL_AGAIN_SECONDS})'


def next_step(job: Job, *, waited: bool = False) -> str:
    """Say what to do now, as a call where there is one."""
    status = status_call(job)
    match job.state:
        case State.COMPLETED:
            return f'Tell the user the path. view_video(generation_id="{job.handle}") shows the video.'
        case State.UNKNOWN:
            return "Do not order it again by yourself: tell the user, who can look at the account's history first."
        case State.FAILED if job.can_be_fetched:
            return f"Do not order it again: it is paid. Mend what the error says, then {status}."
        case State.FAILED:
            return "Mend what the error says, then call again."
        case State.OVERDUE:
            return f"Taking unusually long, but not lost and still watched. {status} later; do not order it again."
        case State.SUBMITTING | State.QUEUED | State.GENERATING | State.DOWNLOADING:
            still = "It goes on in the background. " if waited else ""
            return f"{still}Call {status}, and again until the status is completed. Do not order it again."


def summary(result: VideoResult) -> str:
    """Say the result in one or two lines, with the path or the id, for hosts that show only text."""
    lines = [_headline(result)]
    if result.error is not None:
        lines.append(f"{result.error.message} (generation_id: {result.generation_id})")
    lines += [warning for warning in result.warnings if not warning.startswith("Last heard") or result.video is None]
    if result.status != "completed":
        lines.append(f"Next: {result.next_step}")
    return "\n".join(lines)


def _headline(result: VideoResult) -> str:
    again = " (handed back, not paid for again)" if result.reused else ""
    if result.video is not None:
        what = f"{facts(result.video)}, {cost(result)}"
        return f"Video saved: {result.video.path} ({what}){again}\ngeneration_id: {result.generation_id}"
    if result.status == "failed" and result.error is not None:
        return f"Failed: {result.error.name}."
    if result.status == "unknown":
        return "Outcome unknown: the order may have been received and charged."
    so_far = f"{result.status.capitalize()}, {result.elapsed_seconds:.0f} s so far, {cost(result)}{again}"
    return f"{so_far}. generation_id: {result.generation_id}"


def facts(video: VideoFile) -> str:
    """Return `8.0 s, 1920x1080, 24 fps, −18 LUFS, 4.5 MB`."""
    parts = [f"{video.duration_seconds:.1f} s", f"{video.width}x{video.height}", f"{video.fps:g} fps"]
    parts.append(f"{video.size_bytes / 1e6:.1f} MB")
    if not video.has_audio:
        parts.append("no sound track")
    elif video.loudness_lufs is not None:
        parts.append(f"sound at {video.loudness_lufs:.0f} LUFS")
    return ", ".join(parts)


def cost(result: VideoResult) -> str:
    if result.cost_usd is None:
        return "cost not known"
    figure = f"${result.cost_usd:.2f}"
    if result.backend == "sandbox":
        return f"nothing charged; Veo would cost about {figure}"
    return f"about {figure}" if result.cost_is_estimate else figure


def progress_message(job: Job, usual: float, now: datetime) -> str:
    """Say in at most 200 characters how it goes: `generating, 42 s so far, usually about 75 s`."""
    note = f" ({job.note})" if job.note else ""
    text = f"{job.state.value}, {job.elapsed_seconds(now):.0f} s so far, usually about {usual:.0f} s{note}"
    return text[:200]


def video_list(jobs: list[Job], cursor: str | None, spent_usd: float, budget_usd: float | None) -> VideoList:
    return VideoList(
        videos=[_listed(job) for job in jobs],
        cursor=cursor,
        spent_today_usd=round(spent_usd, 4),
        daily_budget_usd=budget_usd,
    )


def _listed(job: Job) -> ListedVideo:
    done = job.state is State.COMPLETED and job.video is not None
    return ListedVideo(
        generation_id=job.handle,
        status=job.state.value,
        prompt=job.request.prompt[:120] if job.request else None,
        created_at=timestamp(job.created_at),
        path=str(job.video.path) if done and job.video else None,
        cost_usd=job.price,
    )


def table(listed: VideoList) -> str:
    """Return the page as text: a line per video, then the money."""
    lines = [
        f"{video.created_at}  {video.status:<11} {video.generation_id}  {video.path or quoted(video.prompt or '')[:60]}"
        for video in listed.videos
    ] or ["No videos yet."]
    lines.append(money(listed))
    if listed.cursor:
        lines.append(f'More: list_videos(cursor="{listed.cursor}")')
    return "\n".join(lines)


def money(listed: VideoList) -> str:
    budget = "no daily budget" if listed.daily_budget_usd is None else f"of ${listed.daily_budget_usd:.2f} a day"
    return f"Spent or under way today (UTC): ${listed.spent_today_usd:.2f}, {budget}."


def caption(result: VideoResult, sound: str) -> str:
    """Say in two lines what is on the contact sheet and what can be heard."""
    if result.video is None:
        return result.status
    return (
        f"{facts(result.video)}. Sound, as measured: {sound}.\n"
        f"Nine frames in order, with their times, of {result.video.path}"
    )
