from pathlib import Path

import pytest

from studios import Inspections, Place
from veo_mcp import fetching


@pytest.fixture(scope="session")
def inspections(tmp_path_factory: pytest.TempPathFactory) -> Inspections:
    return Inspections(tmp_path_factory.mktemp("inspections"))


@pytest.fixture
def place(tmp_path: Path, inspections: Inspections, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(fetching.media, "inspect", inspections)
    return Place(tmp_path)
