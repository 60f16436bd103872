from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playground import Playground, playing


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncGenerator[Playground]:
    async with playing(tmp_path / "sandbox") as playground:
        yield playground


@pytest.fixture
async def sandbox_on_a_port(tmp_path: Path) -> AsyncGenerator[Playground]:
    async with playing(tmp_path / "sandbox", port=True) as playground:
        yield playground
