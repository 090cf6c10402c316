"""Keys of the service, in a file that only its owner reads. A key is mp-ID-SECRET; kept is a hash of the secret.

The secret has 256 random bits, so one round of SHA-256 is enough: there is nothing that could be guessed.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from probe.access.belonging import give
from probe.errors import InputError, UnknownName

SCOPES = ("probe", "scan", "admin")
LOCAL = "default"  # the owner of what is made at the command line, or at a service without keys
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN = re.compile(r"mp-([0-9a-f]{8})-([A-Za-z0-9_-]{43})")
_NOBODY = sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """owner: whose files, scans, calibrations and documents it sees. rate, budget: such as 600/minute and, in tokens,
    5000000/day; "" for what the service allows.
    """

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    hash: str
    created: int
    rate: str = ""
    budget: str = ""

    def allows(self, scopes: frozenset[str]) -> bool:
        return "admin" in self.scopes or not scopes.isdisjoint(self.scopes)


class KeyRing:
    """The keys of a file, read again when it changes, so that a key works or stops at once."""

    def __init__(self, path: Path) -> None:
        self._path, self._keys = path, tuple[Key, ...]()
        self._read: tuple[int, int, int] | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Raises InputError for a file that cannot be read: nobody is let in by mistake."""
        try:
            with self._path.open(encoding="utf-8") as file:
                state = os.fstat(file.fileno())
                seen = (state.st_mtime_ns, state.st_ino, state.st_size)
                if seen != self._read:
                    self._keys, self._read = tuple(_key(row) for row in json.load(file)["keys"]), seen
        except FileNotFoundError:
            self._keys, self._read = (), None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"The keys in {self._path} cannot be read ({error}). Mend the file.") from error
        return self._keys

    def find(self, token: str) -> Key | None:
        """Returns the key that this is; the secrets are compared in constant time."""
        form = _TOKEN.fullmatch(token)
        name, secret = form.groups() if form else ("", "")
        key = next((one for one in self.keys if one.id == name), None)
        same = hmac.compare_digest(key.hash if key else _NOBODY, _hash(secret))
        return key if key and same else None

    def add(
        self, name: str, scopes: Sequence[str], owner: str = "", rate: str = "", budget: str = ""
    ) -> tuple[Key, str]:
        """Returns a new key and its token, which is kept nowhere. Raises InputError."""
        for one in (name, owner or name):
            if not _NAME.fullmatch(one):
                raise InputError(f"{one!r} names no key and no owner: use letters, digits, dots and dashes.", "name")
        if unknown := sorted(set(scopes) - set(SCOPES)):
            raise InputError(f"No scope is named {unknown[0]!r}; there are {', '.join(SCOPES)}.", "scopes")
        if not scopes:
            raise InputError(f"A key without a scope may do nothing: name some of {', '.join(SCOPES)}.", "scopes")
        if any(one.name == name for one in self.keys):
            raise InputError(f"There is a key {name} already: choose another name, or revoke it first.", "name")
        identity, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = Key(
            identity, name, owner or name, tuple(one for one in SCOPES if one in scopes), _hash(secret),
            int(time.time()), rate, budget,
        )  # fmt: skip
        self._write([*self.keys, key])
        return key, f"mp-{identity}-{secret}"

    def revoke(self, name: str) -> None:
        """Raises UnknownName."""
        kept = [one for one in self.keys if one.name != name]
        if len(kept) == len(self.keys):
            raise UnknownName(f"No key is named {name!r}.", "name")
        self._write(kept)

    def _write(self, keys: Sequence[Key]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"keys": [asdict(one) for one in keys]}, file, indent=1)
            give(file.fileno(), self._path if (there := self._path.exists()) else self._path.parent)
            if there:
                os.fchmod(file.fileno(), 0o600 | (self._path.stat().st_mode & 0o040))  # a group that reads it goes on
        beside.replace(self._path)


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _key(row: dict[str, Any]) -> Key:
    key = Key(**row)  # a wrong row raises TypeError, which is told
    return replace(key, scopes=tuple(key.scopes))
