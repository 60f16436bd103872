"""What the two generations of the endpoint take, and how they word what they refuse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

MODELS = ("google/veo-3.1-t2v-fast", "google/veo-3.1-t2v")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that passed validation, with upstream's defaults filled in."""

    model: str
    prompt: str
    aspect_ratio: str = "16:9"
    duration: int = 8
    resolution: str = "1080p"
    negative_prompt: str | None = None
    generate_audio: bool = True
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    kind: Literal["string", "integer", "boolean"]
    allowed: tuple[str | int, ...] = ()
    required: bool = False
    any_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    fields: Mapping[str, Field]
    strict: bool
    """Refuse keys that it does not know, rather than drop them."""
    default_resolution: str


_COMMON = {
    "model": Field(kind="string", allowed=MODELS, required=True),
    "prompt": Field(kind="string", required=True),
    "aspect_ratio": Field(kind="string", allowed=("16:9", "9:16")),
    "duration": Field(kind="integer", allowed=(4, 6, 8)),
    "generate_audio": Field(kind="boolean"),
}
SCHEMA_C = Schema(
    fields=_COMMON
    | {
        "resolution": Field(kind="string", allowed=("720p", "1080p")),
        "negative_prompt": Field(kind="string"),
        "enhance_prompt": Field(kind="boolean"),
        "seed": Field(kind="integer"),
        "auto_fix": Field(kind="boolean"),
        "provider": Field(kind="string", allowed=("auto", "google", "fal"), any_case=True),
    },
    strict=False,
    default_resolution="1080p",
)
SCHEMA_D = Schema(
    fields=_COMMON
    | {
        "resolution": Field(kind="string", allowed=("720P", "1080P", "4K")),
        "image_url": Field(kind="string"),
        "last_image_url": Field(kind="string"),
        "video_url": Field(kind="string"),
        "person_generation": Field(kind="string"),
    },
    strict=True,
    default_resolution="720P",
)


_TYPE_NAMES = {
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "str": "string",
    "list": "array",
    "dict": "object",
}


class InvalidBodyError(Exception):
    def __init__(self, issues: list[str]) -> None:
        super().__init__("; ".join(issues))
        self.issues = issues


def read_order(body: object, schema: Schema) -> Order:
    """Check a decoded body; raise InvalidBodyError with one line per field."""
    if not isinstance(body, dict):
        raise InvalidBodyError([f"Expected object, received {_type_name(body)}"])
    values = cast("dict[str, Any]", body)
    issues = [f"{name}: {issue}" for name, field in schema.fields.items() if (issue := _issue(field, name, values))]
    unknown = [name for name in values if name not in schema.fields]
    if schema.strict and unknown:
        issues.append("Unrecognized key(s) in object: " + ", ".join(f"'{name}'" for name in unknown))
    if issues:
        raise InvalidBodyError(issues)
    filled: dict[str, Any] = {"resolution": schema.default_resolution} | values
    return Order(**{name: value for name, value in filled.items() if name in Order.__dataclass_fields__})


def _issue(field: Field, name: str, values: dict[str, Any]) -> str | None:
    if name not in values:
        return "Required" if field.required else None
    value = values[name]
    if (found := _type_name(value)) != field.kind:
        return f"Expected {field.kind}, received {found}"
    if field.required and value == "":
        return "String must contain at least 1 character(s)"
    compared = value.lower() if field.any_case else value
    if field.allowed and compared not in field.allowed:
        expected = " | ".join(map(_quoted, field.allowed))
        return f"Invalid enum value. Expected {expected}, received {_quoted(value)}"
    return None


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value).__name__, "null")


def _quoted(value: str | int) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
