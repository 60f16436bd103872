"""A process with few file descriptors brings every paid video home, because nothing opens them without limit."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import KEY, Upstream

from veo_mcp.media import Facts, Inspection

JOBS = 200

ORDERS = """
import json, resource, sys
from collections import Counter
from pathlib import Path
import anyio
from veo_mcp.api import VideoRequest
from veo_mcp.settings import Settings
from veo_mcp.wiring import open_studio

folder, base_url, key, number, decoder = sys.argv[1:]
sys.executable = decoder

async def main():
    settings = Settings(api_key=key, base_url=base_url, home=Path(folder, "home"), output_dir=Path(folder, "videos"))
    async with open_studio(settings) as studio:
        requests = [VideoRequest(prompt=f"Kite {each}", duration=4) for each in range(int(number))]
        jobs = [(await studio.submit(request)).job for request in requests]
        with anyio.move_on_after(240):
            for job in jobs:
                await studio.wait(job, 240)
        jobs = [await studio.known(job.id) for job in jobs]
    print(json.dumps({
        "limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "states": Counter(job.state for job in jobs),
        "unchecked": sum("not checked" in warning for job in jobs for warning in job.warnings),
        "failures": sorted({job.failure.message for job in jobs if job.failure}),
    }))

anyio.run(main)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ulimit")
def test_two_hundred_videos_under_sixty_four_descriptors_all_end_in_files(tmp_path: Path, upstream: Upstream) -> None:
    facts = Facts(
        duration_seconds=4, width=1920, height=1080, fps=24, video_codec="h264", audio_codec="aac", has_audio=True,
        loudness_lufs=-18, declared_frames=96, decoded_frames=96, faststart=True,
    )  # fmt: skip
    decoder = tmp_path / "decoder"  # a real child with real pipes, which only spares the decoding
    answer = shlex.quote(Inspection(facts=facts).model_dump_json())
    decoder.write_text(f"#!/bin/sh\nsleep 0.05\necho {answer}\n")
    decoder.chmod(0o755)
    script = tmp_path / "orders.py"
    script.write_text(ORDERS)
    arguments = [sys.executable, str(script), str(tmp_path), upstream.base_url, KEY, str(JOBS), str(decoder)]
    ran = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -n 64; exec {shlex.join(arguments)}"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    found = json.loads(ran.stdout)
    assert found == {"limit": 64, "states": {"completed": JOBS}, "unchecked": 0, "failures": []}
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == JOBS
    assert len(upstream.paid) == JOBS
    assert "Too many open files" not in ran.stderr
