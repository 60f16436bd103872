from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from studios import NOON, a_failure, a_job, a_request
from test_jobs import ARTIFACT
from veo_mcp.advice import next_step
from veo_mcp.jobs import Job, State
from veo_mcp.results import VideoList, video_list, video_result, video_uri
from veo_mcp.settings import Settings
from veo_mcp.studio import Page
from veo_mcp.wording import facts, progress_message, summary, table

DONE = a_job(
    0, state=State.COMPLETED, generation_id="a:b/c", video=ARTIFACT, url="https://x/a", cost_usd=1.56, finished_at=NOON
)


def a_list(*jobs: Job, cursor: str | None = None, spent: float = 0, budget: float | None = None) -> VideoList:
    return video_list(Page(jobs=list(jobs), cursor=cursor, spent_today_usd=spent), Settings(daily_budget_usd=budget))


def result_text(job: Job, **options: bool) -> str:
    return summary(video_result(job, now=NOON, **options))


@pytest.mark.parametrize("handle", ["a:b/c", "-XLhM_WwM", "a b?c#d%2F", "灯台"])
def test_a_resource_address_holds_any_id(handle: str) -> None:
    uri = video_uri(handle, "/sheet")
    assert uri.startswith("veo://videos/")
    encoded = uri.removeprefix("veo://videos/").removesuffix("/sheet")
    assert not set("/?#: ") & set(encoded)
    assert unquote(encoded) == handle


def test_the_text_of_a_finished_video_is_its_path_and_its_id() -> None:
    text = result_text(DONE)
    assert (
        text.splitlines()[0]
        == f"Video saved: {Path('/videos/a.mp4')} (8.0 s, 1920x1080, 24 fps, 0.0 MB, sound at −18 LUFS, $1.56)"
    )
    assert text.splitlines()[1] == "generation_id: a:b/c"
    assert len(text.splitlines()) == 2


def test_warnings_stand_in_the_text_because_some_hosts_show_nothing_else() -> None:
    assert "Asked for 8 s, got 4.00 s." in result_text(replace(DONE, warnings=("Asked for 8 s, got 4.00 s.",)))


def test_sound_is_told_as_it_was_measured() -> None:
    video = video_result(DONE, now=NOON).video
    assert video is not None
    assert "sound at −18 LUFS" in facts(video)
    assert "no sound track" in facts(video.model_copy(update={"has_audio": False}))
    assert "a silent sound track" in facts(video.model_copy(update={"loudness_lufs": -70.0}))
    assert "sound of unknown loudness" in facts(video.model_copy(update={"loudness_lufs": None}))


def test_an_estimate_is_said_to_be_one() -> None:
    queued = a_job(0, state=State.QUEUED, generation_id="g")
    assert video_result(queued, now=NOON).cost_is_estimate
    assert "about $1.56" in result_text(queued)
    assert "about" not in result_text(replace(queued, cost_usd=1.56))
    assert "cost not known" in result_text(replace(queued, estimate_usd=None))


def test_the_sandbox_charges_nothing_and_says_so() -> None:
    text = result_text(replace(DONE, backend="sandbox"))
    assert "nothing charged" in text
    assert "not Veo" in text


def test_a_file_that_is_being_fetched_again_is_not_said_to_be_there() -> None:
    again = video_result(replace(DONE, state=State.DOWNLOADING), now=NOON)
    assert (again.video, again.status) == (None, "downloading")


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("waited", [True, False])
def test_every_state_has_a_next_step_that_does_not_pay_again(state: State, *, waited: bool) -> None:
    job = a_job(state=state, generation_id="gen", failure=a_failure(charged="yes", recoverable=True))
    step = next_step(job, waited=waited)
    if state is State.COMPLETED:
        assert 'view_video(generation_id="gen")' in step
    else:
        assert "not order it again" in step
    if state not in {State.COMPLETED, State.UNKNOWN}:
        assert 'get_video_status(generation_id="gen", wait_seconds=50)' in step


def test_a_free_failure_may_be_ordered_again() -> None:
    assert "call again" in next_step(a_job(state=State.FAILED, failure=a_failure()))


def test_a_next_step_holds_an_id_with_quotes_as_a_call_that_can_be_made() -> None:
    assert 'generation_id="a:b/c"' in next_step(replace(DONE, state=State.QUEUED))


def test_what_was_last_heard_is_a_warning_while_it_matters() -> None:
    running = a_job(state=State.GENERATING, generation_id="g", note="upstream says 'odd'")
    assert "Last heard: upstream says 'odd'" in video_result(running, now=NOON).warnings
    done = running.move(State.DOWNLOADING).ready(ARTIFACT, warnings=(), at=NOON)
    assert video_result(done, now=NOON).warnings == []


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        ({"duration": 4, "resolution": "1080p"}, True),
        ({"duration": 6, "resolution": "1080p"}, True),
        ({"duration": 8, "resolution": "1080p"}, False),
        ({"duration": 4, "resolution": "720p"}, False),
        ({"duration": 4}, False),
    ],
)
def test_short_videos_in_1080p_are_warned_about_and_ordered(fields: dict[str, Any], *, warned: bool) -> None:
    job = a_job(state=State.QUEUED, generation_id="g", request=a_request(**fields))
    assert any("1080p" in warning for warning in video_result(job, now=NOON).warnings) == warned


@pytest.mark.parametrize("state", list(State))
def test_progress_messages_fit_into_every_host(state: State) -> None:
    job = a_job(0, state=state, generation_id="g", note="x" * 1000)
    message = progress_message(job, 75, NOON + timedelta(seconds=42))
    assert message.startswith(f"{state.value}, 42 s so far, usually about 75 s")
    assert len(message) <= 200


def test_times_are_utc_and_seconds_are_rounded() -> None:
    job = a_job(0, state=State.QUEUED, created_at=NOON + timedelta(microseconds=7))
    result = video_result(job, now=NOON + timedelta(seconds=1.26))
    assert (result.created_at, result.elapsed_seconds) == ("2026-11-23T12:00:00Z", 1.3)


def test_a_list_says_where_files_are_what_was_spent_and_how_to_go_on() -> None:
    listed = a_list(DONE, a_job(1, request=None), cursor="job_next", spent=1.56789, budget=5.0)
    text = table(listed, "aimlapi")
    assert [video.path for video in listed.videos] == [str(Path("/videos/a.mp4")), None]
    assert listed.spent_today_usd == 1.5679
    for part in (str(Path("/videos/a.mp4")), "a:b/c", "$1.57, of $5.00 a day", 'list_videos(cursor="job_next")'):
        assert part in text


def test_an_empty_list_says_so() -> None:
    assert table(a_list(), "aimlapi") == ("No videos yet.\nSpent or under way today (UTC): $0.00, no daily budget.")


def test_a_prompt_of_many_lines_is_listed_on_one() -> None:
    listed = a_list(a_job(request=a_request("A\n2026-11-23T12:00:00Z  completed\x1b[1m")))
    assert table(listed, "aimlapi").splitlines()[0].endswith('  "A 2026-11-23T12:00:00Z completed\ufffd[1m"')


def test_long_prompts_are_listed_in_part() -> None:
    (video,) = a_list(a_job(request=a_request("x" * 5000))).videos
    assert len(video.prompt or "") <= 120


def test_sandbox_videos_are_listed_as_such_and_cost_nothing() -> None:
    text = table(a_list(a_job(backend="sandbox"), spent=0.78), "sandbox")
    assert "(sandbox)" in text
    assert "nothing is spent; today (UTC) Veo would have cost $0.78" in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("out_of_credits", "only they can mend this"),
        ("unauthorized", "only they can mend this"),
        ("rate_limited", "again in a minute"),
        ("bad_request", "Mend what the error says"),
    ],
)
def test_what_to_do_after_a_free_failure_depends_on_its_cause(name: str, says: str) -> None:
    assert says in next_step(a_job(state=State.FAILED, failure=a_failure(name=name)))


def test_a_refused_prompt_is_to_be_reworded() -> None:
    failed = a_job(state=State.FAILED, generation_id="gen", failure=a_failure(name="content_policy"))
    assert "reword" in next_step(failed)


def test_what_takes_much_longer_than_usual_is_said_to() -> None:
    message = progress_message(a_job(0, state=State.GENERATING), 75, NOON + timedelta(seconds=120))
    assert message == "generating, 120 s so far, longer than the usual 75 s"
