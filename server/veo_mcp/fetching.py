"""Brings a generated video home: download, look inside, keep."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PureWindowsPath
from typing import Any

import anyio.to_thread

from veo_mcp import media, private
from veo_mcp.artifacts import Artifacts, Fetched
from veo_mcp.errors import ArtifactError, DamagedFile, DownloadFailed, NotSaved
from veo_mcp.jobs import Artifact, Failure, Job

logger = logging.getLogger(__name__)

GONE = "The video's file is gone. get_video_status fetches it again while upstream has it."
AWAY = (
    "The video's file is not here now, because the folder that it was saved in is not on this machine (not mounted, or"
    " another machine's). get_video_status names it and says what to do."
)
"""Both without its name, which holds words of the prompt: they go into traces."""

NOT_HERE = "The file is not here now"

DAMAGED = (
    "Looked into again, {}. Delete the file and ask get_video_status: it is then fetched again, free of charge, while"
    " upstream has it."
)
PAID = "The video is paid and upstream may still have it: get_video_status tries again, free of charge."
PERHAPS_PAID = "It may have been charged, and upstream may have it: get_video_status asks again, free of charge."


class Fetching:
    def __init__(
        self, artifacts: Artifacts, previews: Path, *, owner: str, clock: Callable[[], datetime], pause: float
    ) -> None:
        self._artifacts = artifacts
        self._previews = previews
        self._owner = owner
        self._clock = clock
        self._pause = pause

    def previews_of(self, job: Job) -> Path:
        """Return the folder of the job's contact sheet and preview."""
        return self._previews / job.id

    async def check_folder(self, job: Job) -> None:
        """Make sure that the job's video can be saved. Raises NotSaved."""
        await self._artifacts.check_folder(job.file_name(), owner=self._owner)

    async def fetch(self, job: Job) -> Job:
        """Return the job completed.

        Raises:
            LinkExpired, DownloadFailed, BadFile: a fresh link may help.
            NotSaved: this machine's trouble; it may pass.
        """
        name = job.file_name()
        try:
            return (
                await self._here_again(job)
                or await self._whole_after_all(job, name)
                or await self._downloaded(job, name)
            )
        finally:
            await self._artifacts.discard(name, owner=self._owner)

    async def _here_again(self, job: Job) -> Job | None:
        """Take the file that the job had before, where it has come back meanwhile."""
        place = await self.find(job.video) if job.video else None
        return job.still_completed(replace(job.video, path=place)) if job.video and place else None

    async def _downloaded(self, job: Job, name: str) -> Job:
        part = await self._artifacts.download(job.url or "", name, owner=self._owner, pause=self._pause)
        try:
            inspection = await self.look(job, part)
        except OSError as error:
            raise DownloadFailed(f"The downloaded file cannot be read ({error.strerror or error}).") from error
        if inspection.facts is None or inspection.damage:
            raise await self._damaged(job, part, inspection.damage or "it cannot be read")
        job = await self._keep(job, part, inspection.facts, inspection.unchecked)
        await self._artifacts.discard_damaged(name)  # of an earlier try
        return job

    async def _whole_after_all(self, job: Job, name: str) -> Job | None:
        """Take a file that was called damaged before, if it decodes now: the fault was an earlier version's."""
        kept = self._artifacts.damaged(name)
        if not await self.is_there(kept):
            return None
        try:
            inspection = await self.look(job, kept)
        except OSError:
            return None
        facts = inspection.facts
        if facts is None or facts.decoded_frames is None or inspection.damage:
            return None
        job = await self._keep(job, kept, facts, inspection.unchecked)
        await self._artifacts.discard_damaged(name)
        return job

    async def _keep(self, job: Job, part: Path, facts: media.Facts, unchecked: Sequence[str]) -> Job:
        warnings = (*media.differences(facts, job.request), *unchecked)
        fetched = await self._artifacts.keep(part, job.file_name())
        logger.info("%s: saved, %d bytes", job.id, fetched.size_bytes)  # the name holds words of the prompt
        return job.ready(_artifact(fetched, facts), warnings=warnings, at=self._clock())

    async def picture(self, job: Job, name: str, *, looks: bool = True) -> Path | None:
        """Return `sheet.jpg` or `preview.webp` of a completed job's file; made anew only where it is gone.

        Without `looks` it is not made: somebody has just tried.

        Raises:
            NotSaved: the video's file is gone.
        """
        picture = self.previews_of(job) / name
        if job.file is None:
            raise NotSaved(GONE)
        if not await self.is_in_place(job.file):
            raise await self.missing(job.file)
        if looks and not await self.is_there(picture):
            await self.look(job, job.file.path)
        return picture if await self.is_there(picture) else None

    async def looked_into_again(self, job: Job, file: Artifact) -> Job:
        """Look into a file that nobody had time or means to look into before; return the job with what is seen now."""
        try:
            inspection = await self.look(job, file.path)
        except OSError:
            return job
        facts = inspection.facts if inspection.facts and inspection.facts.decoded_frames is not None else None
        if facts is None and not inspection.damage:
            return job
        found = [warning for warning in job.warnings if not warning.startswith(media.NOT_CHECKED)]
        if facts is not None:
            file = replace(file, **_measured(facts))
            found += [*media.differences(facts, job.request), *inspection.unchecked]
        if inspection.damage:
            found.append(DAMAGED.format(inspection.damage))
        return replace(job, video=file, warnings=tuple(dict.fromkeys(found)))

    async def look(self, job: Job, path: Path) -> media.Inspection:
        """Look inside the job's file, and make its pictures where they are older than it."""
        with suppress(OSError):  # whoever writes the pictures there says what is wrong
            await anyio.to_thread.run_sync(private.make_folder, self._previews, abandon_on_cancel=True)
        return await media.inspect(path, into=self.previews_of(job))

    async def is_there(self, path: Path) -> bool:
        """Say whether the file can be seen; one in a folder that may not be searched cannot."""
        return await anyio.to_thread.run_sync(os.path.isfile, path, abandon_on_cancel=True)

    async def is_in_place(self, file: Artifact) -> bool:
        """Say whether a file of the video's size is where it was saved; its bytes are not read."""
        return await anyio.to_thread.run_sync(_has_size, file.path, file.size_bytes, abandon_on_cancel=True)

    async def find(self, file: Artifact) -> Path | None:
        """Return where the file is: where it was saved, or in the folder of videos, where it or its folder was moved.

        The database may come from another system: a Windows path has its name after the last slash of either kind.
        """
        if await self.is_in_place(file):
            return file.path
        name = PureWindowsPath(file.path).name
        return await self._artifacts.find(name, size_bytes=file.size_bytes, digest=file.sha256)

    async def missing(self, file: Artifact) -> NotSaved:
        """Return the error that says why there is no file: it was deleted, or its folder is not here."""
        return NotSaved(GONE if await self.has_folder(file) else AWAY)

    async def has_folder(self, file: Artifact) -> bool:
        """Say whether the folder that the file was saved in is on this machine at the moment."""
        return file.path.is_absolute() and await anyio.to_thread.run_sync(
            os.path.isdir, file.path.parent, abandon_on_cancel=True
        )

    async def absence(self, file: Artifact, why: str) -> str:
        """Say that a completed job's file is not here, where it was saved and what to do. `why`: the last try's end."""
        if why.startswith(NOT_HERE):
            return why
        if await self.has_folder(file):
            return f"{NOT_HERE}: {file.path}. {why}".strip()
        return (
            f"{NOT_HERE}: {file.path}, whose folder is not on this machine at the moment (not mounted, or another"
            f" machine's). Mount it, or put the file into {self._artifacts.folder}: it is looked for whenever somebody"
            " asks. Where it is lost, make that folder and ask: it is then fetched again, free of charge, while"
            " upstream has it."
        )

    async def _damaged(self, job: Job, part: Path, damage: str) -> DamagedFile:
        kept = await self._artifacts.keep_damaged(part, job.file_name())
        return DamagedFile(f"What upstream delivered is not a whole video: {damage}. It is kept as {kept}.")


def given_up(job: Job, error: ArtifactError, *, at: datetime) -> Job:
    """Fail the job after the last try; its handle still brings the file home while upstream has it."""
    message = f"{error} {PAID}"
    return job.failed(Failure(name=error.name, message=message, charged="yes", recoverable=True), at=at)


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size_bytes
    except OSError:
        return False


def _artifact(fetched: Fetched, facts: media.Facts) -> Artifact:
    return Artifact(path=fetched.path, size_bytes=fetched.size_bytes, sha256=fetched.sha256, **_measured(facts))


def _measured(facts: media.Facts) -> dict[str, Any]:
    """Return the artifact's fields that an inspection fills."""
    names = ("duration_seconds", "width", "height", "fps", "has_audio", "loudness_lufs")
    return {name: getattr(facts, name) for name in names}
