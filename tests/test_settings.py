import sys
from pathlib import Path

import platformdirs
import pytest

from veo_mcp.errors import SettingsError
from veo_mcp.settings import DEFAULT_BASE_URL, NAMES, Settings, usual_home

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105


def read(**environ: str) -> Settings:
    return Settings.from_environment(environ)


def key_of(settings: Settings) -> str | None:
    return settings.api_key.get_secret_value() if settings.api_key else None


def test_nothing_set_means_the_sandbox_and_the_documented_defaults() -> None:
    settings = read()
    assert settings.backend == "sandbox"
    assert settings.account == "sandbox"
    assert settings.base_url == "https://api.aimlapi.com"
    assert settings.model == "google/veo-3.1-t2v-fast"
    assert settings.job_timeout_seconds == 1000
    assert (settings.usd_per_second, settings.usd_per_second_audio, settings.sandbox_seconds) == (0.13, 0.195, 6)
    assert settings.poll_seconds is settings.max_wait_seconds is settings.daily_budget_usd is None
    assert settings.confirm_above_usd is settings.database_url is None
    assert settings.output_dir.name == "veo-mcp"


@pytest.mark.parametrize("name", ["AIMLAPI_API_KEY", "AIML_API_KEY", "AIMLAPI_KEY"])
def test_each_name_that_people_use_for_the_key_is_read_and_trimmed(name: str) -> None:
    settings = read(**{name: f"  {SECRET}\n"})
    assert key_of(settings) == SECRET
    assert settings.backend == "aimlapi"


def test_the_first_name_that_is_not_blank_counts() -> None:
    settings = read(AIMLAPI_API_KEY=" ", AIML_API_KEY="second", AIMLAPI_KEY="third")
    assert key_of(settings) == "second"


def test_a_blank_value_is_as_good_as_none() -> None:
    assert read(**{name: "  " for names in NAMES.values() for name in names}) == read()


UNFILLED = ("${X}", "${X:-5}", " ${input:x} ", "${user_config.x}", "${}")
HARMLESS = {*NAMES["api_key"], *NAMES["output_dir"]}
COSTLY = [name for names in NAMES.values() for name in names if name not in HARMLESS]


@pytest.mark.parametrize("name", COSTLY)
@pytest.mark.parametrize("value", [*UNFILLED, "postgresql://${USER}@db/jobs", "${HOME}/veo"])
def test_a_variable_that_a_client_left_unfilled_lifts_no_limit(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(AIMLAPI_API_KEY=SECRET, **{name: value})
    assert str(refusal.value).startswith(f"{name}: ")
    assert "fills in no variables" in str(refusal.value)


@pytest.mark.parametrize("value", UNFILLED)
def test_an_unfilled_key_is_none_and_an_unfilled_output_folder_is_the_usual_one(value: str) -> None:
    assert read(**dict.fromkeys(HARMLESS, value)) == read()
    assert key_of(read(AIMLAPI_API_KEY=value, AIML_API_KEY=SECRET)) == SECRET


@pytest.mark.parametrize("name", ["AIMLAPI_BASE_URL", "AIML_API_BASE"])
@pytest.mark.parametrize(
    "end", ["", "/", "/v1", "/v2", "/v2/", "/v1//", "/v2/video/generations", "/video/generations/"]
)
def test_the_base_url_is_stripped_to_its_origin(name: str, end: str) -> None:
    assert read(**{name: f" https://proxy.example:8443{end} "}).base_url == "https://proxy.example:8443"


def test_a_base_url_may_be_an_ipv6_address_in_brackets() -> None:
    assert read(AIMLAPI_BASE_URL="http://[::1]:8788/v2").base_url == "http://[::1]:8788"
    assert read(AIMLAPI_BASE_URL="http://x.example/a:b:c").base_url == "http://x.example/a:b:c"


def test_a_base_url_may_keep_a_path() -> None:
    assert read(AIMLAPI_BASE_URL="http://gateway.example/aiml/v2").base_url == "http://gateway.example/aiml"


@pytest.mark.parametrize("backend", ["aimlapi", "sandbox"])
def test_the_backend_can_be_chosen_against_the_key(backend: str) -> None:
    assert read(VEO_MCP_BACKEND=backend, AIMLAPI_API_KEY=SECRET).backend == backend
    assert read(VEO_MCP_BACKEND=backend).backend == backend


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("VEO_MCP_BACKEND", "vertex", "'auto', 'aimlapi' or 'sandbox'"),
        ("AIMLAPI_BASE_URL", "api.aimlapi.com", "http:// or https://"),
        ("AIMLAPI_BASE_URL", "https://", "http:// or https://"),
        ("AIMLAPI_BASE_URL", "http://::1:8788", "in brackets"),
        ("AIMLAPI_BASE_URL", "http://fd00::5", "in brackets"),
        ("AIMLAPI_BASE_URL", "http://:::8788/v2", "in brackets"),
        ("AIMLAPI_BASE_URL", "https://x.example/v2/video/generations?generation_id=1", "'?'"),
        ("AIMLAPI_BASE_URL", "https://x.example/#v2", "'#'"),
        ("VEO_MCP_POLL_SECONDS", "often", "number"),
        ("VEO_MCP_POLL_SECONDS", "0", "greater than or equal to 0.05"),
        ("VEO_MCP_JOB_TIMEOUT_SECONDS", "0", "greater than 0"),
        ("VEO_MCP_JOB_TIMEOUT_SECONDS", "nan", "finite number"),
        ("VEO_MCP_MAX_WAIT_SECONDS", "-1", "greater than or equal to 0"),
        ("VEO_MCP_MAX_WAIT_SECONDS", "inf", "finite number"),
        ("VEO_MCP_DAILY_BUDGET_USD", "-1", "greater than or equal to 0"),
        ("VEO_MCP_DAILY_BUDGET_USD", "nan", "finite number"),
        ("VEO_MCP_CONFIRM_ABOVE_USD", "nan", "finite number"),
        ("VEO_MCP_CONFIRM_ABOVE_USD", "$5", "number"),
        ("VEO_MCP_USD_PER_SECOND", "nan", "finite number"),
        ("VEO_MCP_DATABASE_URL", "mysql://root@db/jobs", "postgresql://"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(**{name: value})
    assert str(refusal.value).startswith(f"{name}: ")
    assert allowed in str(refusal.value)


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"VEO_MCP_BACKEND.*VEO_MCP_POLL_SECONDS"):
        read(VEO_MCP_BACKEND="x", VEO_MCP_POLL_SECONDS="y")


@pytest.mark.parametrize("key", [f"{SECRET}…", f"{SECRET} {SECRET}", f"{SECRET}\n{SECRET}", f"{SECRET}\x00"])
def test_a_key_that_no_header_can_carry_is_refused_by_name(key: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(AIMLAPI_API_KEY=key)
    assert str(refusal.value).startswith("AIMLAPI_API_KEY: ")
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["VEO_MCP_DATABASE_URL", "AIMLAPI_BASE_URL", "VEO_MCP_POLL_SECONDS", "VEO_MCP_BACKEND"]
)
def test_a_bad_value_is_never_echoed_because_it_may_be_a_secret_in_the_wrong_place(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(**{name: SECRET})
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_secrets_do_not_stand_in_the_settings_as_text() -> None:
    settings = read(AIMLAPI_API_KEY=SECRET, VEO_MCP_DATABASE_URL="postgresql://me:hunter2@db/jobs")
    for text in (repr(settings), str(settings), settings.model_dump_json(), settings.account):
        assert SECRET not in text
        assert "hunter2" not in text


def test_the_account_follows_the_key_and_the_address() -> None:
    accounts = {
        read(AIMLAPI_API_KEY="a" * 32).account,
        read(AIMLAPI_API_KEY="b" * 32).account,
        read(AIMLAPI_API_KEY="a" * 32, AIMLAPI_BASE_URL="https://proxy.example").account,
        read().account,
    }
    assert len(accounts) == 4
    assert read(AIMLAPI_KEY="a" * 32, AIML_API_BASE=f"{DEFAULT_BASE_URL}/v2/").account in accounts


@pytest.mark.parametrize(
    "spelling",
    [
        "https://API.Example",
        "HTTPS://api.example/",
        "https://api.example:443",
        "https://api.example.:0443/v2",
        "https://api.example:",
    ],
)
def test_an_address_in_another_spelling_is_no_other_account_that_pays_again(spelling: str) -> None:
    usual = read(AIMLAPI_API_KEY=SECRET, AIMLAPI_BASE_URL="https://api.example")
    other = read(AIMLAPI_API_KEY=SECRET, AIMLAPI_BASE_URL=spelling)
    assert (other.base_url, other.account) == (usual.base_url, usual.account)


@pytest.mark.parametrize(
    "other", ["http://api.example", "https://api.example:8443", "https://api.example/Path", "http://api.example:443"]
)
def test_another_address_is_another_account(other: str) -> None:
    usual = read(AIMLAPI_API_KEY=SECRET, AIMLAPI_BASE_URL="https://api.example/path")
    assert read(AIMLAPI_API_KEY=SECRET, AIMLAPI_BASE_URL=other).account != usual.account


def test_folders_are_absolute_wherever_the_server_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "somebody"))
    settings = read(VEO_MCP_HOME="jobs", VEO_MCP_OUTPUT_DIR="~/films")
    assert settings.home == tmp_path / "jobs"
    assert settings.output_dir == tmp_path / "somebody" / "films"


def test_on_windows_the_home_is_not_where_apps_of_the_store_get_a_copy_of_their_own() -> None:
    assert usual_home("win32") == str(Path.home() / ".veo-mcp")
    assert usual_home("linux") == platformdirs.user_data_dir("veo-mcp", appauthor=False)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user of whom neither the environment nor the machine knows a home folder, as in many containers."""

    def unknown(_: object) -> None:
        raise KeyError("no such user")

    pwd = pytest.importorskip("pwd", reason="Windows asks its own interface")
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_VIDEOS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


def test_without_a_home_folder_the_settings_that_name_one_are_asked_for(homeless: None, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set VEO_MCP_HOME and VEO_MCP_OUTPUT_DIR"):
        read()
    with pytest.raises(SettingsError, match=r"^VEO_MCP_HOME: .*whole path"):
        read(VEO_MCP_HOME="~nobody/x", VEO_MCP_OUTPUT_DIR=str(tmp_path))
    assert read(VEO_MCP_HOME=str(tmp_path), VEO_MCP_OUTPUT_DIR=str(tmp_path)).home == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the current folder")
def test_a_relative_folder_is_refused_where_the_current_one_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SettingsError, match=r"^VEO_MCP_HOME: .*whole path"):
        read(VEO_MCP_HOME="jobs")


def test_estimates_follow_the_prices_that_are_set() -> None:
    assert read().estimate_usd(8, audio=True) == 1.56
    assert read().estimate_usd(4, audio=False) == 0.52
    assert read(VEO_MCP_USD_PER_SECOND="1").estimate_usd(6, audio=False) == 6


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().model = "other"  # pyright: ignore[reportAttributeAccessIssue]
