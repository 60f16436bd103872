"""The client's side of the tasks extension, and a server on a loopback port."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import uvicorn
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.server import MCPServer
from mcp.types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field

from studios import until
from veo_mcp.answers import TASKS_EXTENSION


class Handle(Result):
    """What `tools/call` answers when it makes a task."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    result_type: Literal["task"] = "task"
    task_id: str = Field(alias="taskId")


class Answer(Result):
    model_config = ConfigDict(extra="allow")


class Params(RequestParams):
    model_config = ConfigDict(extra="allow")


class TaskRequest(Request[Params, str]):
    method: str
    params: Params
    name_param = "taskId"


class TaskClient(ClientExtension):
    """Declares the extension; `handles` are the tasks that calls were answered with."""

    identifier = TASKS_EXTENSION

    def __init__(self) -> None:
        self.handles: list[dict[str, Any]] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return (ResultClaim(result_type="task", model=Handle, resolve=self._note),)

    async def _note(self, handle: Handle, _: ClaimContext) -> CallToolResult:
        self.handles.append(handle.model_dump(by_alias=True, mode="json"))
        return CallToolResult(content=[], is_error=True)


async def ask(client: Client, method: str, task_id: str, **params: Any) -> dict[str, Any]:
    """Send `tasks/get`, `tasks/update` or `tasks/cancel`."""
    request = TaskRequest(method=method, params=Params.model_validate({"taskId": task_id} | params))
    answer = await client.session.send_request(request, Answer)
    return answer.model_dump(by_alias=True, mode="json", exclude={"meta"})


async def order(client: Client, prompt: str, **arguments: Any) -> dict[str, Any]:
    """Order a video of a client that declares the extension; return the task."""
    own = TaskClient()
    (declared,) = client.extensions or [own]
    assert isinstance(declared, TaskClient)
    await client.call_tool("generate_and_wait", {"prompt": prompt} | arguments)
    return declared.handles[-1]


async def finished(client: Client, task_id: str) -> dict[str, Any]:
    """Poll the task until it has ended."""
    with anyio.fail_after(10):
        while True:
            task = await ask(client, "tasks/get", task_id)
            if task["status"] != "working":
                return task
            await anyio.sleep(0.02)


@asynccontextmanager
async def serving(server: MCPServer[Any]) -> AsyncGenerator[str]:
    """Serve as `veo-mcp serve --http` does, on a free port of this process; yield the address."""
    web = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), port=0, log_level="error", lifespan="on"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(web.serve)
        await until(lambda: web.started)
        yield f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}/mcp"
        web.should_exit = web.force_exit = True
