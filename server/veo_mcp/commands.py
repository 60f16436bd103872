"""What the shell commands do, on the same studio and ledger as the tools."""

import shlex
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import click
from pydantic import ValidationError

from veo_mcp import media, results, wording
from veo_mcp.api import VideoRequest
from veo_mcp.errors import InvalidRequest, LedgerError, NotConfirmed
from veo_mcp.jobs import Job, State
from veo_mcp.quoting import shown
from veo_mcp.refusals import explain
from veo_mcp.results import VideoFile, VideoList, VideoResult
from veo_mcp.settings import Settings
from veo_mcp.store import back_up
from veo_mcp.studio import Studio
from veo_mcp.wiring import database_address, open_studio

BAR_COLUMNS = 24

CALLER = "shell"
"""Each command is a process of its own; together they are one caller, who may order with one and look with the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Where to write what; None: nowhere."""

    sheet: Path | None
    preview: Path | None
    gif: Path | None


def request(**fields: Any) -> VideoRequest:
    """Check the options.

    Raises:
        InvalidRequest: says what is allowed.
    """
    try:
        return VideoRequest(**fields)
    except ValidationError as error:
        raise InvalidRequest(explain(error, VideoRequest.model_json_schema())) from error


async def price_to_confirm(settings: Settings, request: VideoRequest, new_variant: bool) -> float | None:
    async with open_studio(settings, watching=False) as studio:
        return await studio.price_to_confirm(request, new_variant=new_variant)


def confirm(settings: Settings, price: float | None) -> bool:
    """Ask, on a terminal, before a video of this price; the studio is closed meanwhile, for people take their time.

    Returns whether the person was asked.

    Raises:
        NotConfirmed: the answer is no, or nobody is there to ask.
    """
    if price is None:
        return False
    question = f"This video costs about ${price:.2f}. Order it?"
    if not sys.stdin.isatty() or not click.confirm(question, err=True):
        raise NotConfirmed(
            f"Not ordered: it costs about ${price:.2f}, more than VEO_MCP_CONFIRM_ABOVE_USD"
            f" (${settings.confirm_above_usd or 0:.2f}). Nothing was sent or charged. --yes orders without asking."
        )
    return True


async def generate(settings: Settings, request: VideoRequest, new_variant: bool, approved: bool) -> VideoResult:
    """Order the video and wait with a bar on stderr for it, as long as a job may take.

    Raises:
        NotConfirmed: it would be paid, and the person has not agreed to the price.
    """
    async with _saying_what_is_left(settings) as followed, open_studio(settings, caller=CALLER) as studio:
        placed = await studio.submit(request, new_variant=new_variant, approved=approved)
        followed.append(placed.job)
        job = await _with_bar(studio, placed.job, settings.job_timeout_seconds)
        studio.deliver(job)
        return results.video_result(job, now=studio.clock(), reused=placed.reused, waited=True)


async def status(settings: Settings, generation_id: str, wait_seconds: float) -> VideoResult:
    async with _saying_what_is_left(settings) as followed, open_studio(settings, caller=CALLER) as studio:
        job = await studio.look_up(generation_id)
        followed.append(job)
        job = await (_with_bar(studio, job, wait_seconds) if wait_seconds else studio.refresh(job))
        studio.deliver(job)
        return results.video_result(job, now=studio.clock(), waited=wait_seconds > 0)


@asynccontextmanager
async def _saying_what_is_left(settings: Settings) -> AsyncGenerator[list[Job]]:
    """Say of the jobs that the block followed, where it is cancelled, what the ledger knows once all is closed."""
    followed: list[Job] = []
    try:
        yield followed
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True), suppress(LedgerError):
            async with open_studio(settings, watching=False) as studio:
                for job in followed:
                    click.echo(_left(await studio.known(job.id)), err=True)
        raise


def _left(job: Job) -> str:
    """Say what becomes of a job for which nobody waits any longer."""
    if job.state is State.FAILED and job.failure is not None and job.failure.charged == "no":
        return "Nothing was sent or charged: the same command orders the video."
    if job.state is State.SUBMITTING and job.sent_at is None:
        return f"Another veo-mcp looks after the order and may still send it: veo-mcp status {job.handle}"
    if job.state in (State.SUBMITTING, State.UNKNOWN):
        return f"The order may have been received and charged: veo-mcp status {job.handle} says what to do."
    if job.is_settled:
        return f"It has ended meanwhile: veo-mcp status {job.handle}"
    return f"The video goes on: veo-mcp status {job.handle} --wait 300"


async def page(settings: Settings, status: str | None, limit: int, cursor: str | None) -> VideoList:
    async with open_studio(settings, watching=False) as studio:
        found = await studio.page([State(status)] if status else [], limit=limit, cursor=cursor)
        return results.video_list(found, settings)


async def show(settings: Settings, generation_id: str, pictures: Pictures) -> str:
    """Look inside the file; return what is in it, and write its pictures where asked.

    Raises:
        InvalidRequest: there is no finished video of this id, its file is gone, or no picture can be made of it.
    """
    async with open_studio(settings, watching=False) as studio:
        job = await studio.located(await studio.known(generation_id))
        result = results.video_result(job, now=studio.clock())
        if job.file is None or result.video is None:
            raise InvalidRequest(f"There is nothing to show yet. {wording.summary(result)}")
        path = job.file.path
        is_gone = job.is_away and not await studio.fetching.is_there(path)  # what is there can be looked into
        if is_gone and not await studio.fetching.has_folder(job.file):
            raise InvalidRequest(job.note)
        if is_gone:
            again = f"veo-mcp status {shlex.quote(generation_id)} --wait 60"
            raise InvalidRequest(f"The file {path} is gone. {again} fetches it again while upstream has it.")
        inspection = await studio.fetching.look(job, path)
        for made, target in ((inspection.sheet, pictures.sheet), (inspection.preview, pictures.preview)):
            if target is not None:
                _copy(made, target, inspection)
        if pictures.gif is not None:
            _writable(pictures.gif)
            await media.gif(path, pictures.gif)
        return "\n".join([*_told(result.video, result, inspection), *_seen(inspection)])


def _told(video: VideoFile, result: VideoResult, inspection: media.Inspection) -> list[str]:
    """What the ledger holds, without what `_seen` says as well."""
    return [
        video.path,
        wording.facts(video),
        f"sha256: {video.sha256}",
        f"prompt: {shown(result.prompt or 'not known')}",
        f"cost: {wording.cost(result)}",
        *(f"note: {warning}" for warning in result.warnings if warning not in inspection.unchecked),
    ]


def _seen(inspection: media.Inspection) -> list[str]:
    """What is in the file now."""
    lines = [f"damage: {inspection.damage}"] if inspection.damage else []
    lines += [f"not checked: {sentence}" for sentence in inspection.unchecked]
    if (facts := inspection.facts) is None or facts.decoded_frames is None:
        return lines
    frames = f"{facts.decoded_frames} of {facts.declared_frames} frames decoded, {facts.decode_errors} errors"
    stillness = ""
    if facts.dark_share is not None and facts.frozen_share is not None:
        stillness = (
            f"; black for {facts.dark_share * 100:.0f} %, still for {facts.frozen_share * 100:.0f} % of the time"
        )
    sound = media.sound_in_words(facts.loudness_lufs, has_audio=facts.has_audio)
    return [
        *lines,
        f"picture: {facts.video_codec}, {frames}{stillness}",
        f"sound: {facts.audio_codec}, {sound}" if facts.audio_codec else f"sound: {sound}",
    ]


def _copy(made: Path | None, target: Path, inspection: media.Inspection) -> None:
    if made is None:
        why = " ".join(inspection.unchecked) or f"The reason: {inspection.damage}."
        raise InvalidRequest(f"{target} was not written: no picture can be made of this video. {why}")
    _writable(target)
    shutil.copyfile(made, target)


def _writable(target: Path) -> None:
    try:
        target.touch()
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written ({error.strerror or type(error).__name__}).") from error


def backup(settings: Settings, target: Path, *, overwrite: bool) -> str:
    """Copy the jobs database, which servers may use meanwhile; return how it is put back.

    Raises:
        InvalidRequest: the database is a Postgres.
        LedgerError: nothing was copied.
    """
    address = database_address(settings)
    if isinstance(address, str):
        raise InvalidRequest(
            "The jobs are in Postgres, which has its own backups:"
            f' pg_dump --format=custom --file={shlex.quote(str(target))} "$VEO_MCP_DATABASE_URL"'
        )
    back_up(address, target, overwrite=overwrite)
    return (
        f"To restore: quit whatever runs veo-mcp (chat apps, servers), delete {address}-wal and {address}-shm if they"
        f" are there, and put the copy in place of {address}. It knows nothing of videos ordered after it was made."
    )


def report(result: VideoResult) -> str:
    """Say the result with the shell's own next step."""
    return wording.summary(result, next_step=_next_command(result))


def _next_command(result: VideoResult) -> str:
    status = f"veo-mcp status {shlex.quote(result.generation_id)}"
    if result.status == "unknown":
        settling = f"veo-mcp status {shlex.quote(result.generation_id)}=ITS_ID settles it"
        return f"look at the account's history: if the video is there, {settling}; if not, --new-variant orders anew"
    if result.status == "failed":
        paid = result.error is not None and result.error.charged != "no"
        return f"{status} --wait 60 tries again, free of charge" if paid else ""
    return f"{status} --wait 300"


async def _with_bar(studio: Studio, job: Job, seconds: float) -> Job:
    """Show how far the job probably is; the bar is full when the file is there, never before."""
    usual = await studio.usual_seconds(job)
    room = max(20, shutil.get_terminal_size().columns - BAR_COLUMNS - 6)
    try:
        with click.progressbar(
            length=1000, file=sys.stderr, show_percent=False, show_eta=False, width=BAR_COLUMNS
        ) as bar:
            async for latest in studio.follow(job, seconds):
                job, now = latest, studio.clock()
                bar.label = wording.progress_message(job, usual, now)[:room]
                share = 1.0 if job.state is State.COMPLETED else min(job.elapsed_seconds(now) / (usual * 1.05), 0.98)
                bar.update(max(0, int(share * 1000) - bar.pos))
                bar.render_progress()
    except anyio.get_cancelled_exc_class():
        paying = " An order that is on its way still gets its answer, in at most 10 s."
        click.echo("\nNo longer waiting." + (paying if job.state is State.SUBMITTING else ""), err=True)
        raise
    return job
