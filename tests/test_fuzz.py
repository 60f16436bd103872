"""Whatever a client sends as arguments, the answer is words that help, nothing is paid by accident, and nobody dies."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raw_http import Raw, raw
from studios import MODES, Mode, Place
from veo_mcp import apps
from veo_mcp.tools import all_tools

TOOLS: dict[str, dict[str, Any]] = {tool.name: tool.parameters for tool in all_tools(apps.PLAYER_META)}
CRUFT = ("pydantic", "Traceback", "validation error", "Error executing", "input_value", "failed inside", 'File "')

NOT_MINDED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)

any_text = st.text(st.characters(exclude_categories=()), max_size=40)
awkward = st.sampled_from(
    [
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "x" * 1_000_000,
        "9" * 5_000,
        "null",
        "[1]",
        '{"a": 1}',
        "../../etc/passwd",
        "NaN",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**63, -1])
    | st.floats()
    | any_text
    | awkward
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=8
)


def allowed(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "number":
            return st.floats(schema["minimum"], min(schema["maximum"], 1))
        case _:
            return st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a tool, and for each of its arguments something allowed, something else, or nothing."""
    name = draw(st.sampled_from(sorted(TOOLS)))
    schema = TOOLS[name]
    arguments: dict[str, Any] = {}
    for argument, wanted in schema["properties"].items():
        if argument in schema.get("required", []) or draw(st.booleans()):
            arguments[argument] = draw(allowed(wanted) if draw(st.integers(0, 3)) else junk)
    for argument in draw(st.lists(any_text, max_size=1)) if draw(st.integers(0, 5)) == 0 else []:
        arguments[argument] = draw(junk)
    return {"name": name, "arguments": arguments}


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=NOT_MINDED, database=None
    )


async def speaks_plainly(client: Raw, place: Place, call: dict[str, Any]) -> dict[str, Any]:
    """Assert that the answer is fit to be read, and that what was refused was not paid for."""
    before = await orders(place)
    message = await client.ask("tools/call", call)
    if client.mode == "legacy" and "\\ud" in ascii(call):  # the SDK's parser takes no lone surrogates there
        assert message["error"]["code"] == -32700
        return {"isError": True, "content": [{"text": ascii(call)}]}
    assert "result" in message, message
    result = message["result"]
    text = "".join(block.get("text", "") for block in result["content"])
    assert text, result
    assert not any(cruft in text for cruft in CRUFT), text
    assert len(text) < 25_000, text[:4_000]
    if result.get("isError"):
        assert await orders(place) == before, text
    return result


async def orders(place: Place) -> int:
    """Return how many orders there are; a call may end before its order is sent. An adopted id is none."""
    assert place.studio is not None
    jobs = await place.studio.store.page([], 10_000, account=place.studio.settings.account)
    return sum(job.request is not None for job in jobs)


@pytest.mark.parametrize("mode", MODES)
@fuzzed(40)
@given(sent=st.lists(calls(), min_size=1, max_size=8))
async def test_arguments_of_any_kind_are_answered_in_words(
    sent: list[dict[str, Any]], mode: Mode, place: Place
) -> None:
    async with raw(place.server(), mode) as client:
        for call in sent:
            await speaks_plainly(client, place, call)
        assert len((await client.ask("tools/list", {}))["result"]["tools"]) == len(TOOLS)


@pytest.mark.parametrize("mode", MODES)
@fuzzed(30)
@given(wrong=junk.filter(lambda value: not isinstance(value, str) and value is not None))
async def test_wrong_types_are_refused_and_never_paid(wrong: Any, mode: Mode, place: Place) -> None:
    async with raw(place.server(), mode) as client:
        for tool in ("create_video", "generate_and_wait"):
            result = await speaks_plainly(client, place, {"name": tool, "arguments": {"prompt": wrong}})
            assert result["isError"]
    assert place.upstream.posts == []


WRONG: list[tuple[str, Any]] = [
    *[("prompt", text) for text in ("", " \n", "\0", "a\0b", "\ud800", "a\udfff", "x" * 1_000_000)],
    *[("negative_prompt", text) for text in ("\0", "\ud800", "x" * 1_000_000)],
    *[
        ("duration", value)
        for value in (5, 8.5, -8, 10**400, "8s", float("nan"), float("inf"), [8], {"seconds": 8}, True)
    ],
    *[("seed", value) for value in (-1, 2**32, 10**400, 1.5, float("nan"), float("-inf"), "x")],
    *[("aspect_ratio", value) for value in ("1:1", "16x9", 16 / 9, ["16:9"])],
    *[("resolution", value) for value in ("4k", "1080P ", 1080)],
    *[("generate_audio", value) for value in ("maybe", 2, 0.5, [0], "yes please")],
    *[("new_variant", value) for value in ("perhaps", 7, {"a": 1})],
    ("sedd", 1),
    ("", 1),
    ("model", "google/veo-3.1-t2v"),
    ("x" * 100_000, 1),
]


@pytest.mark.parametrize("mode", MODES)
async def test_values_off_the_list_are_refused_by_name_and_never_paid(mode: Mode, place: Place) -> None:
    async with raw(place.server(), mode) as client:
        for name, value in WRONG:
            arguments = {"prompt": "A lighthouse"} | {name: value}
            result = await speaks_plainly(client, place, {"name": "create_video", "arguments": arguments})
            assert result["isError"], (name, value)
            assert name[:60] in result["content"][0]["text"]
    assert place.upstream.seen == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "arguments",
    [
        '{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"prompt": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}",
        "[",
    ],
    ids=["lists", "objects", "cut off"],
)
async def test_nesting_beyond_measure_is_refused_and_kills_nobody(arguments: str, mode: Mode, place: Place) -> None:
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_video"}})
    body = call.replace('"create_video"', f'"create_video", "arguments": {arguments}')
    async with raw(place.server(), mode) as client:
        response = await client.post(body, {"Mcp-Method": "tools/call", "Mcp-Name": "create_video"})
        assert response.status_code == 400
        assert (await client.ask("tools/list", {}))["result"]["tools"]
    assert place.upstream.seen == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_tool_that_does_not_exist_is_answered_with_those_that_do(mode: Mode, place: Place) -> None:
    async with raw(place.server(), mode) as client:
        message = await client.ask("tools/call", {"name": "make_video", "arguments": {"prompt": "A lighthouse"}})
    text = message["result"]["content"][0]["text"]
    assert message["result"]["isError"]
    assert all(tool in text for tool in TOOLS)
