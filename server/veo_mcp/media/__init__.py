"""What is in a finished video: a cheap check of the header, then one decode pass in a child process with limits."""

from veo_mcp.media.facts import NOT_CHECKED, Facts, Inspection, differences, sound_in_words
from veo_mcp.media.inspection import gif, inspect, prove

__all__ = ["NOT_CHECKED", "Facts", "Inspection", "differences", "gif", "inspect", "prove", "sound_in_words"]
