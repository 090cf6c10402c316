"""What is let through of a body, and what of it is read at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import Body, FastAPI

from server.wire.limits import BodyLimit

LIMIT, UPLOADS = 1000, 1 << 30


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def app() -> FastAPI:
    made = FastAPI()
    made.add_middleware(BodyLimit, limit=LIMIT, uploads=UPLOADS)

    @made.post("/v1/probe")
    async def measure(body: Annotated[bytes, Body(media_type="application/octet-stream")]) -> int:
        return len(body)

    return made


def ask(loop: asyncio.AbstractEventLoop, path: str, pieces: AsyncIterator[bytes], **headers: str) -> int:
    """Returns the status of the answer to a POST whose body comes in these pieces."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "headers": raw, "server": ("localhost", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    called: Callable[..., Awaitable[None]] = app()
    loop.run_until_complete(called(scope, receive, send))
    (status,) = statuses
    return status


def test_the_time_of_a_body_is_what_the_settings_say_alone() -> None:
    """Three minutes for a few bytes: the protocol, which knows the settings, did not object."""
    loop = Clock()

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3):
            loop.ahead += 60
            await asyncio.sleep(0.01)
            yield b"x"

    try:
        assert ask(loop, "/v1/probe", slow(), content_type="application/octet-stream", content_length="3") == 200
    finally:
        loop.close()
