"""How large a video may be, and how much a look at it may cost."""

import contextlib
import math
import sys

MAX_LONG_SIDE = 4096
MAX_SHORT_SIDE = 2304
MAX_PIXELS = MAX_LONG_SIDE * MAX_SHORT_SIDE
MAX_SECONDS = 60
MAX_FRAMES = 2_400
MAX_FILE_BYTES = 512 << 20

CHILD_MEMORY_BYTES = 1_536 << 20
CHILD_WRITE_BYTES = 64 << 20

NO_DECODER = 69
"""Exit code of a child whose decoder cannot be imported: no fault of the file."""


def confine(cpu_seconds: float) -> None:
    """Cap this process's memory, CPU time and file size; Windows has no such limits, so there only the clock counts."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - missing on Windows

    wanted = {
        resource.RLIMIT_AS: CHILD_MEMORY_BYTES,
        resource.RLIMIT_CPU: max(1, math.ceil(cpu_seconds)),
        resource.RLIMIT_FSIZE: CHILD_WRITE_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in wanted.items():
        # macOS refuses RLIMIT_AS, and a container may have set a lower ceiling already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
