"""Lets in who has a key: 401 without one, 403 with one that may not, 429 with one that asked enough."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probe.access.keys import Key
from probe.access.tab import Tab
from probe.errors import InputError, OverQuota, Uncounted
from probe.logs import described
from server.access.caller import Caller
from server.access.opening import Access, is_loopback
from server.access.scopes import ADMIN, OPEN, scopes_of
from server.access.sessions import session_of
from server.errors import envelope, known
from server.operation.asked import request_id
from server.operation.matching import route_of

_LOG = logging.getLogger(__name__)
_GIVEN_UP = (0, 504)  # no answer was waited for, or none came in time: the models may have read all of it
_SUBJECT = re.compile(r"(?:file-|batch_|job-)[0-9a-f]{32}")
_NO_KEY = (
    "This service asks for a key: send it as Authorization: Bearer KEY. Its operator makes them (memprobe keys add)."
)
_FAR = "Without keys this service answers this machine only. Its operator makes keys: memprobe keys add NAME."


class Guard:
    """ASGI middleware. What it lets in knows its caller, and is written into the record."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route, status = route_of(scope), 0
        caller = await self._admitted(scope, scopes_of(route))

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            if isinstance(caller, Response):
                await caller(scope, receive, watched)
            else:
                scope["caller"] = caller
                await self._app(scope, receive, watched)
        finally:
            if isinstance(caller, Caller) and not caller.works and status not in _GIVEN_UP:
                self._settle(caller)
            if self._access.record and scopes_of(route) is not OPEN:
                self._note(scope, route, status, caller)

    async def _admitted(self, scope: Scope, scopes: frozenset[str]) -> Caller | Response:
        """Counts in a thread where the counts are kept elsewhere: nobody else waits until that answers."""
        if self._access.quota.away and scopes is not OPEN:
            return await asyncio.to_thread(self._admit, scope, scopes)
        return self._admit(scope, scopes)

    def _settle(self, caller: Caller) -> None:
        if self._access.quota.away:
            asyncio.get_running_loop().run_in_executor(None, caller.settles)
        else:
            caller.settles()

    def _admit(self, scope: Scope, scopes: frozenset[str]) -> Caller | Response:
        try:
            if not self._access.required:
                return Caller() if _near(scope) else envelope(403, _FAR, "key_needed")
            key = self._key(scope)
        except InputError as error:
            _LOG.error("The keys cannot be read.", extra={"facts": {"error": described(error)}})
            return envelope(503, "The service's keys cannot be read: its operator mends their file.", "keys_unreadable")
        if scopes is OPEN:
            return Caller(key.owner if key else "", key, self._access)
        if key is None:
            return envelope(401, _NO_KEY, "invalid_key", headers={"WWW-Authenticate": "Bearer"})
        return self._limit(key, scopes)

    def _key(self, scope: Scope) -> Key | None:
        """Returns the key of the header or, where it has none, of the page's session. Raises InputError."""
        token = token_of(scope)
        return self._access.sessions.find(session_of(scope)) if token is None else self._access.ring.find(token)

    def _limit(self, key: Key, scopes: frozenset[str]) -> Caller | Response:
        if not key.allows(scopes):
            said = f"This key may {', '.join(key.scopes)}; this takes {' or '.join(sorted(scopes))}."
            return envelope(403, said, "scope")
        try:
            if scopes != ADMIN:  # what only operators ask costs no model, and is asked most while nothing counts
                self._access.quota.take(key)
        except (OverQuota, Uncounted) as error:
            return known(error)
        return Caller(key.owner, key, self._access, tab=Tab(self._access.quota, key))

    def _note(self, scope: Scope, route: tuple[str, str] | None, status: int, caller: Caller | Response) -> None:
        """Of the path it keeps the route and the service's own ids; anything else might be a text."""
        who = caller if isinstance(caller, Caller) else Caller("")
        subject = _SUBJECT.search(scope["path"])
        facts: Mapping[str, Any] = {
            "request": request_id(), "key": who.key and who.key.name, "owner": who.owner or None,
            "route": " ".join(route or ()), "subject": who.about or (subject and subject[0]), "status": status,
        }  # fmt: skip
        assert self._access.record is not None
        self._access.record.note({name: value for name, value in facts.items() if value is not None}, who.hashes)


def token_of(scope: Scope) -> str | None:
    """Returns the key of the header, None where there is none."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _near(scope: Scope) -> bool:
    """True for who asks from this machine; a socket file has no address."""
    client = scope.get("client")
    return client is None or is_loopback(client[0])
