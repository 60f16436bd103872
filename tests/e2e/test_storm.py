"""A seeded storm: a hostile service, kills, freezes, wrong clocks, cancelled calls, a ledger and folders that go away.

VEO_MCP_STORM_SEED repeats a storm's decisions, VEO_MCP_STORM_SECONDS makes it longer, VEO_MCP_STORM_WITHOUT leaves out
faults, by the names that the storm prints in the end and with semicolons between them. The last line's figures can be
added up over many storms.
"""

import os
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import anyio
import pytest
import world
from databases import out_of_reach
from mcp import MCPError
from processes import NoVideo, Scene, Server
from proof import Proof
from weather import Weather

SECONDS = float(os.environ.get("VEO_MCP_STORM_SECONDS", "45"))
CALM_SECONDS = 60.0
"""How long customers may still wait for their outcome once the storm is over."""

WITHOUT = frozenset(name.strip() for name in os.environ.get("VEO_MCP_STORM_WITHOUT", "").split(";"))
PROCESSES = 3
CUSTOMERS = 20
STRIKERS = 2
CLOCKS = ["259200", "-7200"]

GONE = MCPError, NoVideo, anyio.ClosedResourceError, anyio.BrokenResourceError

STRIKES = {
    "kill": 5, "freeze": 3, "lock": 2, "lock past the lease": 1, "outage": 2, "rename the folder": 1,
    "replace the folder": 1, "delete the previews": 1, "delete the database": 1, "delete its side files": 1,
}  # fmt: skip


@dataclass
class Storm:
    scene: Scene
    seed: int
    live: list[Server] = field(default_factory=list[Server])
    struck: Counter[str] = field(default_factory=Counter[str])
    meant: Counter[str] = field(default_factory=Counter[str])
    _prompts: Iterator[int] = field(default_factory=count)
    _under_way: set[str] = field(default_factory=set[str])
    _truce: bool = False

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - to be repeated
        self.weather = Weather(random.Random(self.seed + 1), without=WITHOUT)  # noqa: S311
        self.scene.environment["VEO_MCP_POLL_SECONDS"] = "0.1"
        upstream = self.scene.upstream
        upstream.weather = self.weather
        upstream.seconds, upstream.together = 4.0, 1.0
        upstream.late_seconds, upstream.outage_seconds = 2 * self.scene.lease + 0.5, 0.7

    @property
    def faults(self) -> Counter[str]:
        return self.scene.upstream.faults + self.struck

    async def rage(self) -> Proof:
        """Let it rage, let it calm down, and look at what is left."""
        async with anyio.create_task_group() as processes:
            for _ in range(PROCESSES):
                processes.start_soon(self._keep_a_process)
            with anyio.move_on_after(SECONDS + CALM_SECONDS):
                async with anyio.create_task_group() as tasks:
                    for _ in range(CUSTOMERS):
                        tasks.start_soon(self._order_and_order)
                    with anyio.move_on_after(SECONDS):
                        async with anyio.create_task_group() as strikers:
                            for _ in range(STRIKERS):
                                strikers.start_soon(self._strike_and_strike)
                    self.weather.over = True
            self.weather.over = True
            processes.cancel_scope.cancel()
        async with self.scene.server() as server:
            return await self.scene.examine(server, self.meant)

    async def _keep_a_process(self) -> None:
        """Start a process, now and then with a wrong clock; when it has been killed, start another."""
        while True:
            wrong = self._dice.random() < 0.25 and "wrong clock" not in WITHOUT
            clock = self._dice.choice(CLOCKS) if wrong else None
            self.struck["wrong clock"] += clock is not None
            async with self.scene.server(clock=clock) as server:
                self.live.append(server)
                while server in self.live:
                    await anyio.sleep(0.02)

    # Customers

    async def _order_and_order(self) -> None:
        """Be a client that wants a video, asks again until it has an outcome, and then wants the next."""
        while not self.weather.over:
            prompt = f"Storm {next(self._prompts)}"
            self.meant[prompt] += 1
            while not await self._has_an_outcome(prompt):
                await anyio.sleep(0.05)
                if self._dice.random() < 0.1:
                    await self._order_another_take(prompt)

    async def _has_an_outcome(self, prompt: str) -> bool:
        """Ask for the video; a call may be cancelled while its order waits for a busy service."""
        if not self.live:
            return False
        server, answers = self._dice.choice(self.live), list[bool]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cancel_when_busy, prompt, tasks.cancel_scope)
            with suppress(*GONE):
                video = await server.make(prompt, max_wait_seconds=10)
                answers.append(video.status in {"completed", "unknown"})
            tasks.cancel_scope.cancel()
        if not answers:
            with suppress(*GONE):
                await server.ping()  # a cancelled call begins nothing any more
        return any(answers)

    async def _cancel_when_busy(self, prompt: str, call: anyio.CancelScope) -> None:
        while prompt not in self.weather.busy:
            await anyio.sleep(0.03)
        self.weather.busy.discard(prompt)
        if self._dice.random() < 0.5 and "call cancelled" not in WITHOUT:
            self.struck["call cancelled"] += 1
            call.cancel()

    async def _order_another_take(self, prompt: str) -> None:
        """Pay on purpose for one more, whether or not the answer comes."""
        if self.live:
            self.meant[prompt] += 1
            with suppress(*GONE):
                await self._dice.choice(self.live).order(prompt, new_variant=True)

    # Strikes

    async def _strike_and_strike(self) -> None:
        while True:
            await anyio.sleep(self._dice.uniform(0.8, 3.0))
            strike = self._dice.choices([*STRIKES], [*STRIKES.values()])[0]
            if self.live and not self._truce and strike not in self._under_way | WITHOUT:
                self._under_way.add(strike)
                try:
                    await self._strike(strike)
                finally:
                    self._under_way.discard(strike)

    async def _strike(self, strike: str) -> None:
        dice, scene = self._dice, self.scene
        match strike:
            case "kill":
                server = dice.choice(self.live)
                self.live.remove(server)
                server.kill()
            case "freeze":
                await self._freeze(dice.choice(self.live))
            case "lock":
                await self._take_the_ledger_away(dice.uniform(0.2, 1.2))
            case "lock past the lease":
                await self._take_the_ledger_away(scene.lease * dice.uniform(1.2, 2))
            case "outage":
                scene.upstream.fail_for(dice.uniform(0.3, 1.5))
            case "rename the folder" | "replace the folder" if "folder" not in self._under_way:
                await self._move_the_folder(in_its_place=strike == "replace the folder")
            case "delete the previews":
                world.delete_previews(scene.home)
            case "delete the database" | "delete its side files" if scene.database_url is None:
                await self._delete_the_ledger(only_side_files=strike == "delete its side files")
            case _:
                return
        self.struck[strike] += 1

    async def _freeze(self, server: Server) -> None:
        """Stop the process for less or for more than its lease."""
        server.freeze()
        try:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(self._dice.uniform(0.3, 2 * self.scene.lease))
        finally:
            with suppress(ProcessLookupError):
                server.thaw()

    async def _take_the_ledger_away(self, seconds: float) -> None:
        with suppress(sqlite3.OperationalError), out_of_reach(self.scene.database, patience_seconds=0.1):
            await anyio.sleep(seconds)

    async def _move_the_folder(self, *, in_its_place: bool) -> None:
        self._under_way.add("folder")
        try:
            with world.renamed_away(self.scene.videos, in_its_place=in_its_place):
                await anyio.sleep(self._dice.uniform(0.3, 1.5))
        finally:
            self._under_way.discard("folder")

    async def _delete_the_ledger(self, *, only_side_files: bool) -> None:
        """Have every process up and awake before, and for a while after: what nobody remembers is gone for good."""
        self._truce = True
        try:
            while len(self.live) < PROCESSES or len(self._under_way) > 1:
                await anyio.sleep(0.02)
            await anyio.sleep(0.5)
            with anyio.CancelScope(shield=True):
                world.delete_database(self.scene.home / "jobs.sqlite3", only_side_files=only_side_files)
                self.scene.ledger_was_deleted |= not only_side_files
                await anyio.sleep(2 * self.scene.lease)
        finally:
            self._truce = False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
async def test_a_storm_costs_no_video_and_pays_for_none_twice(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("VEO_MCP_STORM_SEED") or random.SystemRandom().randrange(2**32))
    with capsys.disabled():
        print(f"\nVEO_MCP_STORM_SEED={seed}", flush=True)
    began, storm = time.monotonic(), Storm(scene, seed)
    proof = await storm.rage()
    with capsys.disabled():
        faults = ", ".join(f"{times} {fault}" for fault, times in storm.faults.most_common())
        calls = Counter("download" if call.path.startswith("/files/") else call.method for call in scene.upstream.heard)
        early = len(scene.upstream.polls_that_came_too_early())
        print(f"{faults}\n{calls['POST']} orders sent, {calls['GET']} polls, {early} of them before their time")
        print(f"{storm.faults.total()} faults in {time.monotonic() - began:.0f} s; {proof.figures}")
    proof.assert_it_holds()
    assert proof.figures.paid > 0
