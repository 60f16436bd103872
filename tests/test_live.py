"""Against the paid service: only with a key and VEO_MCP_LIVE=1. Orders at most one 4 s 720p clip without sound.

VEO_MCP_LIVE=1 python -m pytest -m live -s

Prints every difference from what is documented; fails only where the client could not cope with it.
"""

import os
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
import pytest

from veo_mcp import media
from veo_mcp.api import VideoRequest
from veo_mcp.artifacts import Artifacts
from veo_mcp.client import GENERATIONS, VeoClient
from veo_mcp.errors import NotFound, OutcomeUnknown, Unauthorized, UpstreamError
from veo_mcp.settings import Settings
from veo_mcp.wiring import open_api

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        os.environ.get("VEO_MCP_LIVE") != "1" or Settings.from_environment().backend != "aimlapi",
        reason="costs money: needs AIMLAPI_API_KEY and VEO_MCP_LIVE=1",
    ),
]

STATUS_WORDS = {"queued", "generating", "completed", "error"}
ORDERED = {"id", "status", "meta.usage.credits_used", "meta.usage.usd_spent"}
FIELDS = {
    f"POST {GENERATIONS}": ORDERED,
    f"GET {GENERATIONS}": {"id", "status", "error.name", "error.message"}
    | {f"video.{name}" for name in ("url", "content_type", "file_name", "file_size", "duration")},
    "GET /v1/models": {"object", "data"},
    "GET /v2/billing": {"current_balance", "currency"},
}
REFUSED = {"requestId", "statusCode", "timestamp", "path", "message"}
"""What is documented of each answer, and of a refusal; names joined by dots."""


def differs(what: str, documented: object, found: object) -> None:
    if documented != found:
        print(f"DIFFERS {what}: documented {documented!r}, found {found!r}")


def fields(body: object, within: str = "") -> set[str]:
    """Return the names of what an answer holds; what is in a list is not looked at."""
    if not isinstance(body, Mapping):
        return {within}
    named = cast("Mapping[str, Any]", body).items()
    return {name for key, value in named for name in fields(value, f"{within}.{key}" if within else key)}


def compare(call: str, status: int, body: object) -> None:
    """Print how an answer differs from what is documented."""
    found = fields(body)
    if status >= 400:
        differs(f"fields of a refusal ({call}, HTTP {status})", sorted(REFUSED), sorted(found))
        return
    differs(f"fields that are new ({call})", [], sorted(found - FIELDS[call]))
    if call.startswith("POST"):
        differs(f"fields that are missing ({call})", [], sorted(ORDERED - found))
        differs(f"the order's HTTP status ({call})", 200, status)
    if call.endswith(GENERATIONS) and isinstance(body, Mapping):
        word = cast("Mapping[str, Any]", body).get("status")
        if word not in STATUS_WORDS:
            differs(f"status word ({call})", sorted(STATUS_WORDS), word)


async def _hear(response: httpx2.Response) -> None:
    call = f"{response.request.method} {response.request.url.path}"
    if call in FIELDS:
        await response.aread()
        try:
            compare(call, response.status_code, response.json())
        except ValueError:
            differs(f"the answer's format ({call}, HTTP {response.status_code})", "JSON", response.text[:200])


@asynccontextmanager
async def listening(settings: Settings) -> AsyncGenerator[tuple[VeoClient, Artifacts]]:
    """Open the way to the API and compare whatever is answered."""
    async with open_api(settings) as (api, artifacts):
        api._http.event_hooks = {"response": [_hear]}  # pyright: ignore[reportPrivateUsage]
        yield api, artifacts


async def test_the_free_calls_answer_as_documented() -> None:
    settings = Settings.from_environment()
    async with listening(settings) as (api, _):
        differs("the model is on offer", True, settings.model in await api.models())  # noqa: FBT003
        differs("the balance is a number", True, await api.balance_usd() is not None)  # noqa: FBT003


async def test_an_unknown_id_and_a_wrong_key_are_told_apart() -> None:
    settings = Settings.from_environment()
    async with listening(settings) as (api, _):
        try:
            answer = await api.retrieve(f"{uuid.uuid4()}:{settings.model}")
            differs("an unknown id", "HTTP 404", answer)
        except UpstreamError as error:
            differs("an unknown id", NotFound, type(error))
    wrong = Settings.from_environment({**os.environ, "AIMLAPI_API_KEY": "invalid-on-purpose"})
    async with listening(wrong) as (api, _):
        with pytest.raises(Unauthorized):
            await api.retrieve("any")


async def test_one_clip_is_ordered_watched_and_saved(tmp_path: Path) -> None:
    settings = Settings.from_environment({**os.environ, "VEO_MCP_OUTPUT_DIR": str(tmp_path)})
    request = VideoRequest(
        prompt="A paper boat on a calm pond, slow push in, morning light",
        duration=4,
        resolution="720p",
        generate_audio=False,
    )
    async with listening(settings) as (api, artifacts):
        generation = await api.create(request, request_id=f"live-{uuid.uuid4()}")
        print(f"ordered: {generation}")
        differs("the first status", "queued", generation.word)
        differs("the price", settings.estimate_usd(4, audio=False), generation.cost_usd)
        asked, words = generation.id, [generation.word]
        with anyio.fail_after(settings.job_timeout_seconds):
            while generation.outcome in ("queued", "running", "odd"):
                await anyio.sleep(settings.poll_seconds or 5)
                try:
                    generation = await api.retrieve(asked)
                except (NotFound, OutcomeUnknown) as error:
                    print(f"a poll failed: {error}")
                    continue
                words += [generation.word] if generation.word != words[-1] else []
        print(f"status words in order: {words}")
        differs("the id in a poll's answer", asked, generation.id)
        differs("the last status", "completed", generation.word)
        assert generation.url is not None
        kept = await artifacts.keep(await artifacts.download(generation.url, "live.mp4", owner="live"), "live.mp4")
    inspection = await media.inspect(kept.path)
    assert inspection.facts is not None
    print(f"the file: {inspection.facts}")
    for difference in media.differences(inspection.facts, request):
        print(f"DIFFERS the file: {difference}")
