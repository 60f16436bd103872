"""Files and folders that only their owner may read: prompts are private.

POSIX only: on Windows a user's folders are private by themselves, and nothing here changes who may read what.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(folder: Path) -> None:
    """Make a folder whose name is ours, in a home that may be anybody's folder, such as /tmp.

    Both are private where they are made here. Where they exist, only ours is tightened.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    tighten(folder)


def make_file(path: Path) -> None:
    """Make an empty file; one that is there stays as it is.

    It gets its name only once it is closed: closing a file drops every POSIX lock that this process has on it, and
    another thread may have opened the database of that name meanwhile.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")  # 0600
    os.close(descriptor)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()


def tighten(path: Path) -> None:
    """Take from others what they may do with it, if it is there and ours to change."""
    with suppress(OSError):
        if is_open(path):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)


def is_open(path: Path) -> bool:
    """Say whether others may do anything with it."""
    return os.name == "posix" and bool(path.stat().st_mode & OTHERS)


def lets_others_replace(folder: Path) -> bool:
    """Say whether others may replace files in the folder; in a sticky one, such as /tmp, each only their own."""
    mode = folder.stat().st_mode
    return os.name == "posix" and bool(mode & (stat.S_IWGRP | stat.S_IWOTH)) and not mode & stat.S_ISVTX
