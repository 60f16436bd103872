"""What holds prompts is its owner's alone; finished videos are for whom the user's umask says."""

import os
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from studios import Place, a_request
from test_watcher import made
from veo_mcp import private
from veo_mcp.wiring import open_studio

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture(autouse=True)
def usual_umask() -> Generator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_a_folder_of_ours_is_made_private_and_so_is_a_home_that_is_made_for_it(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "home" / "ours")
    assert [mode(tmp_path / "home"), mode(tmp_path / "home" / "ours")] == ["0o700", "0o700"]


def test_a_folder_of_ours_is_tightened_and_the_home_that_was_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "home" / "ours").mkdir(parents=True)
    private.make_folder(tmp_path / "home" / "ours")
    assert [mode(tmp_path / "home"), mode(tmp_path / "home" / "ours")] == ["0o755", "0o700"]


def test_a_private_file_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "file"
    private.make_file(path)
    assert (mode(path), path.read_bytes()) == ("0o600", b"")
    path.write_bytes(b"content")
    private.make_file(path)
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


async def test_previews_are_private_and_finished_videos_as_the_umask_says(place: Place) -> None:
    job = await made(place)
    assert job.file is not None
    assert {mode(place.folder / "home"), mode(place.folder / "home" / "previews")} == {"0o700"}
    assert [mode(job.file.path), mode(job.file.path.parent)] == ["0o644", "0o755"]


@pytest.mark.parametrize("exists", [True, False])
async def test_the_sandbox_keeps_its_prompts_to_itself(place: Place, exists: bool) -> None:
    folder = place.folder / "home" / "sandbox"
    if exists:
        folder.mkdir(parents=True)
    async with open_studio(place.settings(api_key=None)) as studio:
        assert mode(folder) == "0o700"
        folder.rmdir()
        await studio.wait((await studio.submit(a_request("[sandbox:content-policy] x"))).job, 10)
        assert mode(folder) == "0o700"
