"""The tests of the paid service, rehearsed against `veo-mcp sandbox`, so that they work on the day they are needed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import until
from test_http import answers, free_port

import test_live

LIVE = Path(test_live.__file__)


@pytest.mark.slow
async def test_the_live_tests_pass_against_the_sandbox_and_find_nothing_undocumented(tmp_path: Path) -> None:
    port = free_port()
    environ = os.environ | {
        "AIMLAPI_API_KEY": "rehearsal-0123456789",
        "AIMLAPI_BASE_URL": f"http://127.0.0.1:{port}",
        "NO_PROXY": "*",
        "VEO_MCP_BACKEND": "auto",
        "VEO_MCP_HOME": str(tmp_path),
        "VEO_MCP_LIVE": "1",
        "VEO_MCP_POLL_SECONDS": "0.5",
        "VEO_MCP_SANDBOX_SECONDS": "1",
    }
    with subprocess.Popen([sys.executable, "-m", "veo_mcp", "sandbox", "--port", str(port)], env=environ) as sandbox:
        try:
            await until(lambda: answers(f"http://127.0.0.1:{port}/v1/models"))
            command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "live", str(LIVE)]
            ran = await anyio.run_process(command, env=environ, check=False)
        finally:
            sandbox.kill()
    said = ran.stdout.decode()
    assert ran.returncode == 0, said
    assert "3 passed" in said
    assert "status words in order: ['queued', 'generating', 'completed']" in said
    assert "DIFFERS" not in said


@pytest.mark.parametrize(
    ("call", "status", "body", "words"),
    [
        ("POST /v2/video/generations", 201, {"id": "x"}, "HTTP status"),
        ("POST /v2/video/generations", 200, {"id": "x", "meta": {"usage": {"tokens_used": 1}}}, "meta.usage.tokens_us"),
        ("POST /v2/video/generations", 200, {"id": "x"}, "missing"),
        ("GET /v2/video/generations", 200, {"id": "x", "status": "dreaming"}, "'dreaming'"),
        ("GET /v2/video/generations", 200, {"id": "x", "status": "queued", "eta": 9}, "'eta'"),
        ("GET /v2/billing", 200, {"balance": 1}, "'balance'"),
        ("GET /v2/billing", 401, {"error": "no"}, "refusal"),
        ("GET /v1/models", 200, ["a"], "new"),
    ],
)
def test_what_is_not_documented_is_printed(
    capsys: pytest.CaptureFixture[str], call: str, status: int, body: Any, words: str
) -> None:
    test_live.compare(call, status, body)
    said = capsys.readouterr().out
    assert said.startswith("DIFFERS ")
    assert words in said


def test_what_is_documented_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"credits_used": 1_040_000, "usd_spent": 0.52}
    test_live.compare("POST /v2/video/generations", 200, {"id": "x", "status": "queued", "meta": {"usage": usage}})
    test_live.compare("GET /v2/video/generations", 200, {"id": "x", "status": "completed", "video": {"url": "y"}})
    assert capsys.readouterr().out == ""
