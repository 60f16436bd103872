"""Against the paid service: only with a key and VEO_MCP_LIVE=1. Orders at most one 4 s 720p clip without sound.

VEO_MCP_LIVE=1 python -m pytest -m live -s

Prints every difference from what is documented; fails only where the client could not cope with it.
"""

import os
import uuid
from pathlib import Path

import anyio
import pytest

from veo_mcp import media
from veo_mcp.api import VideoRequest
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


def differs(what: str, documented: object, found: object) -> None:
    if documented != found:
        print(f"DIFFERS {what}: documented {documented!r}, found {found!r}")


async def test_the_free_calls_answer_as_documented() -> None:
    settings = Settings.from_environment()
    async with open_api(settings) as (api, _):
        differs("the model is on offer", True, settings.model in await api.models())  # noqa: FBT003
        differs("the balance is a number", True, await api.balance_usd() is not None)  # noqa: FBT003


async def test_an_unknown_id_and_a_wrong_key_are_told_apart() -> None:
    settings = Settings.from_environment()
    async with open_api(settings) as (api, _):
        try:
            answer = await api.retrieve(f"{uuid.uuid4()}:{settings.model}")
            differs("an unknown id", "HTTP 404", answer)
        except UpstreamError as error:
            differs("an unknown id", NotFound, type(error))
    wrong = Settings.from_environment({**os.environ, "AIMLAPI_API_KEY": "wrong-on-purpose"})
    async with open_api(wrong) as (api, _):
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
    async with open_api(settings) as (api, artifacts):
        generation = await api.create(request, request_id=f"live-{uuid.uuid4()}")
        print(f"ordered: {generation}")
        differs("the first status", "queued", generation.word)
        differs("the price", settings.estimate_usd(4, audio=False), generation.cost_usd)
        words: list[str] = []
        with anyio.fail_after(settings.job_timeout_seconds):
            while generation.outcome in ("queued", "running", "odd"):
                await anyio.sleep(5)
                try:
                    generation = await api.retrieve(generation.id)
                except (NotFound, OutcomeUnknown) as error:
                    print(f"a poll failed: {error}")
                    continue
                words += [generation.word] if generation.word not in words else []
        print(f"status words: {words}")
        differs("the last status", "completed", generation.word)
        assert generation.url is not None
        kept = await artifacts.keep(await artifacts.download(generation.url, "live.mp4", owner="live"), "live.mp4")
    inspection = await media.inspect(kept.path)
    assert inspection.facts is not None
    print(f"the file: {inspection.facts}")
    for difference in media.differences(inspection.facts, request):
        print(f"DIFFERS the file: {difference}")
