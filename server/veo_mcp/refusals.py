"""Argument errors in words that name what is allowed."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

SHOWN_CHARACTERS = 60


def explain(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """Return a sentence for each argument that was refused: what is allowed, and what came instead."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    names = list(dict.fromkeys(str(found["loc"][0]) for found in error.errors() if found["loc"]))
    first = {str(found["loc"][0]): found for found in reversed(error.errors()) if found["loc"]}
    return " ".join(_sentence(name, first[name], properties.get(name, {})) for name in names)


def _sentence(name: str, found: ErrorDetails, allowed: Mapping[str, Any]) -> str:
    if found["type"] == "missing":
        return f"{name} is required."
    if found["type"] == "value_error":
        return f"{name} {found['msg'].removeprefix('Value error, ')}."
    return f"{name} must be {_allowed(allowed)}, not {_shown(found['input'])}."


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    words = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
    text = words.get(str(schema.get("type")), "of another type")
    if "minimum" in schema and "maximum" in schema:
        text += f" from {schema['minimum']} to {schema['maximum']}"
    if "maxLength" in schema:
        text += f" of {schema.get('minLength', 1)} to {schema['maxLength']} characters"
    return text


def _shown(value: object) -> str:
    text = repr(value)
    length = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({length} characters)"
