"""When a file that could not be fetched is tried again, and when that is given up.

Trouble on this machine or the network is tried again for as long as the link may live. Only what upstream itself says
again and again ends the tries: a link that is dead though it was just given out, or a file that is no video.
"""

from dataclasses import dataclass

from veo_mcp.errors import ArtifactError, BadFile, LinkExpired

DEAD_LINKS = 6
BAD_FILES = 3
TRIES_AGAIN = 6
"""How often a file is tried that was here before: each asking begins anew."""

LATE_TRIES = 12
"""How often a file is tried whose link may be too old to live: twenty minutes."""

LONGEST_PAUSE_SECONDS = 300.0


@dataclass(slots=True)
class Tries:
    """What is remembered of a job's tries; a process that takes the job over begins anew."""

    made: int = 0
    dead_links: int = 0
    bad_files: int = 0
    pause_seconds: float = 0.0

    def count(self, error: ArtifactError, *, fresh_link: bool, pause: float) -> None:
        """Note a try that failed; the pauses double from `pause` on. A link's first death costs no time."""
        self.made += 1
        self.dead_links += isinstance(error, LinkExpired) and fresh_link
        self.bad_files += isinstance(error, BadFile)
        at_once = isinstance(error, LinkExpired) and self.made == 1
        self.pause_seconds = 0.0 if at_once else min(pause * 2 ** min(self.made, 60), LONGEST_PAUSE_SECONDS)

    def are_over(self, *, most: int | None) -> bool:
        too_many = most is not None and self.made >= most
        return self.dead_links >= DEAD_LINKS or self.bad_files >= BAD_FILES or too_many

    def note(self, error: ArtifactError) -> str:
        """Say what is wrong and when it is tried again."""
        if not self.pause_seconds:
            return str(error)
        seconds = self.pause_seconds
        when = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
        return f"{error} It is tried again by itself in {when}; get_video_status tries at once."
