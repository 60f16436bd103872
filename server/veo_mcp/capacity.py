"""How much this process does at the same time: as many decoders as cores, as many connections as descriptors allow.

A process that is out of file descriptors can neither download nor decode nor write to its database. So what opens them
in numbers gets a share of the limit that the process runs under, and waits for its turn beyond that.
"""

import os
import sys
from dataclasses import dataclass

WINDOWS_DESCRIPTORS = 512
"""What Microsoft's C runtime opens by default; the system itself sets no limit."""

KEPT_DESCRIPTORS = 24
"""For the standard streams, the event loop, the database with its locks, and a child process that is being started."""

MOST_CONNECTIONS = 100
"""The HTTP library's own default: more bring nothing."""

DESCRIPTORS_PER_DECODER = 3
"""In this process, while the child runs: two pipes, and what tells its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`downloads` are part of `connections`, so that polls always find one that is free; `orders` are beside them."""

    connections: int
    orders: int
    downloads: int
    decoders: int


def of_process() -> Capacity:
    """Return what this process may do at the same time."""
    return of(descriptors=_descriptors(), cores=_cores())


def of(*, descriptors: int, cores: int) -> Capacity:
    """Share out the descriptors: half to connections, a fifth to the files of downloads, a quarter to decoders."""
    shared = max(descriptors - KEPT_DESCRIPTORS, 0)
    connections = min(max(shared * 2 // 5, 2), MOST_CONNECTIONS)
    decoders = min(max(shared // 4 // DESCRIPTORS_PER_DECODER, 1), cores)
    orders = max(connections // 4, 2)
    return Capacity(connections=connections, orders=orders, downloads=connections // 2, decoders=decoders)


def _descriptors() -> int:
    if sys.platform == "win32":
        return WINDOWS_DESCRIPTORS
    import resource  # noqa: PLC0415 - missing on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
