"""Measure what the inspection of a finished 8 s 1080p video costs: CPU seconds of the child process, median of five.

Run it with `python benchmarks/inspect_video.py [VIDEO]`; it exits with 3 when the limit is passed.
"""

import os
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import anyio
import av
import numpy as np
from av.container import OutputContainer

from veo_mcp.media import inspect

# The stubs of av leave a type parameter of Packet open.
# pyright: reportUnknownMemberType=false

LIMIT_CPU_SECONDS = 3.5
RUNS = 5
WIDTH, HEIGHT, FPS, SECONDS = 1920, 1080, 24, 8
RATE = 48_000


def encode(path: Path) -> None:
    """Make a video of drifting colour and grain at about 4 Mbit/s, with sound."""
    random = np.random.default_rng(1)
    grain = random.integers(0, 24, (HEIGHT + 64, WIDTH), dtype=np.uint8)
    ramp = np.linspace(0, 200, WIDTH, dtype=np.uint8)[None, :].repeat(HEIGHT, 0)
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "x264-params": "keyint=48"})
        video.width, video.height, video.pix_fmt, video.bit_rate = WIDTH, HEIGHT, "yuv420p", 4_000_000
        sound = container.add_stream("aac", rate=RATE, layout="stereo")
        for index in range(SECONDS * FPS):
            luma = ramp + grain[index % 64 : index % 64 + HEIGHT]
            frame = av.VideoFrame.from_ndarray(np.stack([luma, np.roll(ramp, index * 8, 1), 255 - ramp], 2), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        _add_sound(container, random)
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _add_sound(container: OutputContainer, random: np.random.Generator) -> None:
    sound = container.streams.audio[0]
    for start in range(0, SECONDS * RATE, 2_000):
        noise = random.normal(0, 0.05, (2, 2_000)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        container.mux(sound.encode(frame))


async def measure(path: Path, into: Path) -> tuple[float, float]:
    """Return the child's CPU seconds and the wall seconds of one inspection."""
    before, began = os.times(), time.perf_counter()
    inspection = await inspect(path, into=into)
    wall, after = time.perf_counter() - began, os.times()
    if inspection.damage or not inspection.sheet:
        sys.exit(f"The video could not be inspected: {inspection.damage}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, wall


async def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = Path(sys.argv[1]) if sys.argv[1:] else folder / "video.mp4"
        if not video.exists():
            encode(video)
        print(f"{video.stat().st_size / 1e6:.1f} MB")
        runs = [await measure(video, folder / str(run)) for run in range(RUNS)]
        cpu, wall = (statistics.median(each) for each in zip(*runs, strict=True))
        sheet, preview = folder / "0" / "sheet.jpg", folder / "0" / "preview.webp"
        print(f"sheet {sheet.stat().st_size / 1e3:.0f} kB, preview {preview.stat().st_size / 1e3:.0f} kB")
    print(f"median of {RUNS}: {cpu:.2f} s of CPU, {wall:.2f} s of wall time; limit {LIMIT_CPU_SECONDS} s of CPU")
    return 3 if cpu > LIMIT_CPU_SECONDS else 0


if __name__ == "__main__":
    sys.exit(anyio.run(main))
