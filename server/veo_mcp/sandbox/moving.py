"""Giving a finished file its name."""

import os
import time
from pathlib import Path

PATIENCE_SECONDS = 2.0 if os.name == "nt" else 0.0
"""Windows lets nobody rename a file that a virus scanner has open, which every new file is for a moment."""


def move(part: Path, path: Path) -> None:
    """Rename `part` to `path`, over whatever is there. Raises OSError."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            part.replace(path)
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.05)
        else:
            return
