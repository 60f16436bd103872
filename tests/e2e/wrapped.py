"""The server under test, with a shorter pace and a stopping place: `python wrapped.py` takes what `veo-mcp` takes.

E2E_STOP="veo_mcp.store:Store.accept" stops the process's first call of that function before it does anything (with a
trailing `!` after it has), and E2E_SIGN is the file that says so. The process goes on living, and beating, until it is
killed; once the file `<sign>.go` is there, the call goes on. E2E_TELL names a plain function whose call only makes the
file. E2E_HANG is a file: while it is there, nobody is told whether a video is, as on a network disk whose server is
gone; who asks makes `<file>.asked`. E2E_BREAK is a file that ends a server on Windows as Ctrl-Break does. E2E_CLOCK is
how many seconds the process's clock is fast; SQLite, and what counts the seconds of a pause, keep the right time.
"""

import functools
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import anyio

from veo_mcp import cli, jobs, wiring
from veo_mcp.settings import Settings
from veo_mcp.store import database
from veo_mcp.watcher import Pace


async def _stand(sign: Path) -> None:
    sign.touch()
    go = sign.with_suffix(".go")
    while not await anyio.to_thread.run_sync(go.exists):
        await anyio.sleep(0.02)


def _stopping(function: Callable[..., Awaitable[Any]], sign: Path, *, afterwards: bool) -> Callable[..., Any]:
    @functools.wraps(function)
    async def stop(*args: Any, **kwargs: Any) -> Any:
        first = not sign.exists()
        if first and not afterwards:
            await _stand(sign)
        result = await function(*args, **kwargs)
        if first and afterwards:
            await _stand(sign)
        return result

    return stop


def _telling(function: Callable[..., Any], sign: Path) -> Callable[..., Any]:
    @functools.wraps(function)
    def tell(*args: Any, **kwargs: Any) -> Any:
        sign.touch()
        return function(*args, **kwargs)

    return tell


def _hang_for(sign: Path) -> None:
    stat = os.stat

    def ask(path: Any, **options: Any) -> os.stat_result:
        while str(path).endswith(".mp4") and sign.exists():
            sign.with_suffix(".asked").touch()
            time.sleep(0.02)
        return stat(path, **options)

    os.stat = ask


def _place(target: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    module_name, path = target.removesuffix("!").split(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, wrap(getattr(owner, name)))


def _hurried(pace_of: Callable[[Settings], Pace]) -> Callable[[Settings], Pace]:
    def pace(settings: Settings) -> Pace:
        usual = pace_of(settings)
        lease, beat = float(os.environ["E2E_LEASE"]), float(os.environ["E2E_BEAT"])
        return Pace(
            fixed_poll=usual.fixed_poll,
            job_timeout=usual.job_timeout,
            retry=usual.retry,
            poked=usual.poked,
            lease=lease,
            beat=beat,
        )

    return pace


def _refuse_the_network() -> None:
    """End the process the moment that anything looks for another machine."""

    def hear(event: str, args: tuple[object, ...]) -> None:
        if event in {"socket.connect", "socket.getaddrinfo"} and not _is_a_socket_pair(args):
            os.write(2, f"{event} {args[1:]}\n".encode())
            os._exit(70)

    sys.addaudithook(hear)


def _break_when_told(told: Path) -> None:
    """Press Ctrl-Break, as it were: Windows also reports that in a thread of its own."""
    while not told.exists():
        time.sleep(0.02)
    signal.raise_signal(getattr(signal, "SIGBREAK", signal.SIGTERM))


def _set_the_clock(fast_seconds: float) -> None:
    """Have `veo_mcp.jobs.utc_now`, wherever it is bound, and `time.time` tell another time."""
    right = time.time

    class WrongDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "WrongDatetime":
            return cls.fromtimestamp(right() + fast_seconds, tz)

    jobs.datetime = WrongDatetime
    time.time = lambda: right() + fast_seconds


def _is_a_socket_pair(args: tuple[object, ...]) -> bool:
    """Say whether the process connects to itself: on Windows an event loop does, for want of real socket pairs."""
    return sys.platform == "win32" and str(args[1]).startswith("('127.0.0.1',")


def main() -> None:
    if "E2E_NO_NETWORK" in os.environ:
        _refuse_the_network()
    if "E2E_PID" in os.environ:
        Path(os.environ["E2E_PID"]).write_text(str(os.getpid()))
    if "E2E_CLOCK" in os.environ:
        _set_the_clock(float(os.environ["E2E_CLOCK"]))
    if "E2E_LEASE" in os.environ:
        wiring.pace_of = _hurried(wiring.pace_of)
    if "E2E_BUSY" in os.environ:
        database.BUSY_SECONDS = float(os.environ["E2E_BUSY"])
    if "E2E_STOP" in os.environ:
        place, sign = os.environ["E2E_STOP"], Path(os.environ["E2E_SIGN"])
        _place(place, functools.partial(_stopping, sign=sign, afterwards=place.endswith("!")))
    if "E2E_TELL" in os.environ:
        _place(os.environ["E2E_TELL"], functools.partial(_telling, sign=Path(os.environ["E2E_SIGN"])))
    if "E2E_HANG" in os.environ:
        _hang_for(Path(os.environ["E2E_HANG"]))
    if "E2E_BREAK" in os.environ:
        threading.Thread(target=_break_when_told, args=(Path(os.environ["E2E_BREAK"]),), daemon=True).start()
    cli.main()


if __name__ == "__main__":
    main()
