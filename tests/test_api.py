from typing import Any

import pytest
from pydantic import ValidationError

from studios import a_request
from veo_mcp.api import PROMPT_CHARACTERS, VideoRequest, read_generation

MODEL = "google/veo-3.1-t2v-fast"
EVERYTHING: dict[str, Any] = {
    "prompt": "A lighthouse",
    "aspect_ratio": "9:16",
    "duration": 4,
    "resolution": "720p",
    "negative_prompt": "fog",
    "enhance_prompt": False,
    "generate_audio": False,
    "seed": 0,
    "auto_fix": False,
}


def test_only_what_was_set_is_sent() -> None:
    assert VideoRequest(prompt="A lighthouse").body(MODEL) == {"model": MODEL, "prompt": "A lighthouse"}
    assert VideoRequest(**EVERYTHING).body(MODEL) == {"model": MODEL, **EVERYTHING}


def test_the_prompt_is_sent_as_it_was_written() -> None:
    prompt = '  Two  spaces,\n\ta tab, "quotes" and 灯台 👩‍👩‍👧  '
    assert VideoRequest(prompt=prompt).body(MODEL)["prompt"] == prompt


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", " \n\t"),
        ("prompt", "a\0b"),
        ("prompt", "a\ud800b"),
        ("prompt", "x" * (PROMPT_CHARACTERS + 1)),
        ("prompt", None),
        ("prompt", 3),
        ("aspect_ratio", "1:1"),
        ("duration", 5),
        ("duration", 8.5),
        ("duration", "eight"),
        ("duration", True),
        ("resolution", "4K"),
        ("negative_prompt", ""),
        ("negative_prompt", "a\0b"),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.5),
        ("provider", "fal"),
    ],
)
def test_what_the_api_would_not_take_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        VideoRequest.model_validate({"prompt": "A lighthouse", field: value})


def test_a_duration_written_as_text_is_taken_and_sent_as_a_number() -> None:
    request = VideoRequest.model_validate({"prompt": "x", "duration": "8"})
    assert request.body(MODEL)["duration"] == 8


def test_spelled_out_defaults_order_the_same_video() -> None:
    spelled = a_request(
        aspect_ratio="16:9", duration=8, resolution="1080p", enhance_prompt=True, generate_audio=True, auto_fix=True
    )
    assert spelled.fingerprint(MODEL, "me") == a_request().fingerprint(MODEL, "me")


@pytest.mark.parametrize("field", [field for field in EVERYTHING if field != "prompt"])
def test_every_other_value_orders_another_video(field: str) -> None:
    changed = a_request(**{field: EVERYTHING[field]})
    assert changed.fingerprint(MODEL, "me") != a_request().fingerprint(MODEL, "me")


def test_model_account_and_prompt_order_another_video_but_spacing_does_not() -> None:
    request = a_request("A lighthouse")
    prints = {
        request.fingerprint(MODEL, "me"),
        request.fingerprint("google/veo-3.1-t2v", "me"),
        request.fingerprint(MODEL, "you"),
        a_request("A lighthouse.").fingerprint(MODEL, "me"),
        a_request("a lighthouse").fingerprint(MODEL, "me"),
    }
    assert len(prints) == 5
    assert a_request(" A\n lighthouse ").fingerprint(MODEL, "me") in prints


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("queued", "queued"), ("waiting", "queued"), ("pending", "queued"), ("generating", "running"),
        ("active", "running"), ("processing", "running"), ("in_progress", "running"), ("completed", "succeeded"),
        ("complete", "succeeded"), ("succeeded", "succeeded"), ("error", "failed"), ("failed", "failed"),
        ("cancelled", "failed"), ("canceled", "failed"), ("expired", "failed"), ("timeout", "failed"),
        ("postprocessing", "odd"), ("unknown", "odd"), ("", "odd"), ("COMPLETED", "succeeded"), (" Queued ", "queued"),
    ],
)  # fmt: skip
def test_every_status_word_is_read(word: str, outcome: str) -> None:
    assert read_generation({"id": "x", "status": word}).outcome == outcome


@pytest.mark.parametrize("word", ["queued", "generating", "unknown", "postprocessing"])
def test_an_error_object_is_a_failure_whatever_the_word(word: str) -> None:
    assert read_generation({"id": "", "status": word, "error": {"name": "Gone"}}).outcome == "failed"


@pytest.mark.parametrize("error", [None, {}, [], ""])
def test_an_empty_error_is_none(error: object) -> None:
    assert read_generation({"status": "generating", "error": error}).outcome == "running"


@pytest.mark.parametrize("status", [None, 7, ["queued"], {"a": 1}])
def test_a_status_that_is_no_word_is_odd_or_a_number(status: object) -> None:
    assert read_generation({"id": "x", "status": status}).outcome == "odd"


@pytest.mark.parametrize(
    ("video", "url"),
    [
        ({"url": "https://x/a"}, "https://x/a"),
        ({"url": "https://x/a", "content_type": "video/mp4", "file_size": 3, "duration": 8}, "https://x/a"),
        ([{"url": "https://x/a"}, {"url": "https://x/b"}], "https://x/a"),
        (["https://x/a"], "https://x/a"),
        ("https://x/a", "https://x/a"),
        ([{}, {"url": "https://x/b"}], "https://x/b"),
        ({}, None),
        ({"url": None}, None),
        ({"url": ""}, None),
        ({"url": 7}, None),
        ([], None),
        (None, None),
        (7, None),
    ],
)
def test_a_video_is_an_object_a_list_or_a_string(video: object, url: str | None) -> None:
    assert read_generation({"id": "x", "status": "completed", "video": video}).url == url


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        ({"name": "Policy", "message": "No."}, "Policy", "No."),
        ({"code": "policy", "message": "No."}, "policy", "No."),
        ({"detail": [{"loc": ["body"], "msg": "No.", "type": "policy"}]}, "", "No."),
        ({"detail": "No."}, "", "No."),
        ([{"msg": "No."}, {"msg": "Never."}], "", "No.; Never."),
        (["No."], "", "No."),
        ("No.", "", "No."),
        ({"message": None}, "", ""),
        (7, "", ""),
    ],
)
def test_errors_come_in_every_shape(error: object, name: str, message: str) -> None:
    read = read_generation({"status": "error", "error": error})
    assert (read.outcome, read.error_name, read.error_message) == ("failed", name, message)


@pytest.mark.parametrize(
    ("body", "generation_id"),
    [
        ({"id": "a"}, "a"),
        ({"generation_id": "b"}, "b"),
        ({"id": "", "generation_id": "b"}, "b"),
        ({"id": 12}, "12"),
        ({"id": None}, ""),
        ({"id": "half \ud83d"}, ""),
        ({"id": "a\0", "generation_id": "b"}, "b"),
        ({}, ""),
    ],
)
def test_the_id_has_two_names(body: dict[str, object], generation_id: str) -> None:
    assert read_generation(body).id == generation_id


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"usd_spent": 0.52, "credits_used": 2_000_000}, 0.52),
        ({"credits_used": 1_040_000}, 0.52),
        ({"tokens_used": 1_040_000}, 0.52),
        ({"usd_spent": 0}, None),
        ({"usd_spent": None, "credits_used": 1_040_000}, 0.52),
        ({"usd_spent": "0.52"}, None),
        ({"usd_spent": -1}, None),
        ({"usd_spent": True}, None),
        ({"usd_spent": float("nan")}, None),
        ({"usd_spent": float("inf")}, None),
        ({"credits_used": 10**400}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_is_read_in_dollars(usage: object, usd: float | None) -> None:
    assert read_generation({"id": "x", "meta": {"usage": usage}}).cost_usd == usd


@pytest.mark.parametrize("body", [None, [], "queued", 3, True])
def test_what_is_no_object_is_no_answer(body: object) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        read_generation(body)


def test_what_no_database_terminal_or_utf8_takes_is_replaced_in_upstreams_words() -> None:
    read = read_generation({
        "status": "odd\0", "video": "https://x/\ud800.mp4", "error": {"name": "\x1b[31m", "message": "cut \ud83d"}
    })  # fmt: skip
    assert (read.word, read.url) == ("odd\ufffd", "https://x/\ufffd.mp4")
    assert (read.error_name, read.error_message) == ("", "cut \ufffd")
    assert read_generation({"error": "\ud83d"}).error_message == "\ufffd"
