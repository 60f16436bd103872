"""CPU of a sandbox render, as whole processes: at most 10 s for 8 s at 1080p, at most 3 s for 4 s at 720p; medians.

Yardstick beside it: the CPU that this machine needs to encode the same number of moving frames with nothing drawn.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROMPTS = ("A lighthouse in a storm at night", "A deer in a misty forest, morning", "Neon city street in the rain")
LIMITS = {(8, "1080p"): 10.0, (4, "720p"): 3.0}
BARE_ENCODE = """
import sys, av, numpy as np
seconds, height = int(sys.argv[1]), int(sys.argv[2]); width = height * 16 // 9
noise = np.random.default_rng(0).integers(90, 110, (height * 2, width), np.uint8)
with av.open(sys.argv[3], "w") as out:
    stream = out.add_stream("libx264", rate=24, options={"preset": "ultrafast", "crf": "23"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    for n in range(seconds * 24):
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            view = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            view[:, : plane.width] = noise[n : n + plane.height, : plane.width]
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
"""


def cpu_of(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def render(folder: Path, prompt: str, seconds: int, resolution: str) -> list[str]:
    request = folder / "request.json"
    request.write_text(
        json.dumps(
            {
                "prompt": prompt,
                "duration": seconds,
                "resolution": resolution,
                "aspect_ratio": "16:9",
                "generate_audio": True,
                "negative_prompt": None,
                "seed": 1,
            }
        )
    )
    return [sys.executable, "-m", "veo_mcp.sandbox.render", str(request), str(folder / "out.mp4")]


def main() -> int:
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for (seconds, resolution), limit in LIMITS.items():
            height = int(resolution.removesuffix("p"))
            bare = cpu_of([sys.executable, "-c", BARE_ENCODE, str(seconds), str(height), str(folder / "bare.mp4")])
            found = [cpu_of(render(folder, prompt, seconds, resolution)) for prompt in PROMPTS]
            median = statistics.median(found)
            good = good and median <= limit
            runs = ", ".join(f"{cpu:.1f}" for cpu in found)
            print(
                f"{seconds} s {resolution}: {median:.1f} s CPU, at most {limit:g} ({runs}; encoding alone {bare:.1f})"
            )
    return 0 if good else 3


if __name__ == "__main__":
    sys.exit(main())
