"""What is let through of a body, and what of it is read at all."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI, UploadFile

from probe.documents.limits import BYTES
from probe.scans.room import FREE
from server import errors
from server.wire.limits import FORM, BodyLimit

LIMIT, UPLOADS = 1000, 1 << 30
MEGABYTE = 1 << 20
HEAD = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


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

    @made.post("/v1/documents")
    @made.post("/v1/files")
    async def keep(file: UploadFile) -> int:
        return file.size or 0

    errors.install(made)
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


async def upload(size: int, taken: list[int]) -> AsyncIterator[bytes]:
    """Yields a form of so many megabytes; taken: how many were asked for."""
    yield HEAD
    for number in range(size):
        taken.append(number)
        yield bytes(MEGABYTE)
    yield b"\r\n--B--\r\n"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


FORM_TYPE = "multipart/form-data; boundary=B"


def test_a_document_beyond_its_limit_is_refused_before_it_is_on_the_disk(loop: asyncio.AbstractEventLoop) -> None:
    taken: list[int] = []
    most = BYTES + FORM
    announced = {"content_type": FORM_TYPE, "content_length": str(most + 1)}
    assert ask(loop, "/v1/documents", upload(2, taken), **announced) == 413 and not taken
    silent = {"content_type": FORM_TYPE, "transfer_encoding": "chunked"}
    assert ask(loop, "/v1/documents", upload(300, taken), **silent) == 413
    assert len(taken) == most // MEGABYTE
    assert ask(loop, "/v1/files", upload(2, []), **announced) == 200
    assert ask(loop, "/v1/files", upload(2, []), content_type=FORM_TYPE, content_length=str(UPLOADS + 1)) == 413


def test_an_upload_leaves_room_where_it_lies_first(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[int] = []
    silent = {"content_type": FORM_TYPE, "transfer_encoding": "chunked"}

    def usage(path: str) -> SimpleNamespace:
        assert path == tempfile.gettempdir()
        return SimpleNamespace(free=FREE + (20 - len(taken)) * MEGABYTE)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    for path in ("/v1/files", "/v1/documents"):
        announced = {"content_type": FORM_TYPE, "content_length": str(21 * MEGABYTE)}
        assert ask(loop, path, upload(2, taken), **announced) == 507 and not taken
        assert ask(loop, path, upload(10, taken), **announced | {"content_length": str(11 * MEGABYTE)}) == 200
        taken.clear()
        assert ask(loop, path, upload(50, taken), **silent) == 507 and len(taken) == 21
        taken.clear()
    assert [record.getMessage() for record in caplog.records] == [
        "The disk of temporary files is all but full: an upload is refused."
    ] * 4


def test_a_disk_that_is_full_is_told(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("w+b"))  # noqa: SIM115
    headers = {"content_type": FORM_TYPE, "transfer_encoding": "chunked"}
    for path in ("/v1/files", "/v1/documents"):
        assert ask(loop, path, upload(3, []), **headers) == 507
    (first, _) = caplog.records
    assert first.levelname == "ERROR" and "cannot be written" in first.getMessage()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Path("/nowhere/x").open("w+b"))  # noqa: SIM115
    assert ask(loop, "/v1/files", upload(3, []), **headers) == 500
