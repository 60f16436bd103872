"""Opening, replacing and deleting files that another program may hold open for a moment.

Windows lets nobody replace or delete an open file, nor open one that another program wants for itself. Virus scanners
and search indexers open every new file, for a fraction of a second.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 2.0 if os.name == "nt" else 0.0
PAUSE_SECONDS = 0.05


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`, over whatever is there. Raises OSError."""
    patiently(lambda: source.replace(target))


def unlink(path: Path) -> None:
    """Delete the file if it is there. Raises OSError."""
    patiently(lambda: path.unlink(missing_ok=True))


def patiently(work: Callable[[], T]) -> T:
    """Do the work, again for a while as long as somebody holds the file that it opens, replaces or deletes."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(PAUSE_SECONDS)
