"""Integrated loudness of a sound track (EBU R 128), by libavfilter's own meter."""

import math

import av.error
from av import AudioFrame
from av.filter import Graph

from veo_mcp.media.best_effort import BestEffort

_INTEGRATED = "lavfi.r128.I"


class Loudness:
    """Hears every frame of one track; a track that changes its format half-way has no loudness."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._lufs: float | None = None
        self.effort = BestEffort("The loudness could not be measured")

    def hear(self, frame: AudioFrame) -> None:
        self.effort.run(self._measure, frame)

    def integrated(self) -> float | None:
        """Return LUFS, None when nothing could be heard; -70 is the meter's floor."""
        failed = self.effort.sentence is not None
        return None if failed or self._lufs is None or not math.isfinite(self._lufs) else self._lufs

    def _measure(self, frame: AudioFrame) -> None:
        self._graph = self._graph or _meter(frame)
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull().metadata
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if _INTEGRATED in measured:
                self._lufs = float(measured[_INTEGRATED])


def _meter(frame: AudioFrame) -> Graph:
    """Build a meter for what the decoder gives, which need not be what the header declares."""
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=frame.time_base
    )
    meter = graph.add("ebur128", "metadata=1:framelog=quiet")
    graph.link_nodes(source, meter, graph.add("abuffersink")).configure()
    return graph
