"""A sandbox under test: a clock that the test turns, and a renderer that writes a few bytes."""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2

from studios import serving
from veo_mcp.sandbox.app import build_app

KEY = {"Authorization": "Bearer any-key"}
MODEL = "google/veo-3.1-t2v-fast"
GENERATIONS = "/v2/video/generations"
VIDEO = bytes(range(256)) * 4096


def renderer(script: str) -> tuple[str, ...]:
    """Make a render command of a script that finds `request`, `out`, `write()` and `journal(line)`."""
    prelude = f"""
import json, os, sys, time
from pathlib import Path
request, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
def write(content=bytes(range(256)) * {len(VIDEO) // 256}):
    out.with_suffix(".part").write_bytes(content)
    out.with_suffix(".part").replace(out)
def journal(line):
    with (out.parent / "journal").open("a") as file:
        file.write(line + chr(10))
"""
    return (sys.executable, "-I", "-S", "-c", prelude + script)


FAST = renderer("write()")


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Playground:
    folder: Path
    clock: Clock
    client: httpx2.AsyncClient

    async def order(self, prompt: str, **fields: Any) -> httpx2.Response:
        body = {"model": MODEL, "prompt": prompt, "duration": 4} | fields
        return await self.client.post(GENERATIONS, json=body)

    async def order_id(self, prompt: str, **fields: Any) -> str:
        return (await self.order(prompt, **fields)).json()["id"]

    async def poll(self, generation_id: str) -> httpx2.Response:
        return await self.client.get(GENERATIONS, params={"generation_id": generation_id})

    async def status(self, generation_id: str) -> str:
        return (await self.poll(generation_id)).json()["status"]

    async def rendered(self, prompt: str, **fields: Any) -> str:
        """Order a video and let it become ready."""
        generation_id = await self.order_id(prompt, **fields)
        videos = len(list(self.folder.glob("*.generation.json")))
        await until(lambda: len(list(self.folder.glob("*.mp4"))) == videos)
        self.clock.now += 10
        return generation_id

    async def url(self, prompt: str, **fields: Any) -> str:
        return (await self.poll(await self.rendered(prompt, **fields))).json()["video"]["url"]

    async def balance(self) -> float:
        return (await self.client.get("/v2/billing")).json()["current_balance"]


def matches(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for another process."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.01)


@asynccontextmanager
async def playing(
    folder: Path, *, clock: Clock | None = None, render_command: Sequence[str] = FAST, port: bool = False
) -> AsyncGenerator[Playground]:
    """Open a sandbox that takes ten seconds by the test's clock, in process or on a port."""
    clock = clock or Clock()
    app = build_app(folder, seconds=10, clock=clock, render_command=render_command)
    if port:
        with serving(app) as url:
            async with httpx2.AsyncClient(base_url=url, headers=KEY) as client:
                yield Playground(folder, clock, client)
    else:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox.invalid", headers=KEY) as client:
            yield Playground(folder, clock, client)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
