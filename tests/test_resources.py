import base64
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import (
    INVALID_PARAMS,
    BlobResourceContents,
    Resource,
    ResourceTemplate,
    ResourceTemplateReference,
    TextResourceContents,
)

from studios import MODES, NOON, PROMPT, Mode, Place, a_job, a_request, fields_of
from upstream import accepts, clip, fails, status
from veo_mcp import resources
from veo_mcp.jobs import Artifact, Job, State
from veo_mcp.results import video_uri
from veo_mcp.store import Terms
from veo_mcp.studio import Studio

ODD_IDS = (
    "8e9c4413-14db-454e-b7c0-6e8cd6d25418:google/veo-3.1-t2v-fast",
    "-XLhM-WwM1UXTVnR5w9EV",
    "a:drive",
    "/slash/first",
    "../../up",
    "100%25&umlaut?#",
)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


@asynccontextmanager
async def with_video(place: Place, mode: Mode, generation_id: str = "gen-1:a/b") -> AsyncGenerator[tuple[Client, Any]]:
    """Yield a client of a server that holds one finished video, and its structured result."""
    place.upstream.orders = [accepts(generation_id)]
    async with place.connect(mode) as client:
        done = fields_of(await client.call_tool("generate_and_wait", {"prompt": PROMPT}))
        assert done["status"] == "completed"
        yield client, done


def opened(place: Place) -> Studio:
    assert place.studio is not None
    return place.studio


async def keep(place: Place, job: Job) -> None:
    """Put a job of this server's account into the ledger."""
    job = replace(job, account=place.settings().account)
    await opened(place).store.claim(job, owner="test", lease=20, caller="me", terms=Terms(since=NOON), anew=True)


def a_finished_job(number: int, path: Path, **changes: Any) -> Job:
    usual: dict[str, Any] = {
        "state": State.COMPLETED,
        "generation_id": f"gen-{number}",
        "video": Artifact(
            path=path, size_bytes=7, sha256="00", duration_seconds=8, width=1280, height=720, fps=24, has_audio=True,
            loudness_lufs=-18.0,
        ),
    }  # fmt: skip
    return a_job(number, **(usual | changes))


async def test_a_finished_video_is_read_as_the_bytes_on_disk(place: Place, mode: Mode) -> None:
    async with with_video(place, mode) as (client, done):
        uri = done["video"]["uri"]
        read = (await client.read_resource(uri)).contents
    assert read == [
        BlobResourceContents(uri=uri, mime_type="video/mp4", blob=base64.b64encode(clip()).decode()),
    ]


@pytest.mark.parametrize("odd", ODD_IDS)
async def test_ids_of_any_shape_lead_to_their_video(place: Place, mode: Mode, odd: str) -> None:
    async with with_video(place, mode, odd) as (client, done):
        assert done["generation_id"] == odd
        read = (await client.read_resource(f"{done['video']['uri']}/status")).contents[0]
    assert isinstance(read, TextResourceContents)
    assert json.loads(read.text)["generation_id"] == odd


async def test_a_large_video_is_answered_with_its_path(
    place: Place, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "BLOB_BYTES", 1000)
    async with with_video(place, mode) as (client, done):
        read = (await client.read_resource(done["video"]["uri"])).contents[0]
    assert isinstance(read, TextResourceContents)
    assert read.mime_type == "text/plain"
    assert read.text.endswith(f"It is saved as {done['video']['path']}")


@pytest.mark.parametrize(
    ("part", "kind", "magic"), [("/sheet", "image/jpeg", b"\xff\xd8"), ("/preview", "image/webp", b"RIFF")]
)
async def test_pictures_of_a_video_are_read_as_pictures(
    place: Place, mode: Mode, part: str, kind: str, magic: bytes
) -> None:
    async with with_video(place, mode) as (client, done):
        read = (await client.read_resource(done["video"]["uri"] + part)).contents[0]
    assert isinstance(read, BlobResourceContents)
    assert read.mime_type == kind
    assert base64.b64decode(read.blob).startswith(magic)


async def test_the_status_is_what_the_tool_answers(place: Place, mode: Mode) -> None:
    async with with_video(place, mode) as (client, done):
        asked = fields_of(await client.call_tool("get_video_status", {"generation_id": done["generation_id"]}))
        read = (await client.read_resource(done["video"]["uri"] + "/status")).contents[0]
    assert isinstance(read, TextResourceContents)
    assert read.mime_type == "application/json"
    assert json.loads(read.text) == asked


async def test_reading_the_status_takes_no_delivery(place: Place, mode: Mode) -> None:
    """A player that watches a job must not make the model's repeated order a second payment."""
    async with place.connect(mode) as client:
        first = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
        await opened(place).wait(await opened(place).known(first["generation_id"]), 10)
        read = (await client.read_resource(video_uri(first["generation_id"], "/status"))).contents[0]
        again = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
    assert isinstance(read, TextResourceContents)
    assert json.loads(read.text)["status"] == "completed"
    assert (again["generation_id"], again["reused"]) == (first["generation_id"], True)
    assert len(place.upstream.posts) == 1


async def test_what_is_not_there_is_said_with_the_way_on(place: Place, mode: Mode) -> None:
    place.upstream.polls = [status("generating")]
    async with place.connect(mode) as client:
        for uri, words in (
            ("veo://videos/nobody", "There is no video 'nobody' here. list_videos shows what there is"),
            ("veo://videos/nul%00", "Unknown resource"),
            ("veo://elsewhere", "Unknown resource"),
        ):
            with pytest.raises(MCPError, match=words) as missing:
                await client.read_resource(uri)
            assert (missing.value.code, missing.value.data) == (INVALID_PARAMS, {"uri": uri})
        ordered = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
        with pytest.raises(MCPError, match=r"There is no file yet, the video is \w+\. Call get_video_status"):
            await client.read_resource(video_uri(ordered["generation_id"]))


async def test_a_file_that_was_deleted_is_said_to_be_gone(place: Place, mode: Mode) -> None:
    async with with_video(place, mode) as (client, done):
        Path(done["video"]["path"]).unlink()
        for part in ("", "/sheet"):
            with pytest.raises(MCPError, match=r"is gone\. get_video_status fetches it again") as gone:
                await client.read_resource(done["video"]["uri"] + part)
            assert gone.value.code == INVALID_PARAMS


async def test_a_file_that_cannot_be_read_or_seen_is_said_in_words(
    place: Place, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    async with with_video(place, mode) as (client, done):
        path = Path(done["video"]["path"])
        shutil.rmtree(place.settings().home / "previews")
        path.write_bytes(bytes(path.stat().st_size))
        with pytest.raises(MCPError, match=r"No picture can be made of"):
            await client.read_resource(done["video"]["uri"] + "/sheet")
        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(MCPError, match=r"cannot be read: Permission denied"):
            await client.read_resource(done["video"]["uri"])


async def test_a_ledger_out_of_reach_is_said_in_words(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        await opened(place).store.close()
        folder = place.settings().home
        for file in folder.glob("jobs.sqlite3*"):
            file.unlink()
        (folder / "jobs.sqlite3").mkdir()
        with pytest.raises(MCPError, match=r"The jobs database .* cannot be used"):
            await client.read_resource("veo://videos/any")


async def test_finished_videos_are_listed_newest_first_and_at_most_a_hundred(place: Place, mode: Mode) -> None:
    place.upstream.polls = [fails()]
    async with place.connect(mode) as client:
        for number in range(1, 103):
            await keep(place, a_finished_job(number, place.folder / f"{number}.mp4"))
        await keep(place, a_job(103, state=State.FAILED))
        long = "A very long prompt about a lighthouse, the sea,\n and the keeper who never sleeps at night"
        await keep(place, a_finished_job(104, place.folder / "104.mp4", request=a_request(long)))
        await keep(place, a_finished_job(105, place.folder / "105.mp4", request=None, fingerprint=None))
        listed = (await client.list_resources()).resources
    assert [resource.uri for resource in listed[:2]] == ["ui://veo-mcp/player.html", "veo://videos/gen-105"]
    assert listed[1].title is None
    assert listed[2] == Resource(
        uri="veo://videos/gen-104",
        name="104.mp4",
        title="A very long prompt about a lighthouse, the sea, and the kee…",
        mime_type="video/mp4",
        size=7,
    )
    assert [resource.name for resource in listed[3:]] == [f"{number}.mp4" for number in range(102, 4, -1)]


async def test_the_four_templates_say_what_they_give(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        templates = (await client.list_resource_templates()).resource_templates
    assert [(template.uri_template, template.mime_type) for template in templates] == [
        ("veo://videos/{generation_id}", "video/mp4"),
        ("veo://videos/{generation_id}/sheet", "image/jpeg"),
        ("veo://videos/{generation_id}/preview", "image/webp"),
        ("veo://videos/{generation_id}/status", "application/json"),
    ]
    assert all(isinstance(t, ResourceTemplate) and t.title and t.description for t in templates)


async def test_ids_are_completed_newest_first(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        for number in (1, 2, 3):
            await keep(place, a_finished_job(number, place.folder / "x.mp4"))
        await keep(place, a_job(4, state=State.UNKNOWN, generation_id="gen-4"))
        await keep(place, a_finished_job(5, place.folder / "x.mp4", generation_id="other-5"))

        async def offered(uri: str, typed: str, name: str = "generation_id") -> list[str]:
            ref = ResourceTemplateReference(type="ref/resource", uri=uri)
            return (await client.complete(ref, {"name": name, "value": typed})).completion.values

        assert await offered(resources.VIDEO, "") == ["other-5", "gen-3", "gen-2", "gen-1"]
        assert await offered(f"{resources.VIDEO}/sheet", "gen") == ["gen-3", "gen-2", "gen-1"]
        assert await offered(f"{resources.VIDEO}/status", "gen") == ["gen-4", "gen-3", "gen-2", "gen-1"]
        assert await offered(resources.VIDEO, "nothing") == []
        assert await offered("veo://elsewhere/{generation_id}", "") == []
        assert await offered(resources.VIDEO, "", name="other") == []


async def test_a_completion_holds_a_hundred_ids_and_says_how_many_there_are(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        for number in range(1, 121):
            await keep(place, a_finished_job(number, place.folder / "x.mp4"))
        ref = ResourceTemplateReference(type="ref/resource", uri=resources.VIDEO)
        found = (await client.complete(ref, {"name": "generation_id", "value": "gen-"})).completion
    assert (len(found.values), found.values[0], found.total, found.has_more) == (100, "gen-120", 120, True)


async def test_outside_a_request_no_videos_are_listed(place: Place) -> None:
    assert [resource.name for resource in await place.server().list_resources()] == ["player"]
