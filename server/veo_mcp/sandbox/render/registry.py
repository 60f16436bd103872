"""Find the parts: one file each in `scenes`, `weather` and `subjects`, declaring `PART`."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

from veo_mcp.sandbox.render import scenes as scene_files
from veo_mcp.sandbox.render import subjects as subject_files
from veo_mcp.sandbox.render import weather as weather_files
from veo_mcp.sandbox.render.part import Part, Scene, Subject, Weather

P = TypeVar("P", bound=Part)


@cache
def scenes() -> tuple[Scene, ...]:
    return tuple(_parts(scene_files, Scene))


@cache
def weathers() -> tuple[Weather, ...]:
    return tuple(_parts(weather_files, Weather))


@cache
def subjects() -> tuple[Subject, ...]:
    return tuple(_parts(subject_files, Subject))


def _parts(package: ModuleType, kind: type[P]) -> Iterator[P]:
    """Import a package's modules in the order of their names."""
    for name in sorted(module.name for module in iter_modules(package.__path__)):
        part = import_module(f"{package.__name__}.{name}").PART
        if not isinstance(part, kind):
            raise TypeError(f"{package.__name__}.{name}: PART is no {kind.__name__}")
        yield part
