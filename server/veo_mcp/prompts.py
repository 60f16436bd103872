"""Prompts for people to pick in their chat: an idea to direct, a script to break down into shots."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

from mcp import MCPError
from mcp.server import MCPServer
from mcp.types import INVALID_PARAMS, Completion, CompletionArgument, Prompt, PromptReference
from pydantic import Field

from veo_mcp.api import AspectRatio, Duration
from veo_mcp.studio import Studio


def _allowed(argument: Any) -> tuple[str, ...]:
    """Return the values of an `Annotated[Literal[…]]` as a person types them."""
    return tuple(str(value) for value in get_args(get_args(argument)[0]))


STYLES = (
    "cinematic, shallow depth of field, warm grade",
    "documentary, handheld, natural light",
    "film noir, high contrast, black and white",
    "1970s 16 mm film, soft grain",
    "hand-drawn 2D animation, watercolour",
    "stop motion, felt and clay",
    "3D animation, soft studio light",
    "product film, clean background, macro",
    "drone aerial, golden hour",
    "security camera, fixed wide angle",
)
CHOICES = {
    "style": STYLES,
    "aspect_ratio": _allowed(AspectRatio),
    "duration": _allowed(Duration),
    "shots": tuple(str(count) for count in range(2, 9)),
}

CRAFT = """\
How to write for Veo 3.1:
- One paragraph of 50 to 150 words in English, in this order: the shot (framing, angle, camera movement), the subject \
(who or what, in visible detail), one main action, the context (place, time, weather), the style and light.
- Concrete words for what can be seen and heard. No feelings without a face, no metaphors, no text to be read on screen.
- Sound, at the end: speech in quotation marks with who says it and how (An old sailor mutters: "Storm's coming."), \
effects as "SFX: gulls, a rope creaking", ambience as a sentence. Speech must fit: about two words per second.
- What must not appear goes into negative_prompt as bare names ("wall, frame"), never as "no …" in the prompt."""

Style = Annotated[str, Field(description="Look, e.g. documentary, handheld")]
Ratio = Annotated[str, Field(description="16:9 or 9:16")]
Seconds = Annotated[str, Field(description="4, 6 or 8")]


def add_prompts(server: MCPServer[Studio]) -> None:
    """Put the two prompts on the server."""
    server.prompt(title="Direct a video", description="Turn an idea into a Veo prompt and make the video")(direct_video)
    server.prompt(title="Storyboard", description="Break a script down into shots that match, then make them")(
        storyboard
    )


def check(prompts: Sequence[Prompt], name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse what the SDK would answer with an internal error.

    Raises:
        MCPError: there is no such prompt, an argument is missing, or one is not the prompt's.
    """
    prompt = next((prompt for prompt in prompts if prompt.name == name), None)
    if prompt is None:
        raise MCPError(INVALID_PARAMS, f"There is no prompt {name!r}. There are: {', '.join(p.name for p in prompts)}.")
    takes = {argument.name: bool(argument.required) for argument in prompt.arguments or []}
    wrong = [f"{key} is missing" for key, required in takes.items() if required and key not in arguments]
    wrong += [f"there is no argument {key!r}" for key in arguments if key not in takes]
    if wrong:
        raise MCPError(INVALID_PARAMS, f"{name}: {'; '.join(wrong)}. It takes: {', '.join(takes)}.")


def direct_video(
    idea: Annotated[str, Field(description="What the video is about, in any words and language")],
    style: Style = "",
    aspect_ratio: Ratio = "",
    duration: Seconds = "",
) -> str:
    _check("aspect_ratio", aspect_ratio)
    _check("duration", duration)
    arguments = [f'aspect_ratio="{aspect_ratio}"' if aspect_ratio else "", f"duration={duration}" if duration else ""]
    call = ", ".join(part for part in ["prompt", *arguments] if part)
    look = f"\nStyle: {style}" if style else ""
    return f"""\
Direct one short video for me.

Idea: {idea}{look}

{CRAFT}

Show me the prompt in one block, then call generate_and_wait({call}) once; it costs money, so not again by yourself. \
If the wait ends first, do what next_step says. Finish with the file's path, and offer one change that would improve \
the video most."""


def storyboard(
    script: Annotated[str, Field(description="The script, story or spoken text")],
    shots: Annotated[str, Field(description="How many shots, 2 to 8")] = "",
) -> str:
    _check("shots", shots)
    count = f"exactly {shots}" if shots else "as few as tell it, 2 to 8"
    return f"""\
Break this script down into shots and make each one a video.

Script:
{script}

1. Write a sheet of fixed wordings first: every person, place, prop, the light and the style, each in one phrase. Each \
video is made without knowledge of the others, so only the same words, repeated letter for letter in every prompt, \
keep them alike.
2. Plan the shots: {count}. Each has one main action, 4, 6 or 8 seconds, one aspect_ratio for all, and ends where the \
next can begin.
3. Write one prompt per shot.

{CRAFT}

Show me the sheet and a table of the shots (number, seconds, prompt), and wait for my yes: every shot costs money. \
Then call create_video for each, and get_video_status with wait_seconds=50 until all are completed. Look at each with \
view_video, say which do not match, and list the paths in order."""


def _check(name: str, value: str) -> None:
    if value and value not in CHOICES[name]:
        raise MCPError(INVALID_PARAMS, f"{name} must be one of {', '.join(CHOICES[name])}.")


def complete(ref: PromptReference, argument: CompletionArgument) -> Completion | None:
    """Offer the values that begin like the argument."""
    if ref.name not in ("direct_video", "storyboard"):
        return None
    typed = argument.value.lower()
    return Completion(values=[value for value in CHOICES.get(argument.name, ()) if value.lower().startswith(typed)])
