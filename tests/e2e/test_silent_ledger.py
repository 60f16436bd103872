"""Postgres stops answering, though its kernel still acknowledges: servers say so, and end when they are told to."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import anyio
import psycopg
import pytest
from databases import scratch_database
from mcp.types import TextContent
from processes import WRAPPER, Scene, until
from stand_in import Upstream

from silent_postgres import stopped

POSTGRES = os.environ.get("VEO_MCP_TEST_POSTGRES", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not POSTGRES, reason="VEO_MCP_TEST_POSTGRES is not set"),
]
PROMPT = "A ferry in the rain"


@pytest.fixture
def scene(tmp_path: Path, upstream: Upstream) -> Generator[Scene]:
    with scratch_database(POSTGRES) as url:
        yield Scene(tmp_path, upstream, url)


def _at_work(scene: Scene) -> bool:
    assert scene.database_url is not None
    with psycopg.connect(scene.database_url) as connection:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%jobs%account%'"
        found = connection.execute(sql).fetchone()
    return found is not None and found[0] > 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "the end of stdin"])
async def test_a_server_whose_postgres_hangs_ends_when_it_is_told_to(scene: Scene, how: str) -> None:
    assert scene.database_url is not None
    scene.folder.mkdir(exist_ok=True)
    variables = {**os.environ, **scene.variables(), "E2E_LEASE": "20", "E2E_BEAT": "0.2"}
    hello = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        '"clientInfo":{"name":"test","version":"1"}}}\n'
    )
    with (scene.folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(WRAPPER)], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
    with process:
        assert process.stdin is not None
        try:
            process.stdin.write(hello.encode())
            process.stdin.flush()
            await until(lambda: _at_work(scene))
            with stopped(scene.database_url):
                await anyio.sleep(1)  # a heartbeat hangs by then
                if how == "the end of stdin":
                    process.stdin.close()
                else:
                    process.send_signal(getattr(signal, how))
                await until(lambda: process.poll() is not None, 15)
            assert process.returncode == 0
        finally:
            process.kill()


async def test_tools_say_that_postgres_does_not_answer_and_the_paid_video_comes_home_later(scene: Scene) -> None:
    assert scene.database_url is not None
    gate = scene.upstream.gate("polled", PROMPT)
    async with scene.server() as server:
        async with server.calling("generate_and_wait", prompt=PROMPT, duration=4) as answers:
            await until(gate.reached.is_set)
            with stopped(scene.database_url):
                gate.open()
                with anyio.fail_after(30):
                    for tool, arguments in (("list_videos", {}), ("create_video", {"prompt": "Another"})):
                        told = await server.call(tool, **arguments)
                        assert told.is_error
                        assert isinstance(told.content[0], TextContent)
                        assert "The jobs database at VEO_MCP_DATABASE_URL cannot be used" in told.content[0].text
                    await server.ping()
        assert not answers[0].is_error
        assert (await scene.prove(server)).saved == 1
        assert scene.upstream.posts("Another") == 0
