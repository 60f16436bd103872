"""Integrated loudness of a sound track (EBU R 128), by libavfilter's own meter."""

import math

import av.error
from av import AudioFrame
from av.audio.stream import AudioStream
from av.filter import Graph

_INTEGRATED = "lavfi.r128.I"


class Loudness:
    """Hears every frame of one track; a track that changes its format half-way has no loudness."""

    def __init__(self, track: AudioStream) -> None:
        self._graph = Graph()
        source = self._graph.add_abuffer(template=track)
        meter = self._graph.add("ebur128", "metadata=1:framelog=quiet")
        self._graph.link_nodes(source, meter, self._graph.add("abuffersink")).configure()
        self._lufs: float | None = None
        self._failed = False

    def hear(self, frame: AudioFrame | None) -> None:
        """Take in a frame; None is the end."""
        if self._failed:
            return
        try:
            self._graph.push(frame)
            self._drain()
        except (av.error.FFmpegError, ValueError):
            self._failed = True

    def integrated(self) -> float | None:
        """End the measurement and return LUFS; -70 is the meter's floor."""
        self.hear(None)
        return None if self._failed or self._lufs is None or not math.isfinite(self._lufs) else self._lufs

    def _drain(self) -> None:
        while True:
            try:
                measured = self._graph.pull().metadata
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._lufs = float(measured.get(_INTEGRATED, self._lufs or -70.0))
