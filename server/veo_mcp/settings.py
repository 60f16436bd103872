"""Settings: one frozen object, read once from the environment."""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from veo_mcp.errors import SettingsError

Backend = Literal["aimlapi", "sandbox"]

DEFAULT_BASE_URL = "https://api.aimlapi.com"
DEFAULT_MODEL = "google/veo-3.1-t2v-fast"

NAMES: dict[str, tuple[str, ...]] = {
    "api_key": ("AIMLAPI_API_KEY", "AIML_API_KEY", "AIMLAPI_KEY"),
    "base_url": ("AIMLAPI_BASE_URL", "AIML_API_BASE"),
    "backend_choice": ("VEO_MCP_BACKEND",),
    "model": ("VEO_MCP_MODEL",),
    "home": ("VEO_MCP_HOME",),
    "output_dir": ("VEO_MCP_OUTPUT_DIR",),
    "database_url": ("VEO_MCP_DATABASE_URL",),
    "poll_seconds": ("VEO_MCP_POLL_SECONDS",),
    "job_timeout_seconds": ("VEO_MCP_JOB_TIMEOUT_SECONDS",),
    "max_wait_seconds": ("VEO_MCP_MAX_WAIT_SECONDS",),
    "daily_budget_usd": ("VEO_MCP_DAILY_BUDGET_USD",),
    "confirm_above_usd": ("VEO_MCP_CONFIRM_ABOVE_USD",),
    "usd_per_second": ("VEO_MCP_USD_PER_SECOND",),
    "usd_per_second_audio": ("VEO_MCP_USD_PER_SECOND_AUDIO",),
    "sandbox_seconds": ("VEO_MCP_SANDBOX_SECONDS",),
}
"""Each field's environment variables; the first that is set and not blank counts."""

MAY_BE_UNFILLED = ("api_key", "output_dir")
"""Nothing is spent for want of these. Any other setting that a client leaves as `${NAME}` is refused: taken for unset,
it would lift a limit, pay where the sandbox was meant, or keep another ledger."""


def _usual(folder: Callable[[], str]) -> Path:
    """Return a folder that platformdirs knows."""
    try:
        return Path(folder())
    except RuntimeError as error:
        raise SettingsError(
            "No home folder is known here: set VEO_MCP_HOME and VEO_MCP_OUTPUT_DIR to folders by their whole paths."
        ) from error


def usual_home(platform: str = sys.platform) -> str:
    """Return the folder of the jobs database and previews where none is set.

    On Windows outside of AppData: what an app of the Store starts gets a private copy of that
    (anthropics/claude-code#93152), and two chat hosts would have two databases and two budgets.
    """
    if platform == "win32":
        return str(Path.home() / ".veo-mcp")
    return platformdirs.user_data_dir("veo-mcp", appauthor=False)


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except (RuntimeError, OSError) as error:  # no home folder is known, or the current folder is gone
        raise ValueError("cannot be found from here: name a folder by its whole path") from error


Folder = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseModel):
    """Everything that can be set, each with its unit in its name."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    api_key: SecretStr | None = Field(default=None, description="the AI/ML API key")
    base_url: str = Field(
        default=DEFAULT_BASE_URL,
        description="the API's origin; a trailing /v1, /v2, /video/generations or slash is stripped",
    )
    backend_choice: Literal["auto", "aimlapi", "sandbox"] = Field(
        default="auto", description="`aimlapi`, `sandbox`, or `auto`: aimlapi if there is a key, else the sandbox"
    )
    model: str = Field(default=DEFAULT_MODEL, description="the model's name at the API", min_length=1)
    home: Folder = Field(
        default_factory=lambda: _usual(usual_home),
        validate_default=True,
        description="folder of the jobs database and previews",
    )
    output_dir: Folder = Field(
        default_factory=lambda: _usual(platformdirs.user_videos_dir) / "veo-mcp",
        validate_default=True,
        description="folder of finished videos",
    )
    database_url: SecretStr | None = Field(
        default=None, description="`postgresql://…` instead of the SQLite file in the home"
    )
    poll_seconds: float | None = Field(
        default=None, description="fixed seconds between polls; unset: adaptive", ge=0.05, le=600
    )
    job_timeout_seconds: float = Field(default=1000, description="seconds after which a job is `overdue`", gt=0)
    max_wait_seconds: float | None = Field(default=None, description="longest seconds that one tool call waits", ge=0)
    daily_budget_usd: float | None = Field(
        default=None, description="refuse what would pass this sum per UTC day", ge=0
    )
    confirm_above_usd: float | None = Field(
        default=None, description="ask the user before a video that costs more", ge=0
    )
    usd_per_second: float = Field(default=0.13, description="price estimate without sound", ge=0)
    usd_per_second_audio: float = Field(default=0.195, description="price estimate with sound", ge=0)
    sandbox_seconds: float = Field(default=6, description="least seconds that a sandbox generation takes", ge=0)

    @field_validator("*", mode="before")
    @classmethod
    def _filled_in(cls, value: object) -> object:
        if isinstance(value, str) and is_unfilled(value):
            raise ValueError("holds the text ${…}: this client fills in no variables; write the value itself")
        return value

    @field_validator("api_key")
    @classmethod
    def _fit_for_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[!-~]+", key.get_secret_value()):
            raise ValueError("must be one word of plain ASCII characters; paste it again")
        return key

    @field_validator("base_url")
    @classmethod
    def _only_the_origin(cls, url: str) -> str:
        url = re.sub(r"(/v[12])?/*(/video/generations)?/*$", "", url.strip())
        if not re.match(r"(?i)https?://[^/]", url):
            raise ValueError("must begin with http:// or https://")
        if "@" in url:
            raise ValueError("must not hold a user name or a password")
        if re.match(r"[^/]*//[^/\[]*:[^/]*:", url):
            raise ValueError("must have an IPv6 address in brackets, as in http://[::1]:8788")
        if mark := re.search(r"[?#]", url):
            raise ValueError(f"must end before {mark[0]!r}")
        return _one_spelling(url)

    @field_validator("database_url")
    @classmethod
    def _only_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://; leave it unset for the SQLite file")
        return url

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Raises:
            SettingsError: a value cannot be used; names the variable and what is allowed, never the value.
        """
        environ = os.environ if environ is None else environ
        named: dict[str, str] = {}
        for field, names in NAMES.items():
            counts = is_set if field in MAY_BE_UNFILLED else str.strip
            name = next((name for name in names if counts(environ.get(name, ""))), None)
            if name is not None:
                named[field] = name
        values: dict[str, Any] = {field: environ[name].strip() for field, name in named.items()}
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError("; ".join(_problem(e, named) for e in error.errors())) from None

    @property
    def backend(self) -> Backend:
        if self.backend_choice == "auto":
            return "aimlapi" if self.api_key else "sandbox"
        return self.backend_choice

    @property
    def account(self) -> str:
        """Who pays, in a form that can be stored: jobs of another account are none of ours to poll."""
        if self.backend == "sandbox":
            return "sandbox"
        key = self.api_key.get_secret_value() if self.api_key else ""
        return "aimlapi-" + hashlib.sha256(f"{self.base_url}\n{key}".encode()).hexdigest()[:16]

    def estimate_usd(self, seconds: int, *, audio: bool) -> float:
        """Return what `seconds` of video will probably cost."""
        return round(seconds * (self.usd_per_second_audio if audio else self.usd_per_second), 4)


def _one_spelling(url: str) -> str:
    """Return the address as every spelling of it is written: who pays is known by it.

    Scheme and host in lower case, no port that the scheme implies, no dot that ends the host (RFC 3986, 6.2).
    """
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, colon, port = host.rpartition(":") if re.search(r":\d*$", host) else (host, "", "")
    implied = {"http": "80", "https": "443"}[scheme.lower()]
    port = "" if port.lstrip("0") in ("", implied) else f"{colon}{port.lstrip('0')}"
    return f"{scheme.lower()}://{name.lower().removesuffix('.')}{port}{slash}{path}"


def is_set(value: str) -> bool:
    """Say whether a variable has a value."""
    return bool(value.strip()) and not is_unfilled(value)


def is_unfilled(value: str) -> bool:
    """Say whether a client that fills in no variables handed over a `${NAME}` as it stands."""
    return re.search(r"\$\{[^}]*\}", value) is not None


def _problem(error: ErrorDetails, named: Mapping[str, str]) -> str:
    field = str(error["loc"][0]) if error["loc"] else "settings"
    what = "must be a number such as 5 or 2.50" if error["type"] == "float_parsing" else error["msg"]
    return f"{named.get(field) or NAMES.get(field, (field,))[0]}: {what.removeprefix('Value error, ')}"
