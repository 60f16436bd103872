"""What every Python client does: create, wait with progress, view, cancel, join. Prints what it saw as JSON."""

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

SERVER = json.loads(os.environ["SERVER_COMMAND"])
Tool = Callable[[str, dict[str, Any], Any], Awaitable[Any]]


async def run(era: str, tools: list[str], call: Tool) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    prompt = os.environ["PROMPT"]
    created = await call("create_video", {"prompt": prompt, "duration": 4}, note)
    handle = created["structuredContent"]["generation_id"]
    waited = await call("get_video_status", {"generation_id": handle, "wait_seconds": 30}, note)
    viewed = await call("view_video", {"generation_id": handle}, note)
    await cancel(call, {"prompt": f"{prompt}, again", "duration": 4})
    joined = await call("generate_and_wait", {"prompt": f"{prompt}, again", "duration": 4}, note)
    report = {
        "era": era,
        "tools": tools,
        "waited": waited["structuredContent"]["status"],
        "progress": seen,
        "viewed": [block["type"] for block in viewed["content"]],
        "joined": [joined["structuredContent"][name] for name in ("status", "reused")],
    }
    print(json.dumps(report))


async def cancel(call: Tool, arguments: dict[str, Any]) -> None:
    """Begin to wait for a video, and cancel at the first progress."""
    async with anyio.create_task_group() as tasks:

        async def leave(progress: float, total: float | None, message: str | None) -> None:
            tasks.cancel_scope.cancel()

        await call("generate_and_wait", arguments, leave)
        raise AssertionError("it was not cancelled")
