"""The one tree of errors.

VeoError
├── SettingsError            a setting cannot be used
├── InvalidRequest           refused here, before anything was sent
├── BudgetExceeded           would pass VEO_MCP_DAILY_BUDGET_USD
├── NotConfirmed             the user declined, or could not be asked
├── UnknownGeneration        neither the ledger nor upstream has the id
├── LedgerError              the database is locked, full or gone
├── UpstreamError            what the API, or the way to it, said
│   ├── NotSent              no connection: nothing left this machine
│   ├── Refused              4xx, or moved elsewhere: a clear no, nothing was charged
│   │   ├── BadRequest       400
│   │   ├── Unauthorized     401
│   │   ├── Forbidden        402, 403: OutOfCredits, KeyLimit, NotVerified, or without permission
│   │   └── NotFound         404
│   ├── Busy                 429, 503: a clear "not now", with retry_after
│   └── OutcomeUnknown       5xx, a cut connection, no answer, an unreadable one
└── ArtifactError            the finished file could not be brought home
    ├── LinkExpired          the result link no longer works: ask for a fresh one
    ├── DownloadFailed       network or server trouble: try again
    ├── BadFile              what came is no video
    │   └── DamagedFile      or not a whole one
    └── NotSaved             this machine's disk or folder is the trouble

Messages are written for whoever reads them, a model or a person: what happened, what to do.
"""

from veo_mcp.quoting import one_line


class VeoError(Exception):
    """Any failure that this package raises on purpose. Those that end a job have a `name` for programs."""


class SettingsError(VeoError): ...


class InvalidRequest(VeoError): ...


class BudgetExceeded(VeoError): ...


class NotConfirmed(VeoError): ...


class UnknownGeneration(VeoError): ...


class LedgerError(VeoError): ...


class UpstreamError(VeoError):
    """What the API, or the way to it, said; `said` is upstream's own message, fit to stand in quotation marks."""

    name = "upstream"

    def __init__(self, message: str, *, said: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.said = one_line(said)
        self.status = status


class NotSent(UpstreamError):
    name = "unreachable"


class Refused(UpstreamError):
    name = "refused"


class BadRequest(Refused):
    name = "bad_request"


class Unauthorized(Refused):
    name = "unauthorized"


class Forbidden(Refused):
    name = "forbidden"


class OutOfCredits(Forbidden):
    name = "out_of_credits"


class KeyLimit(Forbidden):
    name = "key_limit"


class NotVerified(Forbidden):
    name = "not_verified"


class NotFound(Refused):
    name = "not_found"


class Busy(UpstreamError):
    """A clear "not now"; `retry_after` is in seconds, None where upstream named none."""

    def __init__(self, message: str, *, said: str = "", status: int, retry_after: float | None) -> None:
        super().__init__(message, said=said, status=status)
        self.retry_after = retry_after


class OutcomeUnknown(UpstreamError): ...


class ArtifactError(VeoError):
    name = "artifact"


class LinkExpired(ArtifactError):
    name = "link_expired"


class DownloadFailed(ArtifactError):
    """Network or server trouble; `retry_after` is in seconds, None where the file server named none."""

    name = "download_failed"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadFile(ArtifactError):
    name = "bad_file"


class DamagedFile(BadFile):
    name = "damaged_file"


class NotSaved(ArtifactError):
    name = "not_saved"
