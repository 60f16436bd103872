"""Ids that were not ordered here, orders whose answer never came, and jobs of another key."""

import httpx2
import pytest

from studios import Place, a_request, fields_of, until_sent
from test_watcher import ended, leave_behind
from upstream import Gate, accepts, completed, fails, says, status
from veo_mcp.answers import answer
from veo_mcp.errors import InvalidRequest, UnknownGeneration, UpstreamError
from veo_mcp.jobs import State


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


async def test_a_job_of_another_account_is_shown_and_left_to_it(place: Place) -> None:
    place.upstream.polls = [says({}, 404)]
    job = await leave_behind(place, account="aimlapi-another")
    async with place.open() as studio:
        seen = await studio.look_up(job.id)
        assert seen == job
        assert await studio.refresh(seen) == seen
        told = fields_of(answer(studio, seen))
    assert any("another key" in warning for warning in told["warnings"])
    assert "do not poll" in told["next_step"]


async def test_after_the_key_was_changed_a_job_is_brought_over_when_it_is_asked_for(place: Place) -> None:
    async with place.open() as studio:
        place.upstream.polls = [status("generating")]
        ordered = await until_sent(studio, (await studio.submit(a_request())).job)
    place.upstream.polls = [status("generating"), completed()]
    async with place.open(api_key="f" * 32) as studio:
        done = await studio.wait(await studio.look_up(ordered.handle), 10)
        again = await studio.submit(a_request())
    assert (done.id, done.state) == (ordered.id, State.COMPLETED)
    assert (again.reused, again.job.id) == (True, ordered.id)
    assert len(place.upstream.posts) == 1


async def test_a_job_is_not_brought_over_while_its_own_server_runs(place: Place) -> None:
    place.upstream.polls = [status("generating")]
    async with place.open() as studio, place.open(api_key="f" * 32) as another:
        ordered = await until_sent(studio, (await studio.submit(a_request())).job)
        assert (await another.look_up(ordered.handle)).account == studio.settings.account
        assert (await studio.known(ordered.id)).account == studio.settings.account


async def test_a_lost_file_of_another_account_is_said_to_be_lost(place: Place) -> None:
    async with place.open() as studio:
        done = await ended(studio)
    assert done.file is not None
    done.file.path.unlink()
    place.upstream.polls = [says({}, 404)]
    async with place.open(api_key="f" * 32) as studio:
        asked = await studio.look_up(done.handle)
    assert (asked.state, asked.video) == (State.COMPLETED, done.video)
    assert f"{done.file.path}. Only a server with the key that it was ordered with can fetch it" in asked.note
