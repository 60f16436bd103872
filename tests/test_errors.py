import inspect
import re

import pytest

from veo_mcp import errors
from veo_mcp.errors import QUOTE_CHARACTERS, ArtifactError, NotSent, Refused, UpstreamError, VeoError, quoted


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef123456 was refused",
        "bearer abcdef123456",
        "the key sk-abcdef123456 is wrong",
        "GET https://x.example/y?key=abcdef123456&z=1",
        "GET https://x.example/y?z=1&token=abcdef123456",
    ],
)
def test_what_looks_like_a_key_is_taken_out_of_upstreams_words(text: str) -> None:
    assert "abcdef123456" not in quoted(text)
    assert "[removed]" in quoted(text)


def test_upstreams_words_are_one_short_line() -> None:
    said = quoted("first\n\n  second\t" + "x" * 1000)
    assert said.startswith("first second x")
    assert len(said) == QUOTE_CHARACTERS
    assert said.endswith("…")
    assert UpstreamError("It failed.", said="a\nb").said == "a b"
    assert quoted("red \x1b[31m, half \ud83d, whole 🎬") == "red \ufffd[31m, half \ufffd, whole 🎬"


def test_every_error_that_can_end_a_job_has_a_name_of_its_own_to_tell_a_program() -> None:
    ends = (NotSent, Refused, ArtifactError)
    names = [cls.name for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, ends)]
    assert len(names) == 14
    assert len(set(names)) == len(names)


def test_the_drawing_of_the_tree_shows_every_error() -> None:
    drawn = re.findall(r"\w+", errors.__doc__ or "")
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        assert not issubclass(cls, VeoError) or name in drawn
