"""An exclusive lock on a file that the operating system drops when its holder dies."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

RETRY_SECONDS = 0.05

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextmanager
def hold(path: Path, *, patience_seconds: float) -> Generator[bool]:
    """Hold the lock inside the block; yield False where somebody else kept it for longer than our patience."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + patience_seconds
    try:
        held = _try_lock(descriptor)
        while not held and time.monotonic() < deadline:
            time.sleep(RETRY_SECONDS)
            held = _try_lock(descriptor)
        yield held
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with hold(path, patience_seconds=0) as ours:
        return not ours
