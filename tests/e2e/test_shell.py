"""The shell's commands as processes: whatever ends them, a paid call that is on its way gets its answer."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import Scene, until
from test_http import answers, assert_ends_cleanly, free_port
from wire import wired

from paid_service import Upstream

PROMPT = "A kite above the dunes"

if os.name == "nt":
    pytest.skip("Windows has no such signals", allow_module_level=True)

ENDINGS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


@pytest.fixture
def scene(tmp_path: Path, upstream: Upstream) -> Scene:
    return Scene(tmp_path, upstream)


@dataclass
class Command:
    process: subprocess.Popen[str]
    log: Path

    def said(self, words: str) -> bool:
        return words in self.log.read_text()

    async def ended(self) -> int:
        await until(lambda: self.process.poll() is not None)
        return self.process.returncode


@contextmanager
def running(scene: Scene, *arguments: str, before: tuple[str, ...] = ()) -> Generator[Command]:
    log = scene.folder / "shell.log"
    command = [*before, sys.executable, "-m", "veo_mcp", *arguments]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, env=os.environ | scene.variables(), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            yield Command(process, log)
        finally:
            process.kill()


def listed(scene: Scene) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "veo_mcp", "list", "--json"]
    ran = subprocess.run(command, env=os.environ | scene.variables(), check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)["videos"]


@ENDINGS
async def test_an_order_that_is_on_its_way_gets_its_answer_however_often_it_is_told_to_end(
    scene: Scene, number: signal.Signals
) -> None:
    gate = scene.upstream.gate("charged", PROMPT)
    with running(scene, "generate", PROMPT, "--duration", "4") as command:
        await until(gate.reached.is_set)
        command.process.send_signal(number)
        await until(lambda: command.said("still gets its answer"))
        if number is signal.SIGHUP:  # the terminal sends one, and so does its shell
            command.process.send_signal(number)
        gate.open()
        assert await command.ended() == 1
    (paid,) = scene.upstream.paid
    (job,) = listed(scene)
    assert (job["generation_id"], job["status"]) == (paid.id, "queued")
    assert command.said(f"goes on: veo-mcp status {paid.id} --wait 300")
    assert not command.said("Traceback")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_command_that_waits_for_a_video_says_how_to_go_on(scene: Scene, number: signal.Signals) -> None:
    gate = scene.upstream.gate("polled", PROMPT)
    with running(scene, "generate", PROMPT, "--duration", "4") as command:
        await until(gate.reached.is_set)
        command.process.send_signal(number)
        assert await command.ended() == 1
    assert command.said("No longer waiting")
    (paid,) = scene.upstream.paid
    gate = scene.upstream.gate("polled", PROMPT)
    with running(scene, "status", paid.id, "--wait", "30") as command:
        await until(gate.reached.is_set)
        command.process.send_signal(number)
        assert await command.ended() == 1
    assert command.said(f"goes on: veo-mcp status {paid.id} --wait 300")


@ENDINGS
async def test_an_order_that_was_never_sent_is_said_to_be_none(scene: Scene, number: signal.Signals) -> None:
    scene.upstream.weather = lambda stage, _: "429 plain" if stage == "arrived" else None
    with running(scene, "generate", PROMPT, "--duration", "4") as command:
        await until(lambda: scene.upstream.posts(PROMPT) > 1)
        command.process.send_signal(number)
        assert await command.ended() == 1
    assert command.said("Nothing was sent or charged")
    assert not command.said("goes on")
    assert scene.upstream.paid == []


async def test_a_command_that_is_to_outlive_its_terminal_does(scene: Scene) -> None:
    gate = scene.upstream.gate("charged", PROMPT)
    with running(scene, "generate", PROMPT, "--duration", "4", before=("nohup",)) as command:
        await until(gate.reached.is_set)
        command.process.send_signal(signal.SIGHUP)
        gate.open()
        assert await command.ended() == 0
    assert len(scene.upstream.paid) == 1


async def test_a_server_on_stdio_whose_terminal_goes_records_the_paid_call_and_ends_cleanly(scene: Scene) -> None:
    gate = scene.upstream.gate("charged", PROMPT)
    ending = scene.folder / "ending"
    async with wired(scene, E2E_TELL="veo_mcp.payer:Payer.hurry", E2E_SIGN=str(ending)) as wire:
        await wire.call("create_video", prompt=PROMPT, duration=4)
        await until(gate.reached.is_set)
        for _ in range(2):
            wire.process.send_signal(signal.SIGHUP)
            await until(ending.exists)
        gate.open()
        assert await wire.ended() == 0
    assert [job["generation_id"] for job in listed(scene)] == [paid.id for paid in scene.upstream.paid]


async def test_a_server_over_http_whose_terminal_goes_ends_cleanly(scene: Scene) -> None:
    port = free_port()
    command = [sys.executable, "-m", "veo_mcp", "serve", "--http", "--port", str(port)]
    with subprocess.Popen(
        command, env=os.environ | scene.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            await until(lambda: answers(f"http://127.0.0.1:{port}/mcp"))
            await assert_ends_cleanly(server, signal.SIGHUP, scene.folder)
        finally:
            server.kill()
