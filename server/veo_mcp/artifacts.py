"""The finished file's way home: streamed into `.part`, checked, then renamed. Nothing half-done has the final name."""

import errno
import glob
import hashlib
import logging
import os
import re
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2

from veo_mcp import __version__, capacity, held_files
from veo_mcp.errors import BadFile, DownloadFailed, LinkExpired, NotSaved
from veo_mcp.links import NOT_AN_ADDRESS, Links
from veo_mcp.quoting import quoted

logger = logging.getLogger(__name__)

MAX_BYTES = 512 << 20
TIMEOUT = httpx2.Timeout(60, connect=15)
ATTEMPTS = 4
"""How often in a row a try may fail that brings the file no further."""

MOST_ATTEMPTS = 500
"""How often a file is tried in all whose every try brings a little more of it."""

ATTEMPT_SECONDS = 600.0
"""The longest that one try may take in all: the timeouts above only bound each pause in it."""

CLEANING_SECONDS = 5.0
"""How long a folder that does not answer keeps whoever is to end from ending."""

LONGEST_QUIET_SECONDS = 600
"""The longest `Retry-After` that is kept."""

ROOM_BYTES = 100 << 20
"""What must be free before a video is ordered: a few of the largest that come, for they may finish together."""

TRIED_BYTES = 1 << 20
"""What is really written before a video is ordered: a quota shows only there."""

_NAME = r"\d{4}-\d{2}-\d{2}(-[^\W_]+)*-[0-9a-f]{8}"  # as Job.file_name gives them, without .mp4
_DAMAGED = re.compile(rf"{_NAME}(-\d{{1,2}})?\.damaged\.mp4")
_PART = re.compile(rf"\.{_NAME}\.mp4\.[0-9a-f]{{8}}\.part")
_GONE = frozenset({400, 401, 403, 404, 410})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    path: Path
    size_bytes: int
    sha256: str


class _LittleRoom(OSError):
    """The disk has less room than a video may need; the message says how much."""


class Artifacts:
    """Brings files into one folder. `http` must carry no authorization: result links are somebody else's servers.

    `origin` is the API's, for links that lead to where it is.
    """

    def __init__(self, http: httpx2.AsyncClient, folder: Path, *, origin: str = "") -> None:
        self._links = Links(http, origin=origin)
        self._turns = anyio.CapacityLimiter(capacity.of_process().downloads)
        self.folder = folder

    async def check_folder(self, name: str, *, owner: str) -> None:
        """Make sure that a video of this name can be saved, before it is paid for.

        Raises:
            NotSaved: the folder cannot be written, has no room, or takes no file of this name.
        """
        try:
            await anyio.to_thread.run_sync(_try_out, self._part(name, owner), abandon_on_cancel=True)
        except (OSError, UnicodeEncodeError) as error:
            what, cure = _trouble(self.folder, error)
            raise NotSaved(f"Not ordered: {what}. Nothing was sent or charged. {cure}, then order it.") from error

    def _part(self, name: str, owner: str) -> Path:
        """Return where the half-done file is: no file of the folder has a longer name."""
        return self.folder / f".{name}.{owner[:8]}.part"

    async def download(self, url: str, name: str, *, owner: str, pause: float = 1.0) -> Path:
        """Download `url` to a `.part` file in the folder, resuming where a cut connection left off.

        `owner` keeps the half-done files of two processes apart. Whoever calls this ends it with `keep`,
        `keep_damaged` or `discard`.

        Raises:
            LinkExpired: ask upstream for a fresh link.
            DownloadFailed: the network or the server, after a few tries.
            BadFile: what came is no video at all.
            NotSaved: the folder cannot be written, or the disk is full.
        """
        part = self._part(name, owner)
        with self._disk():
            await anyio.to_thread.run_sync(_prepare, self.folder, part, abandon_on_cancel=True)
            await self._attempts(url, part, pause)
        return part

    async def _attempts(self, url: str, part: Path, pause: float) -> None:
        """Try until the file is here; a try that brought more of it than was ever here costs none of the others."""
        same_file: dict[str, str] = {}
        reached = fruitless = 0
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                async with self._turns:
                    await self._attempt(url, part, same_file)
            except DownloadFailed as error:
                have = await anyio.to_thread.run_sync(_size, part, abandon_on_cancel=True)
                reached, fruitless = max(have, reached), 0 if have > reached else fruitless + 1
                if fruitless == ATTEMPTS or attempt == MOST_ATTEMPTS or error.retry_after:
                    raise
                logger.warning("download interrupted (%s), trying again", error)
                await anyio.sleep(pause * 2 ** max(fruitless - 1, 0))
            else:
                return

    async def keep(self, part: Path, name: str) -> Fetched:
        """Give the checked file its final name.

        A file that has this name already stays: the same bytes are not stored twice, others get a numbered name.

        Raises:
            DownloadFailed: the half-done file has gone.
            NotSaved: the folder cannot be written.
        """
        with self._disk():
            async with self._turns:
                return await anyio.to_thread.run_sync(_take_in, part, self.folder / name)

    def damaged(self, name: str) -> Path:
        """Return where a file that is not whole is kept."""
        return (self.folder / name).with_suffix(".damaged.mp4")

    async def keep_damaged(self, part: Path, name: str) -> Path:
        """Keep a file that is not whole under a name that says so."""
        with self._disk():
            return await anyio.to_thread.run_sync(_set_aside, part, self.damaged(name))

    async def discard_damaged(self, name: str) -> None:
        with anyio.move_on_after(CLEANING_SECONDS, shield=True), suppress(OSError):
            await anyio.to_thread.run_sync(held_files.unlink, self.damaged(name), abandon_on_cancel=True)

    async def discard(self, name: str, *, owner: str) -> None:
        with anyio.move_on_after(CLEANING_SECONDS, shield=True), suppress(OSError, UnicodeEncodeError):
            await anyio.to_thread.run_sync(held_files.unlink, self._part(name, owner), abandon_on_cancel=True)

    async def find(self, name: str, *, size_bytes: int, digest: str) -> Path | None:
        """Return the file of this name in the folder, if it is the very one; it is read only where its size fits."""
        path = self.folder / name
        with suppress(OSError):
            if await anyio.to_thread.run_sync(_holds, path, size_bytes, digest, abandon_on_cancel=True):
                return path
        return None

    @contextmanager
    def _disk(self) -> Generator[None]:
        try:
            yield
        except (OSError, UnicodeEncodeError) as error:
            what, cure = _trouble(self.folder, error)
            what = what[0].upper() + what[1:]
            raise NotSaved(f"{what}. {cure}: the video is paid, and is then saved free of charge.") from error

    async def _attempt(self, url: str, part: Path, same_file: dict[str, str]) -> None:
        with anyio.move_on_after(ATTEMPT_SECONDS) as limit:
            await self._stream(url, part, same_file)
        if limit.cancelled_caught:
            raise DownloadFailed(f"The download was not done after {ATTEMPT_SECONDS:g} s.")

    async def _stream(self, url: str, part: Path, same_file: dict[str, str]) -> None:
        """Get the file, or the rest of it: a server that knows no ranges, or has another file by now, sends it whole.

        `same_file` holds the condition under which the rest fits what is here.
        """
        have = await anyio.to_thread.run_sync(_size, part, abandon_on_cancel=True)
        headers = {"User-Agent": f"veo-mcp/{__version__}", "Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", **same_file}
        try:
            async with self._links.opened(url, headers=headers, pauses=TIMEOUT) as response:
                if response.status_code == 416:  # less than is here: nothing of it fits
                    await anyio.to_thread.run_sync(held_files.unlink, part)
                if response.status_code == 206 and _is_encoded(response):  # its places are not those of the file
                    await anyio.to_thread.run_sync(held_files.unlink, part)
                    raise DownloadFailed("The file server resumed in another encoding.")
                start, total = _start_and_total(response, have)
                same_file |= _condition(response)
                await _receive(response, part, start, total)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeEncodeError) as error:
            raise BadFile(NOT_AN_ADDRESS) from error  # that the file's own name can be spelled is known by now
        except httpx2.HTTPError as error:
            raise DownloadFailed(f"The download was cut ({type(error).__name__}).") from error


def _start_and_total(response: httpx2.Response, have: int) -> tuple[int, int | None]:
    """Judge the answer; return where its bytes belong and how long the whole file will be, where that is said."""
    status = response.status_code
    if status == 416:
        raise DownloadFailed("The server has less of the file than it sent before.")
    if status in _GONE:
        raise LinkExpired(f"The result link no longer works (HTTP {status}).")
    if not response.is_success:
        raise DownloadFailed(f"The file server answered HTTP {status}.", retry_after=_retry_after(response))
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind and not kind.startswith("video/") and kind not in ("application/octet-stream", "binary/octet-stream"):
        raise BadFile(f"What upstream delivered is {quoted(kind, 60)}, not a video.")
    start, total = 0, None if _is_encoded(response) else _length(response.headers.get("content-length"))
    if status == 206:
        found = re.match(r"bytes (\d{1,18})-\d+/(\d+|\*)", response.headers.get("content-range", ""))
        if found is None or int(found[1]) > have:
            raise DownloadFailed("The file server resumed at the wrong place.")
        start, total = int(found[1]), _length(found[2])
    if total is not None and total > MAX_BYTES:
        raise BadFile(f"The file has {total} bytes; at most {MAX_BYTES} are taken.")
    return start, total


def _condition(response: httpx2.Response) -> dict[str, str]:
    """Return `If-Range` for a later resumption (RFC 9110, 13.1.5: a strong validator only).

    One that is not ASCII cannot be sent back as it came.
    """
    tag = response.headers.get("etag", "")
    validator = tag if tag.startswith('"') else response.headers.get("last-modified", "")
    return {"If-Range": validator} if validator and validator.isascii() and validator.isprintable() else {}


def _is_encoded(response: httpx2.Response) -> bool:
    """Say whether the bytes are packed, although plain ones were asked for: lengths are then those of the packed."""
    return response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")


def _retry_after(response: httpx2.Response) -> float | None:
    """Return for how many seconds a busy server wants to be left alone, if it says so in seconds."""
    if response.status_code not in (429, 503):
        return None
    seconds = _length(response.headers.get("retry-after", "").strip())
    return None if seconds is None else float(min(seconds, LONGEST_QUIET_SECONDS))


def _length(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None


async def _receive(response: httpx2.Response, part: Path, start: int, total: int | None) -> None:
    mode = "r+b" if start else "wb"
    opened = await anyio.to_thread.run_sync(lambda: held_files.patiently(lambda: part.open(mode)))
    file, size = anyio.wrap_file(opened), start
    try:
        await file.seek(start)
        await file.truncate()
        async for chunk in response.aiter_bytes():  # as they come: what a larger chunk waits for is lost at a cut
            size += len(chunk)
            if size > MAX_BYTES:
                raise BadFile(f"The file is larger than {MAX_BYTES} bytes.")
            await file.write(chunk)
    finally:
        with anyio.CancelScope(shield=True):  # what came before the time was up is written too
            await file.aclose()
    if total is not None and size != total:
        raise DownloadFailed(f"The download ended after {size} of {total} bytes.")


def _try_out(part: Path) -> None:
    """Write a little where the video will be written."""
    part.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(part.parent).free
    if free < ROOM_BYTES:
        raise _LittleRoom(errno.ENOSPC, f"{free >> 20} MB are free, and {ROOM_BYTES >> 20} MB are wanted for a video")
    try:
        with part.open("wb") as file:
            file.write(bytes(TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())  # on a network the server says only now that there is no room
    finally:
        held_files.unlink(part)


def _prepare(folder: Path, part: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    held_files.unlink(part)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _take_in(part: Path, final: Path) -> Fetched:
    if not part.exists():
        raise DownloadFailed("The half-done file has gone.")
    digest = sha256(part)
    # On Windows a scanner that goes on reading lets nobody write: the video counts more than its way to the disk.
    with suppress(PermissionError), held_files.patiently(lambda: part.open("r+b")) as file:
        os.fsync(file.fileno())
    for path in (final, *_numbered(final)):
        if _claim_name(part, path, digest):
            _sweep(final)
            return Fetched(path=path, size_bytes=path.stat().st_size, sha256=digest)
    raise FileExistsError(errno.EEXIST, "a hundred files have this name", str(final))


def _claim_name(part: Path, path: Path, digest: str) -> bool:
    """Give the file its name unless other bytes have it. A hard link, where there are any, cannot overwrite."""
    if path.exists():
        return _holds(path, part.stat().st_size, digest)
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:
        held_files.replace(part, path)  # a file system without hard links
    _sync_folder(path.parent)
    return True


def _holds(path: Path, size_bytes: int, digest: str) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes and sha256(path) == digest


def _set_aside(part: Path, path: Path) -> Path:
    """Replace an earlier damaged file; one that a player holds open stays, and this one gets a number."""
    try:
        held_files.replace(part, path)
    except PermissionError:
        path = next(numbered for numbered in _numbered(path) if not numbered.exists())
        held_files.replace(part, path)
    return path


def _numbered(path: Path) -> Iterator[Path]:
    """Yield the names to try where `path` is taken."""
    stem, kinds = path.name.split(".", 1)
    return (path.with_name(f"{stem}-{n}.{kinds}") for n in range(2, 100))


def _sweep(final: Path) -> None:
    """Delete what processes that were killed in the middle of this download have left.

    The video has its name by now: what another program holds open stays for `veo-mcp prune`.
    """
    for part in final.parent.glob(f".{glob.escape(final.name)}.*.part"):
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def damaged_files(folder: Path) -> list[Path]:
    """Return what `keep_damaged` has kept there."""
    return _named(folder, _DAMAGED)


def half_done_files(folder: Path) -> list[Path]:
    """Return what is being downloaded there, by any process, and what killed ones have left."""
    return _named(folder, _PART)


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Return the files whose whole names are as our own code makes them: the folder is the user's."""
    try:
        return [path for path in folder.iterdir() if pattern.fullmatch(path.name) and path.is_file()]
    except OSError:
        return []


def sha256(path: Path) -> str:
    """Return the file's digest in hexadecimal."""
    with held_files.patiently(lambda: path.open("rb")) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _trouble(folder: Path, error: OSError | UnicodeEncodeError) -> tuple[str, str]:
    """Return what is wrong and what to do about it."""
    if isinstance(error, UnicodeEncodeError):
        encoding = sys.getfilesystemencoding()
        return (
            f"this process writes file names in {encoding}, which cannot spell the words of this prompt",
            "Start veo-mcp with PYTHONUTF8=1 in its environment",
        )
    why = error.strerror or type(error).__name__
    if isinstance(error, _LittleRoom):
        return f"the disk that holds {folder} is nearly full ({why})", "Make room or set VEO_MCP_OUTPUT_DIR"
    if error.errno in _FULL:
        return f"the disk that holds {folder} is full", "Make room"
    if error.errno in _NO_DESCRIPTORS:
        return f"too many files are open ({why})", "Close other programs or raise the limit (ulimit -n)"
    return f"the folder {folder} cannot be written ({why})", "Mend that or set VEO_MCP_OUTPUT_DIR"
