"""Answers that never arrive whole: the connection ends before them or in the middle."""

from asyncio import Transport

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send


class NoAnswer(Response):
    """End the connection without a word."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await hang_up(receive)


class CutShort(Response):
    """Announce the whole length, send half of it and end the connection."""

    def __init__(self, content: bytes, *, silent_in_process: bool) -> None:
        """Take the whole content; in process, either raise or leave it to the reader to notice what is missing."""
        super().__init__(content, media_type="video/mp4", headers={"accept-ranges": "bytes"})
        self.silent_in_process = silent_in_process

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send(_part(half))
        if self.silent_in_process and _socket(receive) is None:
            await send(_part(b"", more=False))
        else:
            await hang_up(receive)


async def hang_up(receive: Receive) -> None:
    """Close the socket under the request; in process, raise what a client would see on a network."""
    if (socket := _socket(receive)) is None:
        from httpx2 import RemoteProtocolError  # noqa: PLC0415 - only an in-process httpx2 client gets here

        raise RemoteProtocolError("Server disconnected without sending a complete answer.")
    socket.close()
    while (await receive())["type"] != "http.disconnect":
        pass


def _socket(receive: Receive) -> Transport | None:
    """Find uvicorn's socket: ASGI has no message for hanging up, and a plain return becomes a 500."""
    return getattr(getattr(receive, "__self__", None), "transport", None)


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
