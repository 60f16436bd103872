"""A seeded storm of kills, freezes, cuts, refusals and a locked ledger over several processes and one set of orders.

VEO_MCP_STORM_SEED repeats a storm's decisions, VEO_MCP_STORM_SECONDS makes it longer.
"""

import os
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import anyio
import pytest
from databases import out_of_reach
from mcp import MCPError
from processes import NoVideo, Scene, Server
from proof import Figures

from hostile_answers import Trouble
from paid_service import Stage

SECONDS = float(os.environ.get("VEO_MCP_STORM_SECONDS", "45"))
PROCESSES = 3
CUSTOMERS = 8
STRIKERS = 2

GONE = MCPError, NoVideo, anyio.ClosedResourceError, anyio.BrokenResourceError

WEATHER: dict[Stage, list[tuple[float, Trouble]]] = {
    "arrived": [(0.08, "429"), (0.06, "503"), (0.04, "cut")],
    "charged": [(0.04, "cut"), (0.04, "500")],
    "polled": [(0.05, "cut"), (0.05, "404"), (0.05, "500"), (0.05, "html")],
    "downloading": [(0.08, "expired"), (0.08, "500")],
    "half": [(0.2, "cut")],
}


@dataclass
class Storm:
    scene: Scene
    seed: int
    over: bool = False
    live: list[Server] = field(default_factory=list[Server])
    faults: Counter[str] = field(default_factory=Counter[str])
    variants: Counter[str] = field(default_factory=Counter[str])
    _prompts: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - to be repeated
        self._weather_dice = random.Random(self.seed + 1)  # noqa: S311
        self.scene.upstream.weather = self._weather

    async def rage(self) -> Figures:
        """Let it rage, let it calm down, and prove what must hold then."""
        async with anyio.create_task_group() as processes:
            for _ in range(PROCESSES):
                processes.start_soon(self._keep_a_process)
            async with anyio.create_task_group() as tasks:
                for _ in range(CUSTOMERS):
                    tasks.start_soon(self._order_and_order)
                with anyio.move_on_after(SECONDS):
                    async with anyio.create_task_group() as strikers:
                        for _ in range(STRIKERS):
                            strikers.start_soon(self._strike_and_strike)
                self.over = True
            processes.cancel_scope.cancel()
        async with self.scene.server() as server:
            return await self.scene.prove(server)

    async def _keep_a_process(self) -> None:
        """Start a process; when it has been killed, start another."""
        while True:
            async with self.scene.server() as server:
                self.live.append(server)
                while server in self.live:
                    await anyio.sleep(0.02)

    async def _order_and_order(self) -> None:
        """Be a client that wants a video, asks again until it has an outcome, and then wants the next."""
        while not self.over:
            prompt = f"Storm {next(self._prompts)}"
            while not await self._has_an_outcome(prompt):
                await anyio.sleep(0.05)
                if self._dice.random() < 0.2:
                    await self._order_another_take(prompt)

    async def _has_an_outcome(self, prompt: str) -> bool:
        if not self.live:
            return False
        with suppress(*GONE):
            video = await self._dice.choice(self.live).make(prompt, max_wait_seconds=10)
            return video.status in {"completed", "unknown"}
        return False

    async def _order_another_take(self, prompt: str) -> None:
        """Pay on purpose for one more, whether or not the answer comes."""
        if self.live:
            self.variants[prompt] += 1
            with suppress(*GONE):
                await self._dice.choice(self.live).order(prompt, new_variant=True)

    async def _strike_and_strike(self) -> None:
        while True:
            await anyio.sleep(self._dice.uniform(0.8, 3.0))
            if self.live:
                await self._strike()

    async def _strike(self) -> None:
        server = self._dice.choice(self.live)
        match self._dice.choices(["kill", "freeze", "lock"], [6, 2, 2])[0]:
            case "kill":
                self.live.remove(server)
                server.kill()
                self.faults["killed"] += 1
            case "freeze":
                await self._freeze(server)
            case _:
                await self._take_the_ledger_away()

    async def _freeze(self, server: Server) -> None:
        """Stop the process for less or for more than its lease."""
        server.freeze()
        try:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(self._dice.uniform(0.3, 2 * self.scene.lease))
        finally:
            with suppress(ProcessLookupError):
                server.thaw()
        self.faults["frozen"] += 1

    async def _take_the_ledger_away(self) -> None:
        with suppress(sqlite3.OperationalError), out_of_reach(self.scene.database, patience_seconds=0.1):
            await anyio.sleep(self._dice.uniform(0.2, 1.5))
            self.faults["ledger out of reach"] += 1

    def _weather(self, stage: Stage, _prompt: str) -> Trouble | None:
        if self.over:
            return None
        fate = self._weather_dice.random()
        for share, trouble in WEATHER.get(stage, []):
            if fate < share:
                self.faults[f"{stage}: {trouble}"] += 1
                return trouble
            fate -= share
        return None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
async def test_a_storm_costs_no_video_and_pays_for_none_twice(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("VEO_MCP_STORM_SEED") or random.SystemRandom().randrange(2**32))
    with capsys.disabled():
        print(f"\nVEO_MCP_STORM_SEED={seed}", flush=True)
    storm = Storm(scene, seed)
    figures = await storm.rage()
    paid = Counter(paid.prompt for paid in scene.upstream.paid)
    again = [prompt for prompt, times in paid.items() if times > 1 + storm.variants[prompt]]
    with capsys.disabled():
        faults = ", ".join(f"{times} {fault}" for fault, times in storm.faults.most_common())
        print(f"{storm.faults.total()} faults ({faults}); {storm.variants.total()} variants; {figures}")
    assert again == []
    assert figures.paid > 0
