"""Ids that this server has no order for: adopted, or given to an order of unknown outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from veo_mcp.api import Generation
from veo_mcp.client import VeoClient
from veo_mcp.errors import InvalidRequest, NotFound, UnknownGeneration, UpstreamError
from veo_mcp.jobs import HANDLE_CHARACTERS, Job, State, new_job_id
from veo_mcp.quoting import as_said, one_line
from veo_mcp.settings import Settings
from veo_mcp.store import Store
from veo_mcp.watcher import Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    settings: Settings
    store: Store
    client: VeoClient
    watcher: Watcher
    clock: Callable[[], datetime]

    async def adopt(self, generation_id: str) -> Job:
        """Look after a generation that was ordered elsewhere.

        Raises:
            UnknownGeneration: upstream does not know it.
            UpstreamError: upstream could not be asked.
        """
        generation = await self._asked(generation_id)
        unknown = await self.store.page([State.UNKNOWN], 1, account=self.settings.account)
        job = Job(
            id=new_job_id(),
            account=self.settings.account,
            backend=self.settings.backend,
            model=self.settings.model,
            request=None,
            state=State.QUEUED,
            generation_id=generation_id,
            created_at=self.clock(),
            cost_usd=generation.cost_usd,
            warnings=tuple(_perhaps(lost, generation_id) for lost in unknown),
        )
        adopted = await self.store.adopt(job, owner=self.watcher.owner, lease=self.watcher.pace.lease)
        return await self.watcher.begin(adopted) if adopted.id == job.id else adopted

    async def settle(self, lost: Job, generation_id: str) -> Job:
        """Give an id from the account's history to an order whose answer never came.

        Raises:
            InvalidRequest: the order's outcome is known, or the id is another order's.
            UnknownGeneration, UpstreamError: as `adopt` does.
        """
        if lost.state is not State.UNKNOWN:
            raise InvalidRequest(f"The outcome of {lost.id} is known here; get_video_status({lost.id!r}) tells it.")
        standing = await self.store.get(generation_id, account=self.settings.account)
        if standing is not None and standing.request is not None:
            raise InvalidRequest(f"{generation_id!r} is the video of another order. list_videos shows it.")
        generation = await self._asked(generation_id)
        job = lost.accepted(generation_id, cost_usd=generation.cost_usd)
        accepted = await self.store.accept(job, owner=self.watcher.owner, lease=self.watcher.pace.lease)
        return await self.watcher.begin(accepted)

    async def _asked(self, generation_id: str) -> Generation:
        try:
            generation = await self.client.retrieve(generation_id)
        except NotFound as error:
            raise UnknownGeneration(
                f"There is no generation {generation_id!r}, neither in the ledger nor upstream. list_videos shows all."
            ) from error
        except UpstreamError as error:
            raise UpstreamError(_cannot_say(generation_id, error), said=error.said, status=error.status) from error
        if generation.word == "unknown" and not generation.id:
            raise UnknownGeneration(f"Upstream does not know {generation_id!r}. list_videos shows what there is.")
        return generation


def _cannot_say(generation_id: str, error: UpstreamError) -> str:
    return (
        f"{generation_id[:60]!r} is not in the ledger, and upstream could not be asked after it."
        f" {error}{as_said(error.said)} Nothing was charged: mend that or wait a little, then ask again. list_videos"
        " shows what was ordered here."
    )


def _perhaps(lost: Job, generation_id: str) -> str:
    return (
        f"An order of {lost.created_at:%Y-%m-%d %H:%M} UTC is of unknown outcome. If this is its video,"
        f' get_video_status(generation_id="{lost.id}={one_line(generation_id, HANDLE_CHARACTERS)}") settles it.'
    )
