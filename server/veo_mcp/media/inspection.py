"""The parent's side: start the child, wait for a limited time, and make a verdict of its answer."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from pydantic import ValidationError

from veo_mcp import capacity
from veo_mcp.errors import BadFile
from veo_mcp.media.boxes import Damaged
from veo_mcp.media.facts import LOOKED_AGAIN, Inspection, by_header
from veo_mcp.media.header import read_header
from veo_mcp.media.limits import OUT_OF_CPU_TIME
from veo_mcp.quoting import quoted

logger = logging.getLogger(__name__)

CPU_SECONDS = 60.0
"""The processor time that a decoder may take: many times what a video within the limits needs."""

WALL_SECONDS = 900.0
"""The longest that a decoder may run on a busy machine or slow disk. The time in the queue does not count."""

PROOF_SECONDS = 120.0
"""The longest that a person waits for `prove`."""

_LOGGED_CHARACTERS = 2_000
# The decoder sees what Python needs to start, and no key or database password.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
# Where packages lie that were installed with `pip install --user`.
_USER_PACKAGES = ("PYTHONUSERBASE", "APPDATA", "HOME", "USERPROFILE")
# OpenBLAS takes memory for every core that it sees; pydantic's plug-ins have no business here.
_SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}


_running: RunVar[anyio.CapacityLimiter] = RunVar("veo_mcp.media.inspection._running")


class _NoAnswer(Exception):
    """The child did not come to a verdict; the message is the reason."""


async def inspect(path: Path, *, into: Path | None = None, wall_seconds: float = WALL_SECONDS) -> Inspection:
    """Inspect a finished video; write `sheet.jpg` and `preview.webp` into the folder `into` unless they are newer.

    A file that is damaged is told by the inspection's `damage`. An inspection that fails is never the file's fault: it
    returns what the header says, and why nobody looked further. Waits while as many others run as there are cores.

    Raises:
        OSError: `path` cannot be read at all.
    """
    async with _limit():
        try:
            header = await anyio.to_thread.run_sync(read_header, path, abandon_on_cancel=True)
        except Damaged as damage:
            return Inspection(damage=str(damage))
        if header.limit:
            return by_header(header, header.limit)
        try:
            return await _run("inspect", path, into, wall_seconds)
        except _NoAnswer as reason:
            return by_header(header, f"{reason}; {LOOKED_AGAIN}, and `veo-mcp doctor` says what is wrong")


async def gif(path: Path, out: Path) -> None:
    """Write a low-resolution animated GIF of the video; raise BadFile when it cannot be shown."""
    try:
        async with _limit():
            looked = await _run("gif", path, out)
    except _NoAnswer as reason:
        raise BadFile(f"No GIF could be made: {reason}. `veo-mcp doctor` says what is wrong.") from reason
    if looked.damage:
        raise BadFile(f"No GIF could be made: {looked.damage}.")
    if looked.unchecked:
        raise BadFile(f"No GIF could be made. {looked.unchecked[0]}")


async def prove(folder: Path) -> Inspection:
    """Encode a clip of one second in the folder, inspect it and make its pictures, as it is done with every video.

    Raises:
        BadFile: that cannot be done here; the message says why.
    """
    try:
        async with _limit():
            return await _run("prove", folder / "clip.mp4", folder, PROOF_SECONDS)
    except _NoAnswer as reason:
        raise BadFile(str(reason)) from reason


def _limit() -> anyio.CapacityLimiter:
    """Return this event loop's limit of children that decode at the same time."""
    limit = _running.get(None)
    if limit is None:
        limit = anyio.CapacityLimiter(capacity.of_process().decoders)
        _running.set(limit)
    return limit


async def _run(task: str, path: Path, target: Path | None, wall_seconds: float = WALL_SECONDS) -> Inspection:
    """Return the child's answer; raise _NoAnswer where there is none."""
    command = [sys.executable, "-P", "-m", "veo_mcp.media.child", task, str(path), str(target or ""), str(CPU_SECONDS)]
    try:
        with anyio.fail_after(wall_seconds):
            ended = await anyio.run_process(
                command,
                stdin=subprocess.DEVNULL,
                check=False,
                env={name: os.environ[name] for name in (*_ENVIRONMENT, *_USER_PACKAGES) if name in os.environ}
                | _SETTINGS,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except TimeoutError:
        raise _NoAnswer(f"the inspection did not end within {wall_seconds:g} s") from None
    except OSError as error:
        raise _NoAnswer(f"the inspection could not be started ({error.strerror or type(error).__name__})") from error
    return _answer(ended.returncode, ended.stdout, ended.stderr)


def _answer(returncode: int, answer: bytes, complaints: bytes) -> Inspection:
    said = complaints.decode(errors="replace").strip()
    if said:
        logger.warning("inspection: %s", quoted(said[-_LOGGED_CHARACTERS:], _LOGGED_CHARACTERS))
    if returncode in OUT_OF_CPU_TIME:
        raise _NoAnswer(f"the inspection took more than {CPU_SECONDS:g} s of processor time")
    if returncode < 0:
        raise _NoAnswer(f"the inspection was ended by signal {-returncode}")
    if returncode:
        last = quoted(said.splitlines()[-1]) if said else "it said nothing"
        raise _NoAnswer(f"the inspection ended with code {returncode} ({last})")
    try:
        return Inspection.model_validate_json(answer)
    except ValidationError:
        raise _NoAnswer("the inspection gave an answer that cannot be read") from None
