from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from veo_mcp.schemas import of_arguments, of_results, outline


class Inner(BaseModel):
    """A description of a model, which costs and says nothing."""

    title: str
    kind: Literal["a", "b"] | None = None


class Outer(BaseModel):
    """Another."""

    required: str
    optional: Annotated[int, Field(ge=0, description="A number")] | None = None
    choice: Literal["x", "y"] | None = None
    inner: Inner | None = None
    many: list[Inner] = []
    either: int | str = 0
    flag: bool = False


SCHEMA: dict[str, Any] = TypeAdapter(Outer).json_schema()


def test_arguments_are_said_without_titles_references_and_null() -> None:
    inner = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "kind": {"enum": ["a", "b"], "type": "string"}},
        "required": ["title"],
    }
    assert of_arguments(SCHEMA) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["required"],
        "properties": {
            "required": {"type": "string"},
            "optional": {"type": "integer", "minimum": 0, "description": "A number"},
            "choice": {"enum": ["x", "y"], "type": "string"},
            "inner": inner,
            "many": {"type": "array", "items": inner, "default": []},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 0},
            "flag": {"type": "boolean", "default": False},
        },
    }


def test_results_say_null_and_not_what_is_required() -> None:
    properties = of_results(SCHEMA)["properties"]
    assert "required" not in of_results(SCHEMA)
    assert properties["optional"]["type"] == ["integer", "null"]
    assert properties["choice"] == {"enum": ["x", "y", None], "type": ["string", "null"]}
    assert properties["inner"]["type"] == ["object", "null"]


def test_a_field_that_is_called_title_stays() -> None:
    assert "title" in of_results(SCHEMA)["properties"]["inner"]["properties"]


def test_an_outline_holds_names_and_types_only() -> None:
    class Small(BaseModel):
        name: str
        size: Annotated[int, Field(ge=1, description="Bytes")] | None

    assert outline(Small.model_json_schema()) == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": {"type": ["integer", "null"]}},
    }


def test_the_given_schema_is_not_changed() -> None:
    before = TypeAdapter(Outer).json_schema()
    of_arguments(before)
    of_results(before)
    assert before == SCHEMA
