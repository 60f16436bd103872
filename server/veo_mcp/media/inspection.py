"""The parent's side: start the child, wait for a limited time, turn however it ends into a verdict."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread

from veo_mcp.errors import BadFile
from veo_mcp.media.boxes import Damaged
from veo_mcp.media.facts import Inspection
from veo_mcp.media.header import read_header
from veo_mcp.media.limits import NO_DECODER

logger = logging.getLogger(__name__)

_QUOTED_CHARACTERS = 500
# The decoder sees what Python needs to start, and no key or database password.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
# OpenBLAS takes memory for every core that it sees; pydantic's plug-ins have no business here.
_SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}


async def inspect(path: Path, *, into: Path | None = None, seconds: float = 60) -> Inspection:
    """Inspect a finished video; write `sheet.jpg` and `preview.webp` into the folder `into` unless they are newer.

    A bad file gives a verdict, never an exception; OSError means that `path` cannot be read at all.
    """
    damage = await anyio.to_thread.run_sync(_refusal, path)
    return Inspection(damage=damage) if damage else await _run("inspect", path, into, seconds)


async def gif(path: Path, out: Path, *, seconds: float = 60) -> None:
    """Write a low-resolution animated GIF of the video; raise BadFile when it cannot be shown."""
    damage = await anyio.to_thread.run_sync(_refusal, path)
    damage = damage or (await _run("gif", path, out, seconds)).damage
    if damage:
        raise BadFile(f"No GIF could be made: {damage}.")


def _refusal(path: Path) -> str | None:
    try:
        read_header(path)
    except Damaged as damage:
        return str(damage)
    return None


async def _run(task: str, path: Path, target: Path | None, seconds: float) -> Inspection:
    command = [sys.executable, "-P", "-m", "veo_mcp.media.child", task, str(path), str(target or ""), str(seconds)]
    with anyio.move_on_after(seconds):
        ended = await anyio.run_process(
            command,
            stdin=subprocess.DEVNULL,
            check=False,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _SETTINGS,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return _verdict(ended.returncode, ended.stdout, ended.stderr)
    return Inspection(damage=f"the file could not be inspected within {seconds:g} s")


def _verdict(returncode: int, answer: bytes, complaints: bytes) -> Inspection:
    said = complaints.decode(errors="replace").strip()[-_QUOTED_CHARACTERS:]
    if returncode == NO_DECODER:
        raise RuntimeError(f"The video decoder cannot be loaded; reinstall veo-mcp. It said: {said}")
    if said:
        logger.warning("inspection: %s", said)
    if returncode == 0:
        return Inspection.model_validate_json(answer)
    how = f"by signal {-returncode}" if returncode < 0 else f"with code {returncode}"
    return Inspection(damage=f"the file could not be inspected: the decoder ended {how}")
