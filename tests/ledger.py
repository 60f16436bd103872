"""The ledger under test: SQLite always, and Postgres where VEO_MCP_TEST_POSTGRES names a server to use as one likes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studios import NOON
from veo_mcp.jobs import Job
from veo_mcp.store import Store, Terms

ACCOUNT = "aimlapi-test"
Opener = Callable[[], Store]
Address = Path | str

SERVER = os.environ.get("VEO_MCP_TEST_POSTGRES", "")
NO_SERVER = "VEO_MCP_TEST_POSTGRES is not set"
MIDNIGHT = NOON.replace(hour=0)


async def claim(store: Store, job: Job, **changes: Any) -> Job | None:
    """Claim and return the new job; None where the order is answered with another or refused."""
    terms = Terms(since=MIDNIGHT, limit_usd=changes.pop("limit_usd", None))
    usual: dict[str, Any] = {"owner": "me", "lease": 20, "caller": "me", "terms": terms}
    claimed = await store.claim(job, **(usual | changes))
    return claimed.job if claimed.is_new else None


async def insert(store: Store, job: Job, **changes: Any) -> Job:
    assert await claim(store, job, anew=True, **changes) is not None
    return job


async def owned(store: Store, job: Job, owner: str) -> bool:
    """Say whether the owner may write, without changing anything."""
    return await store.save(await kept(store, job), owner=owner)


async def taken_over(store: Store, *, account: str, owner: str) -> list[Job]:
    """Take over whatever nobody looks after, at the first look."""
    abandoned = await store.abandoned(account=account)
    return await store.take_over([each.job for each in abandoned], owner=owner, lease=20)


async def kept(store: Store, job: Job) -> Job:
    found = await store.get(job.id, account=job.account)
    assert found is not None
    return found
