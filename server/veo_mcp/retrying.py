"""When a file that could not be fetched is tried again, and when that is given up.

Trouble on this machine or the network is tried again for as long as the link may live. Only what upstream itself says
again and again ends the tries: a link that is dead though it was just given out, or a file that is no video. Both may
be a file server's bad half hour. A damaged file seldom mends itself, and ends them sooner.
"""

from dataclasses import dataclass

from veo_mcp.errors import ArtifactError, BadFile, DamagedFile, DownloadFailed, LinkExpired

DEAD_LINKS = 6
BAD_FILES = 3
DAMAGED_FILES = 4
PATIENCE = 1800
"""For how long dead links and files that are no videos are tried again at least, in first pauses: half an hour."""

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
    damaged_files: int = 0
    pause_seconds: float = 0.0
    shortest_seconds: float = 0.0  # what of the pause is kept though somebody asks
    waited: float = 0.0  # in first pauses

    def count(self, error: ArtifactError, *, fresh_link: bool, pause: float, poked: float = 0.0) -> None:
        """Note a try that failed; the pauses double from `pause` on. A link's first death costs no time.

        `poked` is the shortest pause for whoever asks; what the file server asks for is kept in any case.
        """
        self.made += 1
        self.dead_links += isinstance(error, LinkExpired) and fresh_link
        self.damaged_files += isinstance(error, DamagedFile)
        self.bad_files += isinstance(error, BadFile) and not isinstance(error, DamagedFile)
        at_once = isinstance(error, LinkExpired) and self.made == 1
        self.pause_seconds = 0.0 if at_once else min(pause * 2 ** min(self.made, 60), LONGEST_PAUSE_SECONDS)
        asked = (error.retry_after or 0.0) if isinstance(error, DownloadFailed) else 0.0
        self.shortest_seconds = max(asked, min(poked, self.pause_seconds))
        self.pause_seconds = max(asked, self.pause_seconds)

    def waited_for(self, seconds: float, *, pause: float) -> None:
        """Note how long the last pause really was: whoever asks makes it shorter."""
        self.waited += seconds / pause

    def are_over(self, *, most: int | None) -> bool:
        too_many = most is not None and self.made >= most
        hopeless = self.dead_links >= DEAD_LINKS or self.bad_files >= BAD_FILES
        return too_many or self.damaged_files >= DAMAGED_FILES or (hopeless and self.waited >= PATIENCE)

    def note(self, error: ArtifactError) -> str:
        """Say what is wrong and when it is tried again."""
        if not self.pause_seconds:
            return str(error)
        seconds = self.pause_seconds
        when = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
        sooner = "" if isinstance(error, DownloadFailed) and error.retry_after else "; get_video_status tries at once"
        return f"{error} It is tried again by itself in {when}{sooner}."
