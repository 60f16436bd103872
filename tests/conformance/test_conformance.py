"""The official conformance suite over HTTP: against `veo-mcp serve`, and for tasks against fixtures on our classes.

`install.sh` installs the suite. `expected-*.yml` names what the suite asks of fixtures that a video server has not.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SUITE = HERE / "node_modules/.bin/conformance"
TASKS = (
    "lifecycle", "capability-negotiation", "wire-fields", "request-state-removal", "mrtr-input", "request-headers",
    "dispatch-and-envelope", "required-task-error", "mrtr-composition",
)  # fmt: skip

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.slow,
    pytest.mark.skipif(not SUITE.exists(), reason="the suite is not installed: tests/conformance/install.sh"),
]


@contextmanager
def serving(*command: str, **environment: str) -> Generator[str]:
    """Run a server on a free port; `{port}` in the command stands for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [word.format(port=port) for word in command]
    with subprocess.Popen([sys.executable, *words], env=os.environ | environment) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def conforms(url: str, folder: Path, *options: str) -> None:
    command = [str(SUITE), "server", "--url", url, "-o", str(folder / "results"), *options]
    path = os.environ | {"PATH": os.pathsep.join([str(SUITE.parent), os.environ["PATH"]])}
    run = subprocess.run(command, env=path, capture_output=True, text=True, timeout=180, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_the_server_meets_the_requirements_that_need_no_fixture(revision: str, tmp_path: Path) -> None:
    folders = {"VEO_MCP_HOME": str(tmp_path / "home"), "VEO_MCP_OUTPUT_DIR": str(tmp_path / "videos")}
    command = ("-m", "veo_mcp", "serve", "--http", "--port", "{port}")
    with serving(*command, VEO_MCP_BACKEND="sandbox", VEO_MCP_SANDBOX_SECONDS="1", **folders) as url:
        expected = HERE / f"expected-{revision}.yml"
        conforms(url, tmp_path, "--requirements", revision, "--expected-failures", str(expected))


@pytest.fixture(scope="module")
def fixtures() -> Generator[str]:
    with serving(str(HERE / "fixture_server.py"), "{port}") as url:
        yield url


@pytest.mark.parametrize("scenario", TASKS)
def test_tasks_are_what_the_extension_says(scenario: str, fixtures: str, tmp_path: Path) -> None:
    conforms(fixtures, tmp_path, "--scenario", f"tasks-{scenario}")
