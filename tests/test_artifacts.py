"""The file's way home: what a file server may do to it, and what this machine's disk may."""

import errno
import gzip
import itertools
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from studios import Clock, Inspections, a_job, a_request
from upstream import LINK, Answer, Upstream, clip, delivers, fails, says
from veo_mcp import artifacts, fetching, held_files
from veo_mcp.artifacts import ATTEMPTS, Artifacts, Fetched, sha256
from veo_mcp.errors import ArtifactError, BadFile, DamagedFile, DownloadFailed, LinkExpired, NotSaved
from veo_mcp.fetching import Fetching
from veo_mcp.jobs import State

NAME = "harbour.mp4"
OWNER = "0123456789abcdef"
CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2


@dataclass
class Shelf:
    """A file server: each answer ends after `cut` bytes of what it announces, if that is not None."""

    content: bytes = CONTENT
    cut: int | None = None
    knows_ranges: bool = True
    says_length: bool = True
    breaks: bool = True  # a cut is an error on the wire; otherwise the answer just ends
    offset: int = 0  # how far from what was asked a partial answer begins

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        found = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = max(0, int(found[1]) + self.offset) if found and self.knows_ranges else 0
        body = self.content[start:]
        headers = {"content-type": "video/mp4"}
        if self.says_length:
            headers["content-length"] = str(len(body))
        if found and self.knows_ranges:
            headers["content-range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        return httpx2.Response(206 if "content-range" in headers else 200, headers=headers, content=self.sent(body))

    async def sent(self, body: bytes) -> AsyncIterator[bytes]:
        yield body if self.cut is None else body[: self.cut]
        if self.cut is not None and self.breaks:
            raise httpx2.ReadError("the connection broke")


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def home(upstream: Upstream, tmp_path: Path) -> AsyncGenerator[Artifacts]:
    async with httpx2.AsyncClient(transport=upstream.transport) as http:
        yield Artifacts(http, tmp_path / "videos")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def download(home: Artifacts, url: str = LINK) -> bytes:
    return (await home.download(url, NAME, owner=OWNER, pause=0)).read_bytes()


async def bring(home: Artifacts, content: bytes, upstream: Upstream, name: str = NAME) -> Fetched:
    upstream.files = [delivers(content)]
    part = await home.download(LINK, name, owner=OWNER, pause=0)
    fetched = await home.keep(part, name)
    await home.discard(name, owner=OWNER)
    return fetched


async def test_a_file_gets_its_final_name_whole_and_leaves_nothing_else(home: Artifacts, upstream: Upstream) -> None:
    fetched = await bring(home, CONTENT, upstream)
    assert fetched == Fetched(path=home.folder / NAME, size_bytes=len(CONTENT), sha256=sha256(fetched.path))
    assert fetched.path.read_bytes() == CONTENT
    assert names(home.folder) == [NAME]


async def test_a_half_done_file_never_has_the_final_name(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Shelf(cut=HALF)]
    with pytest.raises(DownloadFailed):
        await download(home)
    (left,) = home.folder.iterdir()
    assert left.name == ".harbour.mp4.01234567.part"
    await home.discard(NAME, owner=OWNER)
    assert names(home.folder) == []


async def test_a_download_asks_for_plain_bytes_and_sends_no_key(home: Artifacts, upstream: Upstream) -> None:
    await download(home)
    (sent,) = upstream.downloads
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["user-agent"].startswith("veo-mcp/")
    assert "authorization" not in sent.headers
    assert "range" not in sent.headers


async def test_a_redirect_to_another_host_is_followed_without_a_key(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [says(status=302, location="https://storage.example/x.mp4?sig=1"), delivers(CONTENT)]
    assert await download(home) == CONTENT
    assert [request.url.host for request in upstream.downloads] == ["cdn.example", "storage.example"]
    assert not any("authorization" in request.headers for request in upstream.downloads)


@pytest.mark.parametrize("breaks", [True, False])
async def test_a_cut_download_goes_on_where_it_was_cut(home: Artifacts, upstream: Upstream, *, breaks: bool) -> None:
    upstream.files = [Shelf(cut=HALF, breaks=breaks), Shelf(cut=HALF // 2, breaks=breaks), Shelf()]
    assert await download(home) == CONTENT
    assert [request.headers.get("range") for request in upstream.downloads] == [
        None,
        f"bytes={HALF}-",
        f"bytes={HALF + HALF // 2}-",
    ]


async def test_a_server_that_knows_no_ranges_sends_the_whole_file_again(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Shelf(cut=HALF), Shelf(knows_ranges=False)]
    assert await download(home) == CONTENT


async def test_a_server_that_resumes_earlier_than_asked_is_taken_at_its_word(
    home: Artifacts, upstream: Upstream
) -> None:
    upstream.files = [Shelf(cut=HALF), Shelf(offset=-7)]
    assert await download(home) == CONTENT


async def test_another_file_behind_the_same_link_is_not_spliced_onto_the_first_half(
    home: Artifacts, upstream: Upstream
) -> None:
    def first(request: httpx2.Request) -> httpx2.Response:
        answer = Shelf(cut=HALF)(request)
        answer.headers["etag"] = '"first"'
        return answer

    def second(request: httpx2.Request) -> httpx2.Response:
        same = request.headers.get("if-range") != '"first"'
        return Shelf(content=CONTENT[::-1], knows_ranges=same)(request)

    upstream.files = [first, second]
    assert await download(home) == CONTENT[::-1]


async def test_a_file_that_has_become_shorter_is_fetched_anew(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Shelf(cut=HALF), says(status=416), Shelf(content=CONTENT[:1000])]
    assert await download(home) == CONTENT[:1000]


@pytest.mark.parametrize("wrong", [Shelf(offset=7), says(status=206), says(status=416)])
async def test_a_server_that_resumes_at_the_wrong_place_leaves_no_gap(
    home: Artifacts, upstream: Upstream, wrong: Answer
) -> None:
    upstream.files = [Shelf(cut=HALF), wrong, Shelf()]
    assert await download(home) == CONTENT


async def test_a_file_without_a_length_is_taken_as_it_comes(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Shelf(says_length=False)]
    assert await download(home) == CONTENT


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_server_that_is_in_trouble_is_asked_again_a_few_times(
    home: Artifacts, upstream: Upstream, status: int
) -> None:
    upstream.files = [says(status=status)]
    with pytest.raises(DownloadFailed, match=str(status)):
        await download(home)
    assert len(upstream.downloads) == ATTEMPTS


async def test_a_server_that_cannot_be_reached_is_asked_again_a_few_times(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [fails(httpx2.ConnectError), fails(httpx2.ReadTimeout), Shelf()]
    assert await download(home) == CONTENT


async def test_a_download_that_gets_further_at_every_try_ends_however_often_it_is_cut(
    home: Artifacts, upstream: Upstream
) -> None:
    pieces: list[Answer] = [Shelf(cut=len(CONTENT) // 30)] * 30
    upstream.files = [*pieces, Shelf()]
    assert await download(home) == CONTENT
    starts = [int(request.headers["range"][6:-1]) for request in upstream.downloads[1:]]
    assert starts == sorted(set(starts))


async def test_a_download_that_is_cut_at_the_same_place_again_and_again_is_given_up(
    home: Artifacts, upstream: Upstream
) -> None:
    upstream.files = [Shelf(cut=HALF, knows_ranges=False)]
    with pytest.raises(DownloadFailed):
        await download(home)
    assert len(upstream.downloads) == ATTEMPTS + 1


async def test_a_download_of_ever_smaller_pieces_is_given_up(
    home: Artifacts, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "MOST_ATTEMPTS", 7)
    upstream.files = [Shelf(cut=1)]
    with pytest.raises(DownloadFailed):
        await download(home)
    assert len(upstream.downloads) == 7


@pytest.mark.parametrize("header", [b"etag", b"last-modified"])
async def test_a_validator_that_is_not_ascii_is_not_sent_back_and_the_download_goes_on(
    home: Artifacts, upstream: Upstream, header: bytes
) -> None:
    def first(request: httpx2.Request) -> httpx2.Response:
        answer = Shelf(cut=HALF)(request)
        answer.headers = httpx2.Headers([*answer.headers.raw, (header, b'"caf\xe9"')])
        return answer

    upstream.files = [first, Shelf()]
    assert await download(home) == CONTENT
    assert upstream.downloads[1].headers["range"] == f"bytes={HALF}-"
    assert "if-range" not in upstream.downloads[1].headers


@dataclass
class Packed:
    """A file server that packs what was asked for as it is, and announces the packed length."""

    cut: int | None = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        packed = gzip.compress(CONTENT)
        headers = {"content-type": "video/mp4", "content-encoding": "gzip", "content-length": str(len(packed))}
        if "range" in request.headers:
            headers["content-range"] = f"bytes 5-{len(packed) - 1}/{len(packed)}"
            return httpx2.Response(206, headers=headers, content=Shelf().sent(packed[5:]))
        return httpx2.Response(200, headers=headers, content=Shelf(cut=self.cut).sent(packed))


async def test_a_file_that_comes_packed_is_unpacked(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Packed()]
    assert await download(home) == CONTENT


async def test_a_packed_file_that_was_cut_is_fetched_anew(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Packed(cut=2000), Packed()]
    assert await download(home) == CONTENT
    assert ["range" in request.headers for request in upstream.downloads] == [False, True, False]


@pytest.mark.parametrize(("said", "kept"), [("30", 30), ("86400", 600), ("soon", None)])
async def test_a_file_server_that_says_when_to_come_again_is_left_alone_until_then(
    home: Artifacts, upstream: Upstream, said: str, kept: float | None
) -> None:
    upstream.files = [says(status=503, retry_after=said)]
    with pytest.raises(DownloadFailed) as trouble:
        await download(home)
    assert trouble.value.retry_after == kept
    assert len(upstream.downloads) == (1 if kept else ATTEMPTS)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_an_expired_link_is_not_tried_again(home: Artifacts, upstream: Upstream, status: int) -> None:
    upstream.files = [says(status=status)]
    with pytest.raises(LinkExpired, match=str(status)):
        await download(home)
    assert len(upstream.downloads) == 1


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "image/png", "application/xml"])
async def test_what_is_no_video_is_not_taken(home: Artifacts, upstream: Upstream, kind: str) -> None:
    upstream.files = [delivers(CONTENT, kind)]
    with pytest.raises(BadFile, match=re.escape(kind.split(";", maxsplit=1)[0])):
        await download(home)


@pytest.mark.parametrize("kind", ["video/mp4", "VIDEO/MP4", "video/quicktime", "application/octet-stream", ""])
async def test_what_may_be_a_video_is_taken(home: Artifacts, upstream: Upstream, kind: str) -> None:
    upstream.files = [delivers(CONTENT, kind)]
    assert await download(home) == CONTENT


@pytest.mark.parametrize("says_length", [True, False])
async def test_a_file_without_end_is_not_taken(
    home: Artifacts, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, *, says_length: bool
) -> None:
    monkeypatch.setattr(artifacts, "MAX_BYTES", 1000)
    upstream.files = [Shelf(says_length=says_length)]
    with pytest.raises(BadFile, match=r"\b1000\b"):
        await download(home)


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "ftp://x.example/a", "output.mp4", "http://[::1", "https://"]
)
async def test_a_link_that_is_no_web_address_is_not_tried_again(tmp_path: Path, url: str) -> None:
    async with httpx2.AsyncClient() as http:
        with pytest.raises(BadFile, match="not a usable address"):
            await download(Artifacts(http, tmp_path), url)


async def test_a_server_that_only_trickles_is_given_up_and_asked_for_the_rest(
    home: Artifacts, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield CONTENT[:HALF]
        await anyio.sleep_forever()

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "video/mp4"}, content=trickle())

    monkeypatch.setattr(artifacts, "ATTEMPT_SECONDS", 0.05)
    upstream.files = [answer, Shelf()]
    assert await download(home) == CONTENT
    assert upstream.downloads[1].headers["range"] == f"bytes={HALF}-"
    upstream.files = [answer]
    with pytest.raises(DownloadFailed, match=r"not done after 0\.05 s"):
        await download(home)


async def test_a_half_done_file_that_a_scanner_reads_is_gone_on_with(
    home: Artifacts, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, openings = Path.open, itertools.count()

    def held_at_first(path: Path, mode: str = "r", **options: Any) -> object:
        if mode == "r+b" and next(openings) < 2:
            raise PermissionError(13, "The process cannot access the file because it is being used")
        return opened(path, mode, **options)

    monkeypatch.setattr(held_files, "PATIENCE_SECONDS", 60)
    monkeypatch.setattr(Path, "open", held_at_first)
    upstream.files = [Shelf(cut=HALF), Shelf()]
    assert await download(home) == CONTENT
    assert upstream.downloads[1].headers["range"] == f"bytes={HALF}-"


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3"])
async def test_a_length_that_is_none_is_not_believed(home: Artifacts, upstream: Upstream, length: str) -> None:
    def absurd(request: httpx2.Request) -> httpx2.Response:
        answer = Shelf()(request)
        answer.headers["content-length"] = length
        if "range" in request.headers:
            answer.headers["content-range"] = f"bytes {length}-1/{length}"
        return answer

    upstream.files = [absurd]
    assert await download(home) == CONTENT
    upstream.files = [Shelf(cut=HALF), absurd]
    with pytest.raises(DownloadFailed, match="resumed at the wrong place"):
        await download(home)


# Names


async def test_the_same_bytes_are_not_stored_twice(home: Artifacts, upstream: Upstream) -> None:
    first, second = await bring(home, CONTENT, upstream), await bring(home, CONTENT, upstream)
    assert first == second
    assert names(home.folder) == [NAME]


async def test_other_bytes_of_the_same_name_get_a_number_and_overwrite_nothing(
    home: Artifacts, upstream: Upstream
) -> None:
    (home.folder / "harbour-2.mp4").mkdir(parents=True)
    for content in (CONTENT, b"another", b"a third", b"another"):
        await bring(home, content, upstream)
    found = {path.name: path.read_bytes() for path in home.folder.iterdir() if path.is_file()}
    assert found == {NAME: CONTENT, "harbour-3.mp4": b"another", "harbour-4.mp4": b"a third"}


async def test_a_file_system_without_hard_links_will_do(
    home: Artifacts, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert (await bring(home, CONTENT, upstream)).path.read_bytes() == CONTENT
    assert names(home.folder) == [NAME]


async def test_two_processes_that_fetch_the_same_file_do_not_disturb_each_other(
    home: Artifacts, upstream: Upstream
) -> None:
    upstream.files = [Shelf()]
    first = await home.download(LINK, NAME, owner="process-one", pause=0)
    second = await home.download(LINK, NAME, owner="another-one", pause=0)
    assert first != second
    fetched = await home.keep(first, NAME)
    assert not second.exists()  # swept away, as if its process had been killed
    with pytest.raises(DownloadFailed, match="has gone"):
        await home.keep(second, NAME)
    assert fetched.path.read_bytes() == CONTENT
    assert names(home.folder) == [NAME]


# This machine


async def test_a_folder_that_cannot_be_made_is_named_with_the_setting(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with httpx2.AsyncClient(transport=upstream.transport) as http:
        with pytest.raises(NotSaved, match="VEO_MCP_OUTPUT_DIR") as trouble:
            await download(Artifacts(http, tmp_path / "file" / "videos"))
    assert str(tmp_path / "file" / "videos") in str(trouble.value)
    assert upstream.downloads == []


async def test_a_half_done_file_that_goes_away_is_downloaded_again(home: Artifacts, upstream: Upstream) -> None:
    part = await home.download(LINK, NAME, owner=OWNER, pause=0)
    part.unlink()
    with pytest.raises(DownloadFailed, match="has gone"):
        await home.keep(part, NAME)


async def test_a_file_that_the_system_does_not_let_grow_is_named(home: Artifacts, upstream: Upstream) -> None:
    upstream.files = [Shelf()]
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(NotSaved, match="is then saved free of charge"):
            await download(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_named_and_what_to_do(upstream: Upstream, tiny_disk: Path) -> None:
    upstream.files = [Shelf()]
    async with httpx2.AsyncClient(transport=upstream.transport) as http:
        with pytest.raises(NotSaved, match=r"is full\. Make room: .* is then saved free of charge"):
            await download(Artifacts(http, tiny_disk))


# Looking inside


@pytest.fixture
def fetch(home: Artifacts, tmp_path: Path, inspections: Inspections, monkeypatch: pytest.MonkeyPatch) -> Fetching:
    monkeypatch.setattr(fetching.media, "inspect", inspections)
    return Fetching(home, tmp_path / "previews", owner=OWNER, clock=Clock(), pause=0)


JOB = a_job(state=State.DOWNLOADING, generation_id="g", url=LINK)


async def test_a_whole_video_completes_the_job_with_what_was_measured(
    fetch: Fetching, home: Artifacts, upstream: Upstream
) -> None:
    done = await fetch.fetch(JOB)
    assert done.video is not None
    assert done.state is State.COMPLETED
    assert (done.video.width, done.video.height, done.video.fps, done.video.has_audio) == (160, 90, 24, True)
    assert done.video.duration_seconds == pytest.approx(1, abs=0.05)
    assert done.video.sha256 == sha256(done.video.path)
    assert done.video.size_bytes == len(clip())
    assert names(home.folder) == [JOB.file_name()]
    assert {path.name for path in fetch.previews_of(JOB).iterdir()} >= {"sheet.jpg", "preview.webp"}


async def test_a_video_that_is_not_as_ordered_comes_with_warnings(fetch: Fetching) -> None:
    ordered = replace(JOB, request=a_request(duration=8, resolution="1080p", generate_audio=False))
    warnings = (await fetch.fetch(ordered)).warnings
    assert len(warnings) == 3
    assert warnings[0] == "Asked for 8 s, got 1.00 s."


@pytest.mark.parametrize("content", [b"", b"\0" * 100, clip()[: len(clip()) // 2], b"<html>Sign in</html>"])
async def test_what_is_no_whole_video_is_kept_as_damaged(
    fetch: Fetching, home: Artifacts, upstream: Upstream, content: bytes
) -> None:
    upstream.files = [delivers(content)]
    with pytest.raises(DamagedFile) as trouble:
        await fetch.fetch(JOB)
    damaged = JOB.file_name().replace(".mp4", ".damaged.mp4")
    assert str(home.folder / damaged) in str(trouble.value)
    assert names(home.folder) == [damaged]
    assert (home.folder / damaged).read_bytes() == content


@pytest.mark.parametrize("answer", [Shelf(cut=HALF), says(status=403), delivers(b"<html>", "text/html")])
async def test_a_fetch_that_fails_leaves_nothing_behind(
    fetch: Fetching, home: Artifacts, upstream: Upstream, answer: Answer
) -> None:
    upstream.files = [answer]
    with pytest.raises(ArtifactError):
        await fetch.fetch(JOB)
    assert names(home.folder) == []


async def test_a_video_that_cannot_be_saved_is_not_lost(fetch: Fetching, home: Artifacts) -> None:
    home.folder.write_text("in the way")
    with pytest.raises(NotSaved, match="the video is paid, and is then saved"):
        await fetch.fetch(JOB)
    home.folder.unlink()
    assert (await fetch.fetch(JOB)).state is State.COMPLETED


async def test_pictures_are_made_again_when_they_are_gone(fetch: Fetching) -> None:
    done = await fetch.fetch(JOB)
    sheet = await fetch.picture(done, "sheet.jpg")
    assert sheet is not None
    sheet.unlink()
    assert await fetch.picture(done, "sheet.jpg") == sheet
    assert sheet.exists()


async def test_pictures_of_a_deleted_file_say_how_to_get_it_back(fetch: Fetching) -> None:
    done = await fetch.fetch(JOB)
    assert done.video is not None
    done.video.path.unlink()
    with pytest.raises(NotSaved, match="get_video_status"):
        await fetch.picture(done, "sheet.jpg")
