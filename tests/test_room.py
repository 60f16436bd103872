"""Nothing is ordered and paid that could not be saved: no room, or a name that cannot be written."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from studios import PROMPT, Place, a_request, settings_of
from test_watcher import ended
from upstream import Upstream
from veo_mcp import artifacts
from veo_mcp.artifacts import Artifacts
from veo_mcp.errors import NotSaved
from veo_mcp.jobs import State

LEAVES_NOTHING = r"Nothing was sent or charged\. {}, then order it\."


async def refused(place: Place, words: str, prompt: str = PROMPT) -> None:
    async with place.open() as studio:
        with pytest.raises(NotSaved, match=rf"^Not ordered: {words}"):
            await studio.submit(a_request(prompt))
        assert (await studio.page()).jobs == []
    assert place.upstream.seen == []


async def test_nothing_is_ordered_for_a_disk_that_is_nearly_full(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "ROOM_BYTES", shutil.disk_usage(place.folder).total + (1 << 30))
    await refused(
        place, "the disk that holds .* is nearly full .*MB are free.*" + LEAVES_NOTHING.format("Make room or.*")
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_nothing_is_ordered_where_a_small_file_cannot_be_written(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    opened: Any = Path.open

    def over_quota(path: Path, *args: Any, **options: Any) -> Any:
        if path.parent == place.settings().output_dir:
            raise OSError(number, "No more")
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", over_quota)
    await refused(place, ".*" + LEAVES_NOTHING.format("M.*"))


async def test_what_was_tried_out_leaves_no_file(place: Place) -> None:
    async with place.open() as studio:
        job = await ended(studio)
    assert job.file is not None
    assert list(place.settings().output_dir.iterdir()) == [job.file.path]


async def test_an_order_that_is_under_way_is_handed_back_though_the_disk_is_full_by_now(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.open() as studio:
        first = await ended(studio)
        monkeypatch.setattr(artifacts, "ROOM_BYTES", 1 << 60)
        again = await studio.submit(a_request())
    assert (again.reused, again.job.id) == (True, first.id)


async def test_a_name_that_the_folder_does_not_take_is_found_out_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    opened: Any = Path.open

    def too_long(path: Path, *args: Any, **options: Any) -> Any:
        if path.parent == place.settings().output_dir:
            tried.append(path.name)
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", too_long)
    await refused(place, r".*cannot be written \(File name too long\)\.")
    assert "-a-lighthouse-at-dawn-" in tried[0]


ORDERS = """
import sys
from pathlib import Path
import anyio
from studios import Place, a_request
from veo_mcp.errors import NotSaved

async def main():
    place = Place(Path(sys.argv[1]))
    async with place.open() as studio:
        try:
            await studio.submit(a_request("\\u706f\\u53f0 at dawn"))
        except NotSaved as error:
            print(error)
        job = await studio.wait((await studio.submit(a_request("A lighthouse"))).job, 60)
        print(job.state, len(place.upstream.posts))

anyio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file names are UTF-16 there, whatever the locale")
def test_nothing_is_ordered_whose_name_the_locale_cannot_spell(tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0",
        "PYTHONPATH": str(Path(__file__).parent),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", ORDERS, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    said = ran.stdout.splitlines()
    assert said, ran.stderr
    assert said[0] == (
        "Not ordered: this process writes file names in ascii, which cannot spell the words of this prompt. Nothing was"
        " sent or charged. Start veo-mcp with PYTHONUTF8=1 in its environment, then order it."
    )
    assert said[1:] == ["completed 1"]


@contextmanager
def quota() -> Generator[None]:
    """Let no file of this process grow to the size of a video; not for longer than needed: pytest writes as well."""
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_limit_that_only_a_real_write_meets_is_met_before_the_order(tmp_path: Path) -> None:
    async with httpx2.AsyncClient(transport=Upstream().transport) as http:
        with quota(), pytest.raises(NotSaved, match=r"Not ordered: .*Nothing was sent or charged"):
            await Artifacts(http, tmp_path).check_folder("harbour.mp4", owner="0123456789abcdef")
    assert list(tmp_path.iterdir()) == []


async def test_a_real_full_disk_is_found_out_before_the_order(place: Place, tiny_disk: Path) -> None:
    place.transport = place.upstream.transport
    settings = settings_of(place.folder, output_dir=tiny_disk / "videos")
    async with place.opening(settings) as studio:
        with pytest.raises(NotSaved, match=r"Not ordered: the disk that holds .* is nearly full"):
            await studio.submit(a_request())
    assert place.upstream.seen == []


async def test_a_real_disk_that_fills_up_is_tried_again_and_the_paid_video_saved_once_there_is_room(
    place: Place, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "ROOM_BYTES", 0)
    monkeypatch.setattr(artifacts, "TRIED_BYTES", 0)
    filler = tiny_disk / "filler"
    filler.write_bytes(bytes(60 << 10))
    async with place.opening(settings_of(place.folder, output_dir=tiny_disk / "videos")) as studio:
        ordered = await studio.submit(a_request())
        async for latest in studio.follow(ordered.job, 10):
            if "is full. Make room: the video is paid, and is then saved free of charge." in latest.note:
                break
        assert (await studio.known(ordered.job.id)).state is State.DOWNLOADING
        filler.unlink()
        assert (await studio.wait(ordered.job, 10)).state is State.COMPLETED
    assert len(place.upstream.posts) == 1
