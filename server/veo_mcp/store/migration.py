"""Which programs may use a database, and how one of an older schema becomes one of this program's."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from veo_mcp import __version__
from veo_mcp.errors import LedgerError
from veo_mcp.quoting import one_line, printable
from veo_mcp.store.rows import Execute
from veo_mcp.store.schema import Step

PROGRAM = printable(f"veo-mcp {__version__} ({sys.executable})")  # a path may hold bytes that no UTF-8 does


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What `schema_version` says of a database.

    `step` is how many steps of the schema were taken. `readable_from` is the step that a program must know to work
    with it; it stands in the column `version`, for that is what programs of schema 2, which know no other column,
    compare with what they know: they go on with a database whose later steps are all additive. `program` took the
    last step; "" where that was one of schema 2.
    """

    step: int
    readable_from: int
    program: str


def found_version(execute: Execute) -> Version:
    execute("CREATE TABLE IF NOT EXISTS schema_version(version INTEGER NOT NULL)")
    rows = execute("SELECT * FROM schema_version")
    if not rows:
        return Version(step=0, readable_from=0, program="")
    row = rows[0]
    step, program = row.get("step") or row["version"], row.get("program") or ""
    return Version(step=step, readable_from=row["version"], program=program)


def require_readable(version: Version, known: int, *, place: str) -> None:
    """Let a program that knows so many steps work with the database, or raise LedgerError."""
    if version.readable_from <= known:
        return
    by = f"{one_line(version.program)} has" if version.program else "a newer veo-mcp has"
    raise LedgerError(
        f"The jobs database {place} has schema {version.step}, since {by} used it; this one, {PROGRAM}, knows {known}"
        " and cannot work with it. Nothing was changed. Upgrade veo-mcp for that Python: `uv tool upgrade veo-mcp`,"
        f" or `{sys.executable} -m pip install --upgrade veo-mcp`; then restart the chat app that started it."
    )


def migrate(execute: Execute, version: Version, steps: Sequence[Step]) -> None:
    """Take the steps that the database lacks."""
    readable_from = version.readable_from
    for number, step in enumerate(steps[version.step :], start=version.step + 1):
        for sql in step.statements:
            execute(sql)
        readable_from = readable_from if step.additive else number
    execute("DELETE FROM schema_version")
    sql = "INSERT INTO schema_version(version, step, program) VALUES(:version, :step, :program)"
    execute(sql, version=readable_from, step=len(steps), program=PROGRAM)
