"""Child process of the sandbox: wait for this machine's turn, then run the renderer once.

The server holds the other end of this process's stdin and never writes to it: where that ends, the server has ended,
however it did, and so does the render. The next status request, to any server on the folder, starts it again.
"""

import math
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from veo_mcp.sandbox.locks import hold
from veo_mcp.sandbox.records import Records, write_atomically

ATTEMPTS = 3
"""A renderer that is killed is started again, so that a crash of the machine loses nothing; one that says no is not."""

PROBE_SECONDS = 1.0
"""A status request that looks whether anybody renders holds the lock for an instant."""

_renderers: list[subprocess.Popen[bytes]] = []
_starting = threading.Lock()


def main(arguments: Sequence[str]) -> None:
    folder, key, *render_command = arguments
    records = Records(Path(folder))
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    with hold(records.lock_file(key), patience_seconds=PROBE_SECONDS) as ours:
        if not ours:
            return
        with hold(records.turn_file, patience_seconds=math.inf):
            if records.needs_render(key):
                _render(records, key, render_command)


def _render(records: Records, key: str, render_command: Sequence[str]) -> None:
    attempt = records.count(f"{key}.attempts")
    exit_code = _run(records, key, render_command)
    if exit_code == 0 and records.video_file(key).exists():
        return
    if not _was_killed(exit_code) or attempt >= ATTEMPTS:
        write_atomically(records.failure_file(key), _reason(records, key, exit_code))


def _was_killed(exit_code: int) -> bool:
    """Tell a crash, a log-off or a kill from a refusal: a signal, on Windows one of the system's status codes."""
    return exit_code < 0 or exit_code >= 1 << 30


def _run(records: Records, key: str, render_command: Sequence[str]) -> int:
    command = [*render_command, str(records.request_file(key)), str(records.video_file(key))]
    with records.log_file(key).open("ab") as log:
        try:
            with _starting:
                renderer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)  # noqa: S603 - caller's own
                _renderers.append(renderer)
        except OSError as error:
            log.write(f"{error}\n".encode())
            return 127
        return renderer.wait()


def _end_with_the_server() -> None:
    while os.read(0, 1):  # sys.stdin has a lock, for which Python waits as it ends
        pass
    with _starting:
        for renderer in _renderers:
            renderer.kill()
        os._exit(1)


def _reason(records: Records, key: str, exit_code: int) -> str:
    lines = records.log_file(key).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"The renderer ended with code {exit_code}: {lines[-1][:300] if lines else 'it said nothing'}"


if __name__ == "__main__":
    main(sys.argv[1:])
