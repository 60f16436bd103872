import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from ledger import NO_SERVER, SERVER, Address, Opener
from studios import Inspections, Place
from veo_mcp import fetching
from veo_mcp.store import Database, Store


@pytest.fixture(scope="session")
def inspections(tmp_path_factory: pytest.TempPathFactory) -> Inspections:
    return Inspections(tmp_path_factory.mktemp("inspections"))


@pytest.fixture
def place(tmp_path: Path, inspections: Inspections, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(fetching.media, "inspect", inspections)
    return Place(tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.skipif(not SERVER, reason=NO_SERVER))])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Address]:
    if request.param == "sqlite":
        yield tmp_path / "home" / "jobs.sqlite3"
        return
    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        yield f"{SERVER}{'&' if '?' in SERVER else '?'}options={quote(f'-csearch_path={schema}')}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@pytest.fixture
async def open_store(address: Address) -> AsyncGenerator[Opener]:
    """Open the ledger again and again, as that many processes would."""
    stores: list[Store] = []

    def opened() -> Store:
        stores.append(Store(Database(address)))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()


@pytest.fixture
def store(open_store: Opener) -> Store:
    return open_store()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Generator[Path]:
    if sys.platform != "linux":
        pytest.skip("mounts a disk as Linux does")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let tests mount a disk")
    yield disk
    subprocess.run(["/bin/umount", str(disk)], check=True)
