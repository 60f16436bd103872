from datetime import timedelta
from pathlib import Path

import pytest

from studios import NOON, a_failure, a_job, a_request
from veo_mcp.jobs import ACTIVE, MOVES, SETTLED, Artifact, IllegalMove, State, new_job_id

ARTIFACT = Artifact(
    path=Path("/videos/a.mp4"), size_bytes=1, sha256="00", duration_seconds=8.0, width=1920, height=1080, fps=24.0,
    has_audio=True, loudness_lufs=-18.0,
)  # fmt: skip


def test_every_state_is_either_looked_after_or_settled() -> None:
    assert set(State) == ACTIVE | SETTLED
    assert not ACTIVE & SETTLED
    assert set(MOVES) == set(State)


@pytest.mark.parametrize("start", list(State))
@pytest.mark.parametrize("end", list(State))
def test_a_job_goes_only_where_the_table_of_moves_allows(start: State, end: State) -> None:
    job = a_job(state=start)
    if start == end or end in MOVES[start]:
        assert job.move(end).state is end
    else:
        with pytest.raises(IllegalMove, match=f"{start} -> {end}"):
            job.move(end)


def test_no_state_that_follows_a_known_id_leads_back_to_paying() -> None:
    for state in State:
        if state is not State.SUBMITTING:
            assert State.SUBMITTING not in MOVES[state]
    assert MOVES[State.SUBMITTING] == {State.QUEUED, State.FAILED, State.UNKNOWN}


def test_every_active_state_can_reach_a_file_and_a_failure() -> None:
    for state in ACTIVE:
        reached, before = {state}, set[State]()
        while reached != before:
            before = set(reached)
            reached |= {end for start in before for end in MOVES[start]}
        assert {State.COMPLETED, State.FAILED} <= reached


def test_upstreams_id_becomes_the_handle() -> None:
    job = a_job()
    accepted = job.accepted("gen:1/x", cost_usd=0.5)
    assert (job.handle, accepted.handle) == (job.id, "gen:1/x")
    assert accepted.price == 0.5
    assert job.price == 1.56


def test_a_failure_that_costs_nothing_costs_nothing() -> None:
    job = a_job(state=State.GENERATING, generation_id="g", cost_usd=0.5)
    assert job.failed(a_failure(charged="no"), at=NOON).price == 0
    assert job.failed(a_failure(charged="yes"), at=NOON).price == 0.5
    assert job.failed(a_failure(charged="maybe"), at=NOON).price == 0.5


def test_an_unknown_outcome_keeps_its_price() -> None:
    lost = a_job().lost("No answer.", at=NOON)
    assert (lost.state, lost.price, lost.failure and lost.failure.charged) == (State.UNKNOWN, 1.56, "maybe")


def test_a_finished_job_stops_counting_seconds() -> None:
    job = a_job(0, state=State.DOWNLOADING, generation_id="g")
    assert job.elapsed_seconds(NOON + timedelta(seconds=7)) == 7
    assert job.elapsed_seconds(NOON - timedelta(seconds=7)) == 0
    done = job.ready(ARTIFACT, warnings=(), at=NOON + timedelta(seconds=9))
    assert done.elapsed_seconds(NOON + timedelta(days=1)) == 9


def test_a_file_that_is_fetched_again_keeps_its_first_finishing_time() -> None:
    done = a_job(0, state=State.DOWNLOADING, generation_id="g").ready(ARTIFACT, warnings=(), at=NOON)
    again = done.move(State.DOWNLOADING).ready(ARTIFACT, warnings=(), at=NOON + timedelta(days=1))
    assert again.finished_at == NOON


def test_only_a_paid_failure_with_an_id_can_be_fetched_again() -> None:
    paid = a_failure(charged="yes", recoverable=True)
    assert a_job(state=State.FAILED, generation_id="g", failure=paid).can_be_fetched
    assert not a_job(state=State.FAILED, generation_id="g", failure=a_failure()).can_be_fetched
    assert not a_job(state=State.FAILED, failure=paid).can_be_fetched


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Harbour, at DAWN!", "2026-11-23-harbour-at-dawn-00000001.mp4"),
        ("../../etc/passwd", "2026-11-23-etc-passwd-00000001.mp4"),
        ("灯台 の 夜明け", "2026-11-23-灯台-の-夜明け-00000001.mp4"),
        ("!!!", "2026-11-23-00000001.mp4"),
        ('CON <>:"/\\|?*', "2026-11-23-con-00000001.mp4"),
    ],
)
def test_a_file_is_named_after_its_day_its_prompt_and_its_job(prompt: str, name: str) -> None:
    assert a_job(request=a_request(prompt)).file_name() == name


@pytest.mark.parametrize("prompt", ["word " * 500, "灯" * 500, "👩‍👩‍👧" * 500, "ﷺ" * 500])
def test_a_long_prompt_still_gives_a_name_that_every_file_system_takes(prompt: str) -> None:
    name = a_job(request=a_request(prompt)).file_name()
    part = f".{name}.12345678.part"
    assert len(part.encode()) <= 255
    assert name.endswith("-00000001.mp4")


def test_a_file_of_an_adopted_job_is_named_without_a_prompt() -> None:
    assert a_job(request=None).file_name() == "2026-11-23-00000001.mp4"


def test_jobs_of_a_kind_take_as_long_as_each_other() -> None:
    usual = a_job(request=a_request("a"))
    assert usual.kind == a_job(request=a_request("b", seed=3, resolution="1080p", generate_audio=True)).kind
    others = [a_request("a", duration=4), a_request("a", resolution="720p"), a_request("a", generate_audio=False)]
    assert usual.kind not in {a_job(request=request).kind for request in others}
    assert usual.kind != a_job(backend="sandbox").kind


def test_our_ids_cannot_be_guessed_and_are_told_from_upstreams() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(one.startswith("job_") and len(one) == 24 for one in ids)
