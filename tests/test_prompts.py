from typing import get_args

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, Prompt, PromptArgument, PromptReference, TextContent

from studios import MODES, Mode, Place
from veo_mcp import prompts
from veo_mcp.api import VideoRequest


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


async def text(client: Client, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, TextContent)
    assert message.role == "user"
    return message.content.text


async def test_the_two_prompts_are_listed_with_their_arguments(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        listed = (await client.list_prompts()).prompts
    assert listed == [
        Prompt(
            name="direct_video",
            title="Direct a video",
            description="Turn an idea into a Veo prompt and make the video",
            arguments=[
                PromptArgument(
                    name="idea", description="What the video is about, in any words and language", required=True
                ),
                PromptArgument(name="style", description="Look, e.g. documentary, handheld", required=False),
                PromptArgument(name="aspect_ratio", description="16:9 or 9:16", required=False),
                PromptArgument(name="duration", description="4, 6 or 8", required=False),
            ],
        ),
        Prompt(
            name="storyboard",
            title="Storyboard",
            description="Break a script down into shots that match, then make them",
            arguments=[
                PromptArgument(name="script", description="The script, story or spoken text", required=True),
                PromptArgument(name="shots", description="How many shots, 2 to 8", required=False),
            ],
        ),
    ]


async def test_directing_teaches_the_craft_and_names_the_call(place: Place, mode: Mode) -> None:
    arguments = {"idea": "ein Hund am Meer", "style": "film noir", "aspect_ratio": "9:16", "duration": "6"}
    async with place.connect(mode) as client:
        full = await text(client, "direct_video", arguments)
        bare = await text(client, "direct_video", {"idea": "a dog"})
    assert "Idea: ein Hund am Meer\nStyle: film noir\n" in full
    assert 'generate_and_wait(prompt, aspect_ratio="9:16", duration=6) once' in full
    assert "Idea: a dog\n\n" in bare
    assert "generate_and_wait(prompt) once" in bare
    for word in ("shot", "subject", "action", "context", "style", "Sound", "negative_prompt"):
        assert word in bare


async def test_a_storyboard_keeps_its_wording_and_waits_for_a_yes(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        counted = await text(client, "storyboard", {"script": "A man waits.\nA train comes.", "shots": "3"})
        free = await text(client, "storyboard", {"script": "A man waits."})
    assert "Script:\nA man waits.\nA train comes.\n" in counted
    assert "exactly 3" in counted
    assert "as few as tell it" in free
    for words in ("letter for letter", "wait for my yes", "create_video", "view_video"):
        assert words in counted


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("direct_video", {}, "direct_video: idea is missing. It takes: idea, style, aspect_ratio, duration."),
        ("direct_video", {"idea": "x", "ratio": "1:1"}, "there is no argument 'ratio'"),
        ("direct_video", {"idea": "x", "aspect_ratio": "1:1"}, "aspect_ratio must be one of 16:9, 9:16."),
        ("direct_video", {"idea": "x", "duration": "5"}, "duration must be one of 4, 6, 8."),
        ("storyboard", {"script": "x", "shots": "many"}, "shots must be one of 2, 3, 4, 5, 6, 7, 8."),
        ("nothing", {}, "There is no prompt 'nothing'. There are: direct_video, storyboard."),
    ],
)
async def test_wrong_arguments_are_refused_with_what_is_allowed(
    place: Place, mode: Mode, name: str, arguments: dict[str, str], words: str
) -> None:
    async with place.connect(mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.get_prompt(name, arguments)
    assert refused.value.code == INVALID_PARAMS
    assert words in refused.value.message


async def test_arguments_with_few_values_are_completed(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:

        async def offered(name: str, argument: str, typed: str = "") -> list[str]:
            ref = PromptReference(type="ref/prompt", name=name)
            return (await client.complete(ref, {"name": argument, "value": typed})).completion.values

        assert await offered("direct_video", "aspect_ratio") == ["16:9", "9:16"]
        assert await offered("direct_video", "aspect_ratio", "9") == ["9:16"]
        assert await offered("direct_video", "duration") == ["4", "6", "8"]
        assert await offered("direct_video", "style", "Film") == ["film noir, high contrast, black and white"]
        assert await offered("direct_video", "style", "3d") == ["3D animation, soft studio light"]
        assert await offered("storyboard", "shots") == ["2", "3", "4", "5", "6", "7", "8"]
        assert await offered("direct_video", "idea", "a") == []
        assert await offered("nothing", "style") == []


@pytest.mark.parametrize("field", ["aspect_ratio", "duration"])
def test_what_is_offered_is_what_the_api_takes(field: str) -> None:
    annotation = VideoRequest.model_fields[field].annotation
    allowed = [str(value) for part in get_args(annotation) for value in _literals(part)]
    assert list(prompts.CHOICES[field]) == allowed


def _literals(part: object) -> tuple[object, ...]:
    inner = get_args(part)
    return get_args(inner[0]) if inner and get_args(inner[0]) else inner
