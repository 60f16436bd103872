from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from veo_mcp.refusals import SHOWN_CHARACTERS, explain


class Order(BaseModel):
    size: Literal["small", "big"]
    number: Annotated[int, Field(ge=1, le=9)] = 1
    share: float = 0
    loud: bool = False
    name: Annotated[str, Field(max_length=5)] = ""
    one: Literal[1] = 1
    places: list[int] = []


def refusal(**arguments: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Order.model_validate(arguments)
    return explain(caught.value, Order.model_json_schema())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "size is required."),
        ({"size": "huge"}, "size must be one of small, big, not 'huge'."),
        ({"size": "big", "number": 0}, "number must be a whole number from 1 to 9, not 0."),
        ({"size": "big", "number": "x"}, "number must be a whole number from 1 to 9, not 'x'."),
        ({"size": "big", "share": "x"}, "share must be a number, not 'x'."),
        ({"size": "big", "loud": "x"}, "loud must be true or false, not 'x'."),
        ({"size": "big", "name": "longer"}, "name must be text of 1 to 5 characters, not 'longer'."),
        ({"size": "big", "one": 2}, "one must be 1, not 2."),
        ({"size": "big", "places": "x"}, "places must be of another type, not 'x'."),
    ],
)
def test_a_refusal_names_what_is_allowed_and_what_came(arguments: dict[str, Any], sentence: str) -> None:
    assert refusal(**arguments) == sentence


def test_each_argument_is_refused_once_in_the_order_in_which_they_stand() -> None:
    assert refusal(number=0, places=["a", "b", "c"]).count(" must be ") == 2
    assert refusal(number=0).startswith("size is required. number must be")


def test_long_values_are_shown_in_part() -> None:
    text = refusal(size="x" * 10_000)
    assert len(text) < 200
    assert "x" * (SHOWN_CHARACTERS - 1) + "… (10000 characters)" in text
