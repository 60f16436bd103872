"""What people and other programs do to the folders and files that a server works with."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex


@contextmanager
def renamed_away(folder: Path, *, in_its_place: bool = False) -> Generator[None]:
    """Have the folder under another name inside the block, and a file, which nobody can write into, `in_its_place`.

    What has been written under its name meanwhile is there afterwards as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    away = folder.with_name(f"{folder.name}-away-{token_hex(2)}")
    folder.rename(away)
    if in_its_place:
        with suppress(FileExistsError, IsADirectoryError):  # somebody was faster and made the folder anew
            folder.touch(exist_ok=False)
    try:
        yield
    finally:
        _put_back(away, folder)


def _put_back(away: Path, folder: Path) -> None:
    if folder.is_file():
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for path in away.iterdir():
        if not (folder / path.name).exists():
            path.rename(folder / path.name)
    shutil.rmtree(away)


def delete_previews(home: Path) -> None:
    shutil.rmtree(home / "previews", ignore_errors=True)


def delete_database(database: Path, *, only_side_files: bool = False) -> None:
    """Delete the SQLite file with its write-ahead log and index, or those two alone."""
    for ending in ("-wal", "-shm") if only_side_files else ("", "-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)
