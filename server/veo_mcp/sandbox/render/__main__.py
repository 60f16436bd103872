"""python -m veo_mcp.sandbox.render REQUEST.json OUT.mp4."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from veo_mcp.sandbox.render import Shot, render

_USAGE = "usage: python -m veo_mcp.sandbox.render REQUEST.json OUT.mp4"
_NICENESS = 10


def main(arguments: list[str]) -> int:
    """Render the request file; on failure say why in one line on stderr."""
    if len(arguments) != 2:
        return _fail(_USAGE)
    request, out = map(Path, arguments)
    _step_back()
    try:
        render(_read(request), out)
    except Exception as error:  # noqa: BLE001 - the caller is told the reason in a line, whatever it was
        return _fail(f"{type(error).__name__}: {error}")
    return 0


def _read(request: Path) -> Shot:
    try:
        return TypeAdapter(Shot).validate_json(request.read_bytes())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(problems) from error


def _step_back() -> None:
    """Leave the processor to whoever talks to the user."""
    if nice := getattr(os, "nice", None):
        with suppress(OSError):
            nice(_NICENESS)


def _fail(reason: str) -> int:
    if sys.stderr:  # None when the process was started without one
        sys.stderr.write(" ".join(reason.split())[:500] + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
