import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from databases import scratch_database
from processes import Scene
from stand_in import listening

from paid_service import Upstream

POSTGRES = os.environ.get("VEO_MCP_TEST_POSTGRES")


@pytest.fixture(autouse=True)
def heeded_signals() -> Generator[None]:
    """Let processes be told to end although whoever runs the tests ignores it, as nohup and background jobs do."""
    names = ("SIGINT", "SIGHUP")
    before = {number: signal.getsignal(number) for name in names if (number := getattr(signal, name, None))}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def upstream() -> Generator[Upstream]:
    with listening(Upstream()) as upstream:
        yield upstream


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgres",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(POSTGRES is None, reason="VEO_MCP_TEST_POSTGRES is not set"),
            ],
        ),
    ]
)
def scene(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Generator[Scene]:
    """One ledger in a SQLite file, and the same once more in Postgres where a server is named."""
    if request.param == "sqlite":
        yield Scene(tmp_path, upstream)
        return
    assert POSTGRES is not None
    with scratch_database(POSTGRES) as url:
        yield Scene(tmp_path, upstream, url)


@pytest.fixture
def file_scene(tmp_path: Path, upstream: Upstream) -> Scene:
    """A ledger in a SQLite file only, for what is the same on every database or means the file."""
    return Scene(tmp_path, upstream)
