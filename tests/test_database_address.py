"""A Postgres address that is wrong is said to be wrong, and no part of its password is."""

import logging
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger import NO_SERVER, SERVER
from studios import Place
from test_doctor import environ_of
from veo_mcp.doctor import examine
from veo_mcp.errors import LedgerError, SettingsError
from veo_mcp.settings import Settings
from veo_mcp.store import Database, Store

PARTS = ("geheim", "wort", "hush", "quiet")
PASSWORDS = (
    "geheim%wort", "geheim%zzwort", "geheim%", "geheim@wort", "geheim@hush@wort", "geheim wort", "geheim'wort",
    'geheim"wort', "geheim\\wort", "geheimäwort", "geheim%00wort", "geheim/wort", "geheim/wort?hush", "geheim?wort",
    "geheim#wort", "geheim:wort", "geheim[wort", "geheim&wort=hush", "geheim=wort", "geheim\udcffwort", "geheim+wort",
    "geheim@wort/hush", "geheim@wort:hush", "geheim\twort", "geheim,wort",
)  # fmt: skip
FORMS = {
    "before the host": "postgresql://me:{}@127.0.0.1:9/jobs",
    "before the host, short": "postgres://me:{}@127.0.0.1:9/jobs",
    "as a parameter": "postgresql://127.0.0.1:9/jobs?user=me&password={}",
    "for the key": "postgresql://127.0.0.1:9/jobs?user=me&sslpassword={}",
}


def assert_no_part_of_it_is_in(text: str) -> None:
    assert [part for part in PARTS if part in text] == []


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_no_error_holds_a_part_of_the_databases_password(
    form: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(Database(form.format(password)))
    with pytest.raises(LedgerError, match="at VEO_MCP_DATABASE_URL cannot be used") as trouble:
        await store.get("any", account="a")
    assert_no_part_of_it_is_in("".join(traceback.format_exception(trouble.value)))
    try:
        raise trouble.value
    except LedgerError:
        logging.getLogger("veo_mcp").exception("as the log would show it")
    assert_no_part_of_it_is_in(caplog.text)
    await store.close()


@pytest.mark.parametrize("password", ["geheim%wort", "geheim@wort", "geheim wort", "geheim/wort"])
async def test_a_password_that_is_not_encoded_is_said_to_need_it(password: str, tmp_path: Path) -> None:
    address = FORMS["before the host"].format(password)
    findings = await examine(environ_of(tmp_path, VEO_MCP_DATABASE_URL=address))
    lines = "\n".join(finding.line for finding in findings)
    assert_no_part_of_it_is_in(lines)
    assert "PROBLEM ledger" in lines
    for words in ("VEO_MCP_DATABASE_URL", "percent-encoded", "% as %25", "@ as %40"):
        assert words in lines


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_settings_error_holds_a_part_of_the_databases_password(form: str, password: str) -> None:
    for address in (form.format(password).replace("postgres", "mysql"), form.format(password) + "${X}"):
        with pytest.raises(SettingsError, match="VEO_MCP_DATABASE_URL") as trouble:
            Settings.from_environment({"VEO_MCP_DATABASE_URL": address})
        assert_no_part_of_it_is_in("".join(traceback.format_exception(trouble.value)))


@pytest.mark.parametrize("password", ["geheim%wort", "geheim@wort"])
async def test_no_tool_tells_a_part_of_the_databases_password(
    place: Place, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with place.connect(database_url=FORMS["before the host"].format(password)) as client:
        for tool, arguments in (("list_videos", {}), ("create_video", {"prompt": "A ferry"})):
            told = await client.call_tool(tool, arguments)
            assert told.is_error
            assert "VEO_MCP_DATABASE_URL" in str(told.content)
            assert_no_part_of_it_is_in(str(told))
    assert_no_part_of_it_is_in(caplog.text)


@pytest.mark.skipif(not SERVER, reason=NO_SERVER)
@pytest.mark.parametrize("address", ["postgres"], indirect=True)
@pytest.mark.parametrize("password", [each for each in PASSWORDS if "%00" not in each and "\udcff" not in each])
async def test_a_password_that_is_encoded_as_told_is_taken(address: str, password: str) -> None:
    scheme, rest = address.split("://", 1)
    user, host = rest.split("@", 1)
    store = Store(Database(f"{scheme}://{user.partition(':')[0]}:{quote(password, safe='')}@{host}"))
    assert await store.get("any", account="a") is None
    await store.close()
