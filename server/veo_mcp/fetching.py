"""Brings a generated video home: download, look inside, keep."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PureWindowsPath

import anyio.to_thread

from veo_mcp import media, private
from veo_mcp.artifacts import Artifacts, Fetched
from veo_mcp.errors import ArtifactError, DownloadFailed, NotSaved
from veo_mcp.jobs import Artifact, Failure, Job

logger = logging.getLogger(__name__)

GONE = "The video's file is gone. get_video_status fetches it again while upstream has it."
"""Without its name, which holds words of the prompt: it goes into traces."""

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

    async def check_folder(self) -> None:
        """Make sure that a video can be saved. Raises NotSaved."""
        await self._artifacts.check_folder()

    async def fetch(self, job: Job) -> Job:
        """Return the job completed, or failed because the file is damaged or cannot be kept.

        Raises:
            LinkExpired, DownloadFailed, BadFile: a fresh link may help.
        """
        name = job.file_name()
        try:
            return await self._whole_after_all(job, name) or await self._downloaded(job, name)
        except NotSaved as error:
            return job.failed(
                Failure(name=error.name, message=str(error), charged="yes", recoverable=True), at=self._clock()
            )
        finally:
            await self._artifacts.discard(name, owner=self._owner)

    async def _downloaded(self, job: Job, name: str) -> Job:
        part = await self._artifacts.download(job.url or "", name, owner=self._owner, pause=self._pause)
        try:
            inspection = await self.look(job, part)
        except OSError as error:
            raise DownloadFailed(f"The downloaded file cannot be read ({error.strerror or error}).") from error
        if inspection.facts is None or inspection.damage:
            return await self._damaged(job, part, inspection.damage or "it cannot be read")
        return await self._keep(job, part, inspection.facts, inspection.unchecked)

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

    async def picture(self, job: Job, name: str) -> Path | None:
        """Return `sheet.jpg` or `preview.webp` of a completed job's file; made anew only where it is gone.

        Raises:
            NotSaved: the video's file is gone.
        """
        picture = self.previews_of(job) / name
        if job.file is None or not await self.is_there(job.file.path):
            raise NotSaved(GONE)
        if not await self.is_there(picture):
            await self.look(job, job.file.path)
        return picture if await self.is_there(picture) else None

    async def look(self, job: Job, path: Path) -> media.Inspection:
        """Look inside the job's file, and make its pictures where they are older than it."""
        with suppress(OSError):  # whoever writes the pictures there says what is wrong
            await anyio.to_thread.run_sync(private.make_folder, self._previews)
        return await media.inspect(path, into=self.previews_of(job))

    async def is_there(self, path: Path) -> bool:
        """Say whether the file can be seen; one in a folder that may not be searched cannot."""
        return await anyio.to_thread.run_sync(os.path.exists, path)

    async def find(self, file: Artifact) -> Path | None:
        """Return where the file is: where it was saved, or in the folder of videos, where it or its folder was moved.

        The database may come from another system: a Windows path has its name after the last slash of either kind.
        """
        if await self.is_there(file.path):
            return file.path
        name = PureWindowsPath(file.path).name
        return await self._artifacts.find(name, size_bytes=file.size_bytes, digest=file.sha256)

    async def _damaged(self, job: Job, part: Path, damage: str) -> Job:
        kept = await self._artifacts.keep_damaged(part, job.file_name())
        message = f"What upstream delivered is not a whole video: {damage}. It is kept as {kept}. {PAID}"
        return job.failed(
            Failure(name="damaged_file", message=message, charged="yes", recoverable=True), at=self._clock()
        )


def given_up(job: Job, error: ArtifactError, *, at: datetime) -> Job:
    """Fail the job after the last try; its handle still brings the file home while upstream has it."""
    message = f"{error} {PAID}"
    return job.failed(Failure(name=error.name, message=message, charged="yes", recoverable=True), at=at)


def _artifact(fetched: Fetched, facts: media.Facts) -> Artifact:
    return Artifact(
        path=fetched.path,
        size_bytes=fetched.size_bytes,
        sha256=fetched.sha256,
        duration_seconds=facts.duration_seconds,
        width=facts.width,
        height=facts.height,
        fps=facts.fps,
        has_audio=facts.has_audio,
        loudness_lufs=facts.loudness_lufs,
    )
