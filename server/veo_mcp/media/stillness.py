"""How much of a video is dark or stands still, judged on a 160 px wide view of every frame."""

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

# On a scale where black is 16 and white 235; below 20 a viewer sees black.
_DARK_LUMA = 20.0
# Mean difference of neighbouring frames; film grain alone passes it.
_STILL_LUMA = 0.08


class Stillness:
    def __init__(self) -> None:
        self._view = VideoReformatter()
        self._last: NDArray[np.int16] | None = None
        self._frames = self._dark = self._still = 0

    def see(self, frame: VideoFrame, at: float) -> None:  # noqa: ARG002
        height = max(1, round(80 * frame.height / frame.width)) * 2
        small = self._view.reformat(
            frame, 160, height, "yuv420p", interpolation="POINT", dst_color_range="MPEG", threads=1
        )
        luma = small.to_ndarray()[:height].astype(np.int16)
        self._frames += 1
        self._dark += bool(luma.mean() < _DARK_LUMA)
        if self._last is not None and self._last.shape == luma.shape:
            self._still += bool(np.abs(luma - self._last).mean() < _STILL_LUMA)
        self._last = luma

    def dark_share(self) -> float:
        return round(self._dark / max(1, self._frames), 3)

    def frozen_share(self) -> float:
        """Share of the frames that repeat the one before; the first frame repeats none."""
        return round(self._still / max(1, self._frames - 1), 3)
