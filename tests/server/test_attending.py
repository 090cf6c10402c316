"""How long work for a request may take, on applications of a few lines and without a socket."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.wire.attending import Attending

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/"}


class Client:
    """Sends a body, then listens until it leaves or has the whole answer."""

    def __init__(self, *body: bytes) -> None:
        self._body = list(body) or [b""]
        self.sent: list[Message] = []
        self.left, self.answered = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Message:
        if self._body:
            part = self._body.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._body)}
        waits = [asyncio.create_task(event.wait()) for event in (self.left, self.answered)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.answered.set()

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(b"".join(part.get("body", b"") for part in self.sent))["error"]
        return found


async def read(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


async def answer(send: Send, *parts: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def attend(app: ASGIApp, client: Client, seconds: float = 60.0, routes: FastAPI | None = None) -> asyncio.Task[None]:
    async def run() -> None:
        await Attending(app, seconds)(SCOPE | {"app": routes or FastAPI()}, client.receive, client.send)

    return asyncio.create_task(run())


def test_an_answer_in_time_goes_through() -> None:
    async def scenario() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await read(receive)
            await answer(send, b"one", b"two")

        client = Client(b"a", b"b")
        await attend(app, client)
        assert client.status == 200 and len(client.sent) == 4

    asyncio.run(scenario())


@pytest.mark.parametrize("body", [(), (b"that", b"nobody", b"reads")])
@pytest.mark.parametrize("leaves", [False, True])
def test_work_of_a_route_that_reads_no_body_ends_likewise(body: tuple[bytes, ...], leaves: bool) -> None:
    routes = FastAPI()
    routes.post("/")(lambda: None)

    async def scenario() -> None:
        ended = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        client = Client(*body)
        task = attend(app, client, 60.0 if leaves else 0.05, routes)
        await asyncio.sleep(0.02)
        if leaves:
            client.left.set()
        await asyncio.wait_for(task, 5)
        await asyncio.wait_for(ended.wait(), 5)
        assert client.status == (None if leaves else 504)

    asyncio.run(scenario())


def test_work_that_takes_too_long_is_ended_with_what_to_change() -> None:
    async def scenario() -> None:
        ended = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await read(receive)
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        client = Client()
        await attend(app, client, 0.05)
        assert client.status == 504 and client.error["code"] == "request_timeout"
        assert "fewer or shorter texts" in client.error["message"] and "/v1/batches" in client.error["message"]
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(scenario())


def test_a_thread_that_cannot_be_ended_keeps_nobody_waiting() -> None:
    async def scenario() -> None:
        go = threading.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await read(receive)
            await asyncio.shield(asyncio.to_thread(go.wait, 60))
            await answer(send)

        client = Client()
        try:
            await attend(app, client, 0.05)
            assert client.status == 504
        finally:
            go.set()
        await asyncio.sleep(0.05)
        assert [message["type"] for message in client.sent].count("http.response.start") == 1

    asyncio.run(scenario())


def test_time_begins_with_the_end_of_the_body_and_ends_with_the_begin_of_the_answer() -> None:
    async def scenario() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await asyncio.sleep(0.3)  # a body that comes slowly
            await read(receive)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(0.3)  # a stream that goes on
            await send({"type": "http.response.body", "body": b""})

        client = Client(b"a", b"b")
        await attend(app, client, 0.2)
        assert client.status == 200 and len(client.sent) == 2

    asyncio.run(scenario())


def test_a_client_that_goes_away_ends_its_work() -> None:
    async def scenario() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await read(receive)
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        client = Client(b"a")
        task = attend(app, client)
        await asyncio.wait_for(begun.wait(), 5)
        client.left.set()
        await asyncio.wait_for(task, 5)
        await asyncio.wait_for(ended.wait(), 5)
        assert client.sent == []

    asyncio.run(scenario())


def test_what_the_application_still_does_after_its_answer_is_not_ended() -> None:
    async def scenario() -> None:
        over = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await read(receive)
            await answer(send, b"x")
            await asyncio.sleep(0.05)
            over.set()

        await attend(app, Client(), 0.2)
        assert over.is_set()

    asyncio.run(scenario())


def test_an_error_is_raised_and_the_listener_hears_of_a_disconnect() -> None:
    async def scenario() -> None:
        heard = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await read(receive)
            if (await receive())["type"] == "http.disconnect":
                heard.set()
            raise ValueError("it failed")

        client = Client()
        task = attend(app, client)
        await asyncio.sleep(0.05)
        client.left.set()
        await asyncio.wait([task])
        await asyncio.wait_for(heard.wait(), 5)

        async def failing(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("it failed")

        other = attend(failing, Client())
        await asyncio.wait([other])
        assert isinstance(other.exception(), ValueError)

    asyncio.run(scenario())
