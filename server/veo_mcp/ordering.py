"""From a tool call's arguments to an order that may be placed: checked, and confirmed where the person wants that."""

from collections.abc import Mapping
from typing import Annotated

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from pydantic import BaseModel, Field

from veo_mcp.api import (
    AspectRatio,
    AutoFix,
    Duration,
    EnhancePrompt,
    GenerateAudio,
    NegativePrompt,
    Prompt,
    Resolution,
    Seed,
    VideoRequest,
)
from veo_mcp.errors import NotConfirmed
from veo_mcp.quoting import quoted
from veo_mcp.studio import Studio

StudioContext = Context[Studio]


def studio_of(ctx: StudioContext) -> Studio:
    return ctx.request_context.lifespan_context


def caller_of(headers: Mapping[str, str] | None) -> str | None:
    """Return the session that calls over HTTP; None where there is none, so that the process stands for its caller."""
    return (headers or {}).get("mcp-session-id")


async def ordered(
    prompt: Prompt,
    aspect_ratio: AspectRatio | None,
    duration: Duration | None,
    resolution: Resolution | None,
    negative_prompt: NegativePrompt | None,
    enhance_prompt: EnhancePrompt | None,
    generate_audio: GenerateAudio | None,
    seed: Seed | None,
    auto_fix: AutoFix | None,
) -> VideoRequest:
    """Put the arguments, which the SDK has checked one by one, into one request."""
    return VideoRequest(
        prompt=prompt,
        aspect_ratio=aspect_ratio,
        duration=duration,
        resolution=resolution,
        negative_prompt=negative_prompt,
        enhance_prompt=enhance_prompt,
        generate_audio=generate_audio,
        seed=seed,
        auto_fix=auto_fix,
    )


Ordered = Annotated[VideoRequest, Resolve(ordered)]


class Approval(BaseModel):
    approve: bool = Field(description="Order this video?")


class NotAsked(Approval):
    """Nobody was asked: the order costs little enough, or is handed back for free."""


async def confirm(ctx: StudioContext, request: Ordered, new_variant: bool) -> Approval | Elicit[Approval]:
    """Ask the person, where VEO_MCP_CONFIRM_ABOVE_USD says so and the order would really be paid.

    Raises:
        NotConfirmed: the client has no way to ask.
    """
    studio = studio_of(ctx)
    price = await studio.price_to_confirm(request, new_variant=new_variant)
    if price is None:
        return NotAsked(approve=True)
    sound = "with sound" if request.with_audio else "without sound"
    what = (
        f"{'An' if request.seconds == 8 else 'A'} {request.seconds} s video {sound} at {request.resolution or '1080p'}"
    )
    costs = "would cost" if studio.settings.backend == "sandbox" else "costs"
    if not _can_ask(ctx):
        raise NotConfirmed(
            f"Not ordered: {what[0].lower()}{what[1:]} {costs} about ${price:.2f}. VEO_MCP_CONFIRM_ABOVE_USD is"
            f" ${studio.settings.confirm_above_usd or 0:.2f}, and this client cannot ask the person. Nothing was sent"
            " or charged. Order a cheaper one (shorter, without sound), or tell the person to raise that setting."
        )
    return Elicit(f"{what} {costs} about ${price:.2f}. Order it?", Approval)


def _can_ask(ctx: StudioContext) -> bool:
    """Say whether the client shows forms; one that names neither forms nor links means forms."""
    asks = ctx.client_capabilities.elicitation if ctx.client_capabilities else None
    return asks is not None and (asks.form is not None or asks.url is None)


def unanswered(said: str) -> str:
    """Say that the client could not bring an answer to the question, in its own words."""
    return (
        "Not ordered: the person was to be asked about the price, but this client brought no answer"
        f" ({quoted(said)}). Nothing was sent or charged. Ask in the chat; the person can raise"
        " VEO_MCP_CONFIRM_ABOVE_USD."
    )


Confirmation = ElicitationResult[Approval]
Confirmed = Annotated[Confirmation, Resolve(confirm)]


def is_approved(confirmed: Confirmation) -> bool:
    """Say whether the person was asked and said yes. Raises NotConfirmed where they did not say yes."""
    if not isinstance(confirmed, AcceptedElicitation) or not confirmed.data.approve:
        raise NotConfirmed("Not ordered: the person declined. Nothing was sent or charged. Ask what to change.")
    return not isinstance(confirmed.data, NotAsked)
