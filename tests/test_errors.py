import inspect
import re

from veo_mcp import errors
from veo_mcp.errors import ArtifactError, NotSent, Refused, VeoError


def test_every_error_that_can_end_a_job_has_a_name_of_its_own_to_tell_a_program() -> None:
    ends = (NotSent, Refused, ArtifactError)
    names = [cls.name for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, ends)]
    assert len(names) == 15
    assert len(set(names)) == len(names)


def test_the_drawing_of_the_tree_shows_every_error() -> None:
    drawn = re.findall(r"\w+", errors.__doc__ or "")
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        assert not issubclass(cls, VeoError) or name in drawn
