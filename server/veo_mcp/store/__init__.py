"""The jobs table. SQL and nothing else: it writes rows and decides nothing.

One SQL text serves SQLite and Postgres. Leases are counted by the database's own clock, so replicas need not agree on
the time. `owner` is the process that looks after a job; every write but one is fenced by it. The one that is not is
`accept`: whoever learns a paid id records it.
"""

from veo_mcp.store.database import Database
from veo_mcp.store.jobs_table import Abandoned, Claimed, JobTask, Store, Terms
from veo_mcp.store.sqlite_file import back_up, copies_of, sqlite_version

__all__ = ["Abandoned", "Claimed", "Database", "JobTask", "Store", "Terms", "back_up", "copies_of", "sqlite_version"]
