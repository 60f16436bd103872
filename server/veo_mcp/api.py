"""The wire: what is asked of the API and what it answers (AI/ML API, `POST` and `GET /v2/video/generations`).

Requests hold only what the caller set. Answers are read leniently, because the contract has moved three times in its
first year: any status word, `video` as an object, a list or a string, errors as an object, a list or a string.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from veo_mcp.quoting import identifier, printable

CREDITS_PER_USD = 2_000_000
"""AI/ML API's docs: $1 = 2,000,000 credits; the older key `tokens_used` is the same unit."""

MOST_USD = 100.0
"""A figure above this is no price of one video, but a mistake, and so is 0; the estimate is used in its place."""

ID_CHARACTERS = 2_000
"""Postgres keeps no longer text in an index."""

PROMPT_CHARACTERS = 20_000
"""No limit is documented; Google's own is 1,024 tokens. This one only keeps accidents out of the ledger."""


def _usable_text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode text without lone surrogates") from error
    return text


def _number_in_text(value: object) -> object:
    """Take "8" for 8, as models write it now and then."""
    return int(value) if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() else value


Text = Annotated[str, AfterValidator(_usable_text)]
Prompt = Annotated[
    Text,
    Field(
        max_length=PROMPT_CHARACTERS,
        description="Shot, subject, one main action, setting, style, sound; speech in quotation marks",
    ),
]
AspectRatio = Annotated[Literal["16:9", "9:16"], Field(description="Default 16:9")]
Duration = Annotated[Literal[4, 6, 8], BeforeValidator(_number_in_text), Field(description="Seconds, default 8")]
Resolution = Annotated[Literal["720p", "1080p"], Field(description="Default 1080p")]
NegativePrompt = Annotated[Text, Field(max_length=PROMPT_CHARACTERS, description='Things to avoid: "wall, frame"')]
EnhancePrompt = Annotated[bool, Field(description="AI rewrites the prompt; default true")]
GenerateAudio = Annotated[bool, Field(description="With sound; default true")]
Seed = Annotated[int, Field(ge=0, le=4_294_967_295, description="Repeatable results")]
AutoFix = Annotated[bool, Field(description="Rewrite what content policy refuses; default true")]


class VideoRequest(BaseModel):
    """What the caller asked for. None = not set, not sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt
    aspect_ratio: AspectRatio | None = None
    duration: Duration | None = None
    resolution: Resolution | None = None
    negative_prompt: NegativePrompt | None = None
    enhance_prompt: EnhancePrompt | None = None
    generate_audio: GenerateAudio | None = None
    seed: Seed | None = None
    auto_fix: AutoFix | None = None

    @property
    def seconds(self) -> int:
        return self.duration or 8

    @property
    def with_audio(self) -> bool:
        return self.generate_audio is not False

    def body(self, model: str) -> dict[str, Any]:
        """Return the POST body: the model and what was set."""
        return {"model": model, **self.model_dump(exclude_none=True)}

    def fingerprint(self, model: str, account: str) -> str:
        """Return the same text for requests that order the same video from the same account.

        A default that is spelled out orders the same as one that is left out.
        """
        orders = {**_DEFAULTS, **self.body(model), "prompt": " ".join(self.prompt.split()), "account": account}
        return hashlib.sha256(json.dumps(orders, sort_keys=True).encode()).hexdigest()


_DEFAULTS: dict[str, Any] = {
    "aspect_ratio": "16:9",
    "duration": 8,
    "resolution": "1080p",
    "enhance_prompt": True,
    "generate_audio": True,
    "auto_fix": True,
}

SUCCESS_WORDS = frozenset({"completed", "complete", "succeeded"})
FAILURE_WORDS = frozenset({"error", "failed", "cancelled", "canceled", "expired", "timeout"})
QUEUED_WORDS = frozenset({"queued", "waiting", "pending"})
RUNNING_WORDS = frozenset({"generating", "active", "processing", "in_progress"})

Outcome = Literal["queued", "running", "odd", "succeeded", "failed"]


class Generation(BaseModel):
    """One answer about a generation, ours to reason about."""

    model_config = ConfigDict(frozen=True)

    id: str = ""
    word: str = Field("", description="upstream's own status word")
    outcome: Outcome = "odd"
    url: str | None = None
    error_name: str = ""
    error_message: str = ""
    cost_usd: float | None = None


def read_generation(body: object) -> Generation:
    """Read an answer of either endpoint.

    Raises:
        ValueError: it is not a JSON object at all.
    """
    if not isinstance(body, Mapping):
        raise ValueError("not a JSON object")  # noqa: TRY004  the caller treats every unreadable answer alike
    answer = cast("Mapping[str, Any]", body)
    word = _text(answer.get("status")).strip()
    error = answer.get("error")
    name, message = _error(error)
    return Generation(
        id=_id(answer.get("id")) or _id(answer.get("generation_id")),
        word=word,
        outcome=_outcome(word.lower(), has_error=bool(error)),
        url=_url(answer.get("video")),
        error_name=name,
        error_message=message,
        cost_usd=_cost(answer.get("meta")),
    )


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _id(value: object) -> str:
    """Return an id that can be stored and asked for, or nothing."""
    text = _text(value)
    return text if text == str(value) and text.strip() and len(text) <= ID_CHARACTERS else ""


def _outcome(word: str, *, has_error: bool) -> Outcome:
    if word in SUCCESS_WORDS:
        return "succeeded"
    if word in FAILURE_WORDS or has_error:
        return "failed"
    if word in QUEUED_WORDS:
        return "queued"
    return "running" if word in RUNNING_WORDS else "odd"


def _url(video: object) -> str | None:
    if isinstance(video, str):
        return printable(video) or None
    if isinstance(video, Mapping):
        return _url(cast("Mapping[str, Any]", video).get("url"))
    if isinstance(video, Sequence):
        return next((url for item in cast("Sequence[object]", video) if (url := _url(item))), None)
    return None


def _error(error: object) -> tuple[str, str]:
    """Return name and message of `{name,message}`, `{detail:[{loc,msg,type}]}`, a list of either, or a string."""
    if isinstance(error, str):
        return "", printable(error)
    if isinstance(error, Mapping):
        found = cast("Mapping[str, Any]", error)
        if detail := found.get("detail"):
            return _name(found, "name"), _error(detail)[1]
        message = _text(found.get("message")) or _text(found.get("msg"))
        return _name(found, "name", "code", "type"), message
    if isinstance(error, Sequence):
        parts = [_error(item)[1] for item in cast("Sequence[object]", error)]
        return "", "; ".join(part for part in parts if part)
    return "", ""


def _name(error: Mapping[str, Any], *keys: str) -> str:
    """Return the first of these that is a short identifier: the name stands outside of quotation marks."""
    return next((name for key in keys if (name := identifier(_text(error.get(key))))), "")


def _cost(meta: object) -> float | None:
    usage = cast("Mapping[str, Any]", meta).get("usage") if isinstance(meta, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    figures = cast("Mapping[str, Any]", usage)
    credit = _number(figures.get("credits_used"))
    credit = _number(figures.get("tokens_used")) if credit is None else credit
    spent = _number(figures.get("usd_spent"))
    usd = round(credit / CREDITS_PER_USD, 6) if spent is None and credit is not None else spent
    return usd if usd is not None and 0 < usd <= MOST_USD else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e15 else None
