"""Ids that were not ordered here, orders whose answer never came, and jobs of another key."""

import httpx2
import pytest

from studios import Place, a_request
from test_watcher import ended
from upstream import Gate, accepts, completed, fails, says, status
from veo_mcp.errors import InvalidRequest, UnknownGeneration, UpstreamError
from veo_mcp.jobs import State
from veo_mcp.studio import Page


@pytest.mark.parametrize("handle", ["8e9c:google/veo-3.1-t2v-fast", "-XLhM_WwM1UXTVnR5w9EV"])
async def test_an_id_that_was_ordered_elsewhere_is_adopted_and_fetched(place: Place, handle: str) -> None:
    place.upstream.polls = [status("generating"), status("generating"), completed()]
    async with place.open() as studio:
        adopted = await studio.look_up(handle)
        assert (adopted.handle, adopted.request) == (handle, None)
        assert (await studio.look_up(handle)).id == adopted.id
        job = await studio.wait(adopted, 10)
        assert (job.state, job.price) == (State.COMPLETED, None)
        assert await studio.usual_seconds(job) == 75
    assert place.upstream.posts == []


@pytest.mark.parametrize(
    "answer",
    [says({"message": "Inference not found"}, 404), says({"id": "", "status": "unknown", "error": {"name": "x"}})],
)
async def test_an_id_that_nobody_knows_is_an_error_and_no_job(place: Place, answer: Gate) -> None:
    place.upstream.polls = [answer]
    async with place.open() as studio:
        with pytest.raises(UnknownGeneration, match="list_videos"):
            await studio.look_up("nobody's")
        assert (await studio.page()).jobs == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says("<h1>A timeout</h1>", 524), "A timeout"),
        (fails(httpx2.ConnectError), "ConnectError"),
        (says({"message": "Invalid uuid"}, 400), "Invalid uuid"),
    ],
)
async def test_an_id_that_cannot_be_asked_about_is_an_error_in_upstreams_words_and_no_job(
    place: Place, answer: Gate, words: str
) -> None:
    place.upstream.polls = [answer]
    async with place.open() as studio:
        with pytest.raises(UpstreamError, match=r"Nothing was charged.* ask again") as caught:
            await studio.look_up("somebody's")
        assert words in str(caught.value)
        assert (await studio.page()).jobs == []


async def test_an_id_from_the_accounts_history_settles_an_order_of_unknown_outcome(place: Place) -> None:
    place.upstream.orders = [fails(), fails()]
    async with place.open() as studio:
        other = await studio.wait((await studio.submit(a_request("Another"))).job, 10)
        lost = await ended(studio)
        assert (lost.state, lost.failure and f"{lost.id}=ITS_ID" in lost.failure.message) == (State.UNKNOWN, True)
        found = await studio.wait(await studio.look_up(f"{lost.id}=from-the-history"), 10)
        assert await studio.look_up(f"{lost.id}=from-the-history") == found
        again = await studio.submit(a_request())
        assert (await studio.known(other.id)).state is State.UNKNOWN
    assert (found.id, found.state, found.generation_id) == (lost.id, State.COMPLETED, "from-the-history")
    assert (again.reused, again.job.id) == (True, lost.id)
    assert len(place.upstream.posts) == 2


async def test_an_id_that_was_looked_at_first_settles_the_order_all_the_same(place: Place) -> None:
    place.upstream.orders = [fails()]
    async with place.open() as studio:
        lost = await ended(studio)
        seen = await studio.wait(await studio.look_up("from-the-history"), 10)
        assert any(f'"{lost.id}=from-the-history"' in warning for warning in seen.warnings)
        found = await studio.wait(await studio.look_up(f"{lost.id}=from-the-history"), 10)
        assert [job.id for job in (await studio.page()).jobs] == [lost.id] == [found.id]


async def test_an_id_that_nobody_ordered_here_is_never_taken_for_an_order(place: Place) -> None:
    place.upstream.orders = [fails()]
    async with place.open() as studio:
        lost = await ended(studio)
        found = await studio.wait(await studio.look_up("somebody-elses"), 10)
        again = await studio.submit(a_request())
    assert (found.state, found.request) == (State.COMPLETED, None)
    assert (again.reused, again.job.id, again.job.state) == (True, lost.id, State.UNKNOWN)


async def test_only_an_order_of_unknown_outcome_can_be_settled_and_not_with_anothers_video(place: Place) -> None:
    place.upstream.orders = [fails(), accepts("gen-2")]
    async with place.open() as studio:
        lost = await ended(studio)
        done = await studio.wait((await studio.submit(a_request("Another"))).job, 10)
        with pytest.raises(InvalidRequest, match="is known here"):
            await studio.look_up(f"{done.id}=from-the-history")
        with pytest.raises(InvalidRequest, match="another order"):
            await studio.look_up(f"{lost.id}={done.generation_id}")
        with pytest.raises(UnknownGeneration):
            await studio.look_up("job_00000000000000000000=from-the-history")


async def test_one_of_our_own_ids_is_never_asked_for_upstream(place: Place) -> None:
    async with place.open() as studio:
        with pytest.raises(UnknownGeneration, match="list_videos"):
            await studio.look_up("job_00000000000000000000")
    assert place.upstream.seen == []


# Another key on the same ledger


async def test_another_key_sees_no_video_of_this_one_and_pays_for_its_own(place: Place) -> None:
    async with place.open() as studio:
        made = await ended(studio)
    async with place.open(api_key="f" * 32, daily_budget_usd=1.6) as another:
        assert await another.page() == Page(jobs=[], cursor=None, spent_today_usd=0)
        for handle in (made.id, f"{made.id}=gen-1"):
            with pytest.raises(UnknownGeneration, match="There is no job"):
                await another.look_up(handle)
        with pytest.raises(UnknownGeneration):
            await another.known(made.handle)
        theirs = await ended(another)
    assert theirs.id != made.id
    assert len(place.upstream.posts) == 2


async def test_an_id_of_another_key_is_adopted_without_its_prompt_and_stays_where_it_was(place: Place) -> None:
    async with place.open() as studio:
        made = await ended(studio)
    async with place.open(api_key="f" * 32) as another:
        adopted = await another.wait(await another.look_up(made.handle), 10)
    async with place.open() as studio:
        assert await studio.known(made.handle) == made
    assert (adopted.state, adopted.request) == (State.COMPLETED, None)
    assert adopted.id != made.id


async def test_a_look_with_another_key_takes_no_delivery_from_the_one_that_ordered(place: Place) -> None:
    async with place.open() as studio:
        made = await ended(studio)
        async with place.open(api_key="f" * 32) as another:
            another.deliver(await another.wait(await another.look_up(made.handle), 10))
        again = await studio.submit(a_request())
    assert (again.reused, again.job.id) == (True, made.id)
    assert len(place.upstream.posts) == 1
