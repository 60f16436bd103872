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

OUT_OF_CPU_TIME = frozenset({-24, 1816})
"""How a process ends whose processor time is up: by SIGXCPU, and on Windows with ERROR_NOT_ENOUGH_QUOTA."""

_LATER_SECONDS = 5
"""How much later than SIGXCPU the system kills, so that the end of a process tells why."""


def confine(cpu_seconds: float) -> None:
    """Cap this process's memory and CPU time, and where the system can, the size of the files that it writes."""
    if sys.platform == "win32":
        _confine_windows(cpu_seconds)
        return
    import resource  # noqa: PLC0415 - missing on Windows

    cpu = max(1, math.ceil(cpu_seconds))
    wanted = {
        resource.RLIMIT_AS: (CHILD_MEMORY_BYTES, CHILD_MEMORY_BYTES),
        resource.RLIMIT_CPU: (cpu, cpu + _LATER_SECONDS),
        resource.RLIMIT_FSIZE: (CHILD_WRITE_BYTES, CHILD_WRITE_BYTES),
        resource.RLIMIT_CORE: (0, 0),
    }
    for limit, values in wanted.items():
        # macOS refuses RLIMIT_AS, and a container may have set a lower ceiling already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, values)


def _confine_windows(cpu_seconds: float) -> None:
    """Put this process into a job object with limits; it lasts as long as the process, whoever closes its handle."""
    if sys.platform != "win32":
        return
    import pywintypes  # noqa: PLC0415 - on Windows only
    import win32api  # noqa: PLC0415
    import win32job  # noqa: PLC0415

    job = win32job.CreateJobObject(None, "")
    limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
    limits["ProcessMemoryLimit"] = CHILD_MEMORY_BYTES
    basic = limits["BasicLimitInformation"]
    basic["PerProcessUserTimeLimit"] = math.ceil(cpu_seconds * 10_000_000)  # in units of 100 ns
    basic["LimitFlags"] |= (
        win32job.JOB_OBJECT_LIMIT_PROCESS_MEMORY
        | win32job.JOB_OBJECT_LIMIT_PROCESS_TIME
        | win32job.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION  # a crash waits for nobody to close its window
    )
    win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
    with contextlib.suppress(pywintypes.error):  # a host may have put this process into a job that allows no other
        win32job.AssignProcessToJobObject(job, win32api.GetCurrentProcess())
