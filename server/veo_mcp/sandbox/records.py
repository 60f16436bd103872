"""The sandbox's folder: one JSON file per generation, its mp4 beside it, and tallies that survive a restart."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from veo_mcp.sandbox.moving import move

KEEP_GENERATIONS = 200
KEEP_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    id: str
    model: str
    prompt: str
    """As it was sent, markers included."""
    faults: tuple[str, ...]
    created_at: float
    usd: float

    @property
    def key(self) -> str:
        return key_of(self.id)


def key_of(text: str) -> str:
    """Name files after any text: an id holds colons and slashes, and may be of any length."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]


def write_atomically(path: Path, content: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    move(Path(temporary), path)


@dataclass(frozen=True, slots=True)
class Records:
    folder: Path

    def request_file(self, key: str) -> Path:
        return self.folder / f"{key}.request.json"

    def video_file(self, key: str) -> Path:
        return self.folder / f"{key}.mp4"

    def log_file(self, key: str) -> Path:
        return self.folder / f"{key}.log"

    def lock_file(self, key: str) -> Path:
        return self.folder / f"{key}.lock"

    def failure_file(self, key: str) -> Path:
        return self.folder / f"{key}.failed"

    @property
    def turn_file(self) -> Path:
        """Whoever locks it may render: one at a time on a machine."""
        return self.folder / "turn.lock"

    def add(self, generation: Generation) -> None:
        write_atomically(self._record_file(generation.key), json.dumps(asdict(generation)))

    def get(self, key: str) -> Generation | None:
        if not key.isalnum():
            return None
        try:
            fields: dict[str, Any] = json.loads(self._record_file(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        fields["faults"] = tuple(fields["faults"])
        return Generation(**fields)

    def all(self) -> list[Generation]:
        """Return every generation, oldest first."""
        keys = [path.name.removesuffix(".generation.json") for path in self.folder.glob("*.generation.json")]
        found = [generation for key in keys if (generation := self.get(key))]
        return sorted(found, key=lambda generation: generation.created_at)

    def failure(self, key: str) -> str | None:
        try:
            return self.failure_file(key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def needs_render(self, key: str) -> bool:
        """Say whether a video is still to be made: it is neither there nor given up nor forgotten."""
        done = self.video_file(key).exists() or self.failure_file(key).exists()
        return not done and self.request_file(key).exists()

    def count(self, name: str) -> int:
        """Count one more of `name` and return how many that makes; appending keeps it right across processes."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / f"{name}.count").open("ab", buffering=0) as tally:
            tally.write(b".")
            return tally.tell()

    def forget_old(self, now: float) -> None:
        """Delete what is older than a week or beyond the newest two hundred."""
        generations = self.all()
        surplus = generations[: max(0, len(generations) - KEEP_GENERATIONS)]
        stale = [generation for generation in generations if now - generation.created_at > KEEP_SECONDS]
        for key in {generation.key for generation in (*surplus, *stale)}:
            _unlink(self.folder.glob(f"{key}.*"))
        _unlink(path for path in self.folder.glob("prompt-*.count") if now - path.stat().st_mtime > KEEP_SECONDS)

    def _record_file(self, key: str) -> Path:
        return self.folder / f"{key}.generation.json"


def _unlink(paths: Iterable[Path]) -> None:
    for path in list(paths):
        with suppress(OSError):  # Windows keeps a file that somebody has open; the next round gets it
            path.unlink(missing_ok=True)
