"""How much is done at the same time follows from the limits that a process runs under."""

import os
import subprocess
import sys

import pytest

from veo_mcp import capacity
from veo_mcp.capacity import Capacity


def test_a_usual_limit_of_descriptors_lets_every_core_decode() -> None:
    assert capacity.of(descriptors=1024, cores=8) == Capacity(connections=100, orders=25, downloads=50, decoders=8)
    assert capacity.of(descriptors=sys.maxsize, cores=2) == Capacity(
        connections=100, orders=25, downloads=50, decoders=2
    )


@pytest.mark.parametrize("descriptors", [0, 16, 32, 64, 128, 256])
def test_a_low_limit_of_descriptors_is_shared_out_and_leaves_something_for_everybody(descriptors: int) -> None:
    found = capacity.of(descriptors=descriptors, cores=64)
    assert min(found.connections, found.downloads, found.decoders) >= 1
    assert found.downloads < found.connections
    used = found.connections + found.orders + found.downloads + found.decoders * capacity.DESCRIPTORS_PER_DECODER
    assert used <= max(descriptors - capacity.KEPT_DESCRIPTORS, 11)  # eleven: each kind has at least one


@pytest.mark.skipif(sys.platform != "linux", reason="taskset and ulimit")
def test_the_limits_of_this_process_are_seen() -> None:
    code = "from veo_mcp import capacity; print(capacity.of_process())"
    one_core = min(os.sched_getaffinity(0))
    script = f"ulimit -n 64; exec taskset -c {one_core} {sys.executable} -c '{code}'"
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == repr(Capacity(connections=16, orders=4, downloads=8, decoders=1))
