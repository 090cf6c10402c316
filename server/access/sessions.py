"""What the page has instead of a key: a random token in a cookie, known to this process alone, until one of both ends.

Browsers send a cookie to every port of a host, so that whatever else is served there sees it. It is therefore no key:
it works here only, and is of no use once the service, the session or the key has ended.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from threading import Lock

from starlette.types import Scope

from probe.access.keys import Key, KeyRing

COOKIE = "memprobe_session"
MOST = 16  # of a key: the oldest ends, so that nobody fills the memory, or ends what others began


class Sessions:
    """Safe for threads."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring, self._lock = ring, Lock()
        self._begun: dict[bytes, tuple[str, str]] = {}  # by hash: a look-up that tells nothing by its time

    def begin(self, key: Key) -> str:
        """Returns the token of a new session. Raises InputError where the keys cannot be read."""
        token, known = secrets.token_urlsafe(32), {_mark(one) for one in self._ring.keys}
        with self._lock:
            kept = {hashed: mark for hashed, mark in self._begun.items() if mark in known}
            for old in [hashed for hashed, mark in kept.items() if mark == _mark(key)][: 1 - MOST]:
                del kept[old]
            self._begun = {**kept, _hash(token): _mark(key)}
        return token

    def find(self, token: str) -> Key | None:
        """Returns the key that began it, None where one of both has ended. Raises InputError as `begin` does."""
        mark = self._begun.get(_hash(token))
        return next((key for key in self._ring.keys if _mark(key) == mark), None)

    def end(self, token: str) -> None:
        with self._lock:
            self._begun.pop(_hash(token), None)


def session_of(scope: Scope) -> str:
    """Returns the token of a request's cookie, "" where there is none."""
    try:
        cookies = SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _mark(key: Key) -> tuple[str, str]:
    return key.id, key.hash


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
