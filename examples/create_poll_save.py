"""The bare API in a dozen lines, with this package's client: create, poll, save. No ledger, no second chances.

python examples/create_poll_save.py "A paper boat sails down a rainy street" boat.mp4
"""

import sys
import uuid

import anyio

from veo_mcp.api import VideoRequest
from veo_mcp.settings import Settings
from veo_mcp.wiring import open_api


async def main(prompt: str, name: str) -> None:
    request = VideoRequest(prompt=prompt, duration=4, resolution="720p")
    async with open_api(Settings.from_environment()) as (api, artifacts):
        generation = await api.create(request, request_id=str(uuid.uuid4()))
        print(f"ordered: {generation.id}", file=sys.stderr)
        while generation.outcome in ("queued", "running", "odd"):
            await anyio.sleep(2)
            generation = await api.retrieve(generation.id)
        if generation.url is None:
            sys.exit(f"{generation.word}: {generation.error_message}")
        part = await artifacts.download(generation.url, name, owner="example")
        print((await artifacts.keep(part, name)).path)


if __name__ == "__main__":
    prompt, name = sys.argv[1:] or ("A paper boat sails down a rainy street", "boat.mp4")
    anyio.run(main, prompt, name)
