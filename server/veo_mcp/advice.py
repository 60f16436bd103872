"""What to do about a job now, as a model reads it. Pure."""

from veo_mcp.jobs import Job, State

POLL_AGAIN_SECONDS = 50
"""The longest that `get_video_status` waits by itself: hosts cut calls at 60 seconds."""

ONLY_THE_PERSON = frozenset({"unauthorized", "out_of_credits", "key_limit", "not_verified", "forbidden"})
PASSING = frozenset({"rate_limited", "unavailable", "unreachable", "interrupted"})

OUR_NAMES = ONLY_THE_PERSON | PASSING | {"not_saved", "cancelled"}
"""Failures whose names decide what is advised: no service may give them to its own."""


def status_call(job: Job) -> str:
    """Return the call that asks after the job."""
    return f'get_video_status(generation_id="{job.handle}", wait_seconds={POLL_AGAIN_SECONDS})'


def next_step(job: Job, *, waited: bool = False) -> str:
    """Say what to do now, as a call where there is one."""
    match job.state:
        case State.COMPLETED if job.is_away:
            return f"Tell the user where the file was saved and what the warning says. {status_call(job)} looks again."
        case State.COMPLETED:
            return f'Tell the user the path. view_video(generation_id="{job.handle}") shows the video.'
        case State.UNKNOWN:
            return "Do not order it again by yourself: tell the user, who can look at the account's history first."
        case State.FAILED:
            return _after_failure(job)
        case State.OVERDUE:
            return f"It takes unusually long but is still watched. {status_call(job)} later; do not order it again."
        case State.DOWNLOADING if job.note:
            return (
                "Do not order it again: it is paid, and the file is saved by itself once what was last heard is mended."
                f" Tell the user that; then {status_call(job)} tries at once."
            )
        case State.SUBMITTING | State.QUEUED | State.GENERATING | State.DOWNLOADING:
            still = "It goes on in the background. " if waited else ""
            return f"{still}Call {status_call(job)}, and again until the status is completed. Do not order it again."


def _after_failure(job: Job) -> str:
    name = job.failure.name if job.failure else ""
    if job.can_be_fetched:
        when = "Once that is mended" if name == "not_saved" else "In a minute"
        paid = "it is paid" if job.failure and job.failure.charged == "yes" else "it may be paid for"
        return f"Do not order it again: {paid}. {when}, {status_call(job)}; if it fails again, tell the user."
    if name in ONLY_THE_PERSON:
        return "Tell the user: only they can mend this. Do not call again before."
    if name == "cancelled":
        return "Call again if the video is still wanted."
    if name in PASSING:
        return "Call again in a minute, or later if the error says so."
    if job.generation_id is not None:
        return "Tell the user why. If the prompt was refused, reword it; a new order is needed."
    return "Mend what the error says, then call again."
