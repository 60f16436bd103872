"""Our client against the sandbox: both keep to one contract, and every trouble that the sandbox knows ends as told."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
import pytest

from studios import HASTY, Place, a_request, a_sandbox, serving, until_sent
from upstream import clip
from veo_mcp.jobs import Job, State
from veo_mcp.sandbox.faults import FAULTS
from veo_mcp.studio import Studio

Reach = Literal["in process", "on a port"]


@dataclass(frozen=True)
class Ends:
    state: State
    name: str = ""
    charged: str = ""
    words: str = ""


FILE = Ends(State.COMPLETED)
LOST = Ends(State.UNKNOWN, "unknown_outcome", "maybe", "never sent again by itself")
POLICY = "goes against the content policy"

ENDINGS = {
    "bad-key": Ends(State.FAILED, "unauthorized", "no", "AIMLAPI_API_KEY"),
    "out-of-credits": Ends(State.FAILED, "out_of_credits", "no", "top it up"),
    "key-limit": Ends(State.FAILED, "key_limit", "no", "own limit"),
    "rate-limit": FILE,
    "rate-limit-always": Ends(State.FAILED, "rate_limited", "no", "Wait a little"),
    "maintenance": FILE,
    "message-list": Ends(State.FAILED, "bad_request", "no", "prompt: Invalid input"),
    "schema-d": FILE,
    "server-error": LOST,
    "html-error": LOST,
    "gateway-busy": LOST,
    "no-answer": LOST,
    "generation-id-key": FILE,
    "nanoid": FILE,
    "plain-201": FILE,
    "tokens-used": FILE,
    "content-policy": Ends(State.FAILED, "content_policy_violation", "no", POLICY),
    "error-detail": Ends(State.FAILED, "generation_failed", "no", POLICY),
    "error-string": Ends(State.FAILED, "generation_failed", "no", POLICY),
    "unknown-error": Ends(State.FAILED, "NotFoundError", "maybe", "Generation is gone"),
    "cancelled": Ends(State.FAILED, "generation_failed", "no", "cancelled"),
    "stuck": Ends(State.OVERDUE),
    "slow": FILE,
    "flaky-polls": FILE,
    "back-and-forth": FILE,
    "odd-status": FILE,
    "old-words": FILE,
    "succeeded": FILE,
    "other-id": FILE,
    "list-video": FILE,
    "string-list-video": FILE,
    "no-url": Ends(State.FAILED, "no_link", "yes", "free of charge"),
    "no-url-once": FILE,
    "expired-url": FILE,
    "redirect": FILE,
    "signed-url": FILE,
    "cut-download": FILE,
    "short-body": FILE,
    "truncated-file": Ends(State.FAILED, "damaged_file", "yes", "free of charge"),
    "empty-file": Ends(State.FAILED, "damaged_file", "yes", "free of charge"),
    "not-a-video": Ends(State.FAILED, "bad_file", "yes", "text/html"),
    "wrong-size": FILE,
    "silent": FILE,
}

UPSTREAM_MAY_MEND = ("not-a-video",)
"""Tried again for half an hour before that is the end."""

CUT_ON_THE_WIRE = ("no-answer", "flaky-polls", "cut-download", "short-body", "redirect")


@asynccontextmanager
async def contracted(place: Place, reach: Reach) -> AsyncGenerator[Studio]:
    """Open a studio whose upstream is the sandbox."""
    app = a_sandbox(place.folder / "sandbox", seconds=0.05)
    if reach == "in process":
        place.transport = httpx2.ASGITransport(app)
        async with place.open(base_url="http://sandbox.invalid") as studio:
            yield studio
    else:
        place.transport = httpx2.AsyncHTTPTransport()
        with serving(app) as url:
            async with place.open(base_url=url) as studio:
                yield studio


async def ended(studio: Studio, prompt: str, **fields: Any) -> Job:
    order = await studio.submit(a_request(prompt, duration=4, **fields))
    return await studio.wait(order.job, 20)


async def balance(studio: Studio) -> float:
    left = await studio.watcher.client.balance_usd()
    assert left is not None
    return round(left, 6)


@pytest.mark.parametrize(
    ("marker", "reach"),
    [*((marker, "in process") for marker in ENDINGS), *((marker, "on a port") for marker in CUT_ON_THE_WIRE)],
)
async def test_every_trouble_ends_as_the_contract_says(place: Place, marker: str, reach: Reach) -> None:
    ends = ENDINGS[marker]
    if marker in UPSTREAM_MAY_MEND:
        place.pace = HASTY
    async with contracted(place, reach) as studio:
        if marker == "stuck":
            order = await studio.submit(a_request(f"[sandbox:{marker}] x"))
            await until_sent(studio, order.job)
            place.clock.forward(1001)
            job = await studio.wait(order.job, 0.5)
        else:
            fields = {"resolution": "720p"} if marker == "schema-d" else {}
            job = await ended(studio, f"[sandbox:{marker}] x", **fields)
        spent = 1000 - await balance(studio)
    assert job.state is ends.state, job.failure
    if job.failure is not None:
        assert (job.failure.name, job.failure.charged) == (ends.name, ends.charged)
        assert ends.words in job.failure.message
    if job.state is State.COMPLETED:
        assert job.video is not None
        assert job.video.path.read_bytes() == clip()
    if not ends.charged or ends.charged == "yes":
        assert job.price == pytest.approx(spent)
        assert spent > 0
    if ends.charged == "no":
        assert (job.price, spent) == (0, 0)


def test_every_marker_that_the_sandbox_knows_has_an_ending_here() -> None:
    assert list(ENDINGS) == list(FAULTS)


async def test_nothing_is_paid_twice_whatever_goes_wrong_on_the_way(place: Place) -> None:
    markers = [
        "maintenance",
        "flaky-polls",
        "no-url-once",
        "expired-url",
        "cut-download",
        "back-and-forth",
    ]
    prompt = "".join(f"[sandbox:{marker}]" for marker in markers)
    async with contracted(place, "in process") as studio:
        job = await ended(studio, f"{prompt} x")
        left = await balance(studio)
    assert job.state is State.COMPLETED
    assert left == 1000 - 0.78
    assert len(list((place.folder / "sandbox").glob("*.generation.json"))) == 1


async def test_a_lost_answer_was_paid_and_its_video_can_be_adopted(place: Place) -> None:
    async with contracted(place, "in process") as studio:
        lost = await ended(studio, "[sandbox:no-answer] x")
        (record,) = (place.folder / "sandbox").glob("*.generation.json")
        paid = httpx2.Response(200, content=record.read_bytes()).json()["id"]
        adopted = await studio.wait(await studio.look_up(paid), 20)
        left = await balance(studio)
    assert (lost.state, adopted.state, left) == (State.UNKNOWN, State.COMPLETED, 1000 - 0.78)


async def test_a_field_that_the_newest_schema_has_dropped_is_named(place: Place) -> None:
    async with contracted(place, "in process") as studio:
        job = await ended(studio, "[sandbox:schema-d] x", seed=7)
    assert job.failure is not None
    assert "Call again without" in job.failure.message
    assert "`seed`" in job.failure.message


async def test_a_video_that_others_ordered_is_adopted(place: Place) -> None:
    async with contracted(place, "in process") as studio:
        theirs = await studio.watcher.client.create(a_request("[sandbox:nanoid] theirs"), request_id="theirs")
        assert theirs.id.startswith("-")
        assert (await studio.wait(await studio.look_up(theirs.id), 20)).state is State.COMPLETED
