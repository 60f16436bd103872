"""Small RGB pictures from decoded frames, and files that appear whole or not at all."""

import secrets
from pathlib import Path

from av import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from PIL import Image

from veo_mcp import held_files

_UNSPECIFIED = 2
_HD_HEIGHT = 720


class Shrinker:
    """Makes small pictures of one size out of frames of one size, quickly."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def shrink(self, frame: VideoFrame, width: int, height: int) -> Image.Image:
        # Untagged HD is BT.709 by custom; libswscale would take it for BT.601.
        untagged_hd = frame.colorspace == _UNSPECIFIED and min(frame.width, frame.height) >= _HD_HEIGHT
        source = Colorspace.ITU709 if untagged_hd else None
        small = self._reformatter.reformat(
            frame, width, height, "rgb24", src_colorspace=source, interpolation="AREA", threads=1
        )
        return Image.fromarray(small.to_ndarray())


def fit(frame: VideoFrame, long_side: int) -> tuple[int, int]:
    """Return the size of the frame scaled down to `long_side`, never up."""
    scale = min(1.0, long_side / max(frame.width, frame.height))
    return max(2, round(frame.width * scale)), max(2, round(frame.height * scale))


def write_whole(data: bytes, target: Path) -> None:
    """Write a file under its final name in one step, so that two writers or a crash leave no half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        held_files.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
