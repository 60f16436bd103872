"""Results in words, for models and people."""

from datetime import datetime

from veo_mcp.jobs import Job
from veo_mcp.media import sound_in_words
from veo_mcp.quoting import prompt_line
from veo_mcp.results import ListedVideo, VideoFile, VideoList, VideoResult
from veo_mcp.settings import Backend

MESSAGE_CHARACTERS = 200
"""What hosts show of a progress message (claude-plugins PR #2059)."""


def summary(result: VideoResult, *, next_step: str | None = None) -> str:
    """Say the result in a few lines, with the path or the id, for hosts that show only text.

    `next_step` replaces the result's own, which speaks of tools.
    """
    lines = [_headline(result)]
    if result.error is not None:
        lines.append(f"{result.error.message} (generation_id: {result.generation_id})")
    lines += result.warnings
    step = result.next_step if next_step is None else next_step
    if step and result.status != "completed":
        lines.append(f"Next: {step}")
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
    """Return `8.0 s, 1920x1080, 24 fps, 4.5 MB, sound at −18 LUFS`."""
    size = f"{video.width}x{video.height}, {video.fps:g} fps, {video.size_bytes / 1e6:.1f} MB"
    return f"{video.duration_seconds:.1f} s, {size}, {sound_in_words(video.loudness_lufs, has_audio=video.has_audio)}"


def caption(video: VideoFile, *, has_picture: bool = True) -> str:
    """Say in two lines what is in the video and what is on the contact sheet."""
    shown = f"Nine frames in order, with their times, of {video.path}"
    if not has_picture:
        shown = f"No picture of {video.path} could be made; `veo-mcp doctor` says why."
    return f"In the file: {facts(video)}.\n{shown}"


def cost(result: VideoResult) -> str:
    if result.cost_usd is None:
        return "cost not known"
    figure = f"${result.cost_usd:.2f}"
    if result.backend == "sandbox":
        return f"nothing charged; Veo would cost about {figure}"
    return f"about {figure}" if result.cost_is_estimate else figure


def progress_message(job: Job, usual: float, now: datetime) -> str:
    """Say in at most 200 characters how it goes: `generating, 42 s so far, usually about 75 s`."""
    seconds = job.elapsed_seconds(now)
    expected = f"longer than the usual {usual:.0f} s" if seconds > usual * 1.5 else f"usually about {usual:.0f} s"
    note = f" ({job.note})" if job.note else ""
    return f"{job.state.value}, {seconds:.0f} s so far, {expected}{note}"[:MESSAGE_CHARACTERS]


def table(listed: VideoList, backend: Backend, *, more: str = 'list_videos(cursor="{cursor}")') -> str:
    """Return the page as text: a line per video, then the money, then how to see more."""
    lines = [_line(video) for video in listed.videos] or ["No videos yet."]
    if any(video.status == "unknown" for video in listed.videos):
        lines.append("unknown: may have been charged, is never sent again by itself; get_video_status says what to do.")
    lines.append(money(listed, backend))
    if listed.cursor:
        lines.append(f"More: {more.format(cursor=listed.cursor)}")
    return "\n".join(lines)


def _line(video: ListedVideo) -> str:
    where = video.path or (f'"{prompt_line(video.prompt, 60)}"' if video.prompt else "")
    sandbox = "  (sandbox)" if video.backend == "sandbox" else ""
    return f"{video.created_at}  {video.status:<11} {video.generation_id}  {where}{sandbox}"


def money(listed: VideoList, backend: Backend) -> str:
    budget = "no daily budget" if listed.daily_budget_usd is None else f"of ${listed.daily_budget_usd:.2f} a day"
    figure = f"${listed.spent_today_usd:.2f}"
    if backend == "sandbox":
        return f"Sandbox: nothing is spent; today (UTC) Veo would have cost {figure}, {budget}."
    return f"Spent or under way today (UTC): {figure}, {budget}."
