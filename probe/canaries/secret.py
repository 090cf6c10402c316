"""What an author keeps to himself until the test: how every alternative is made again, and which was drawn.

It is a file, secret.json, whose SHA-256 is the commitment: `sha256sum secret.json` checks it without memprobe. The key
of 256 bits in it makes the hash say nothing about the rest.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from probe.errors import InputError

_VERSION = 1  # of how texts are drawn from a key
MOST = 2_000_000  # texts of one secret: they are held at once
RESTORE = "put back the file that `memprobe canaries make` wrote"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One canary. drawn: place of the planted one among its alternatives, of which there are `size` with it; sha256:
    of the planted text; template: what they are made of, or texts: the author's own wordings."""

    id: str
    drawn: int
    size: int
    sha256: str = ""
    template: str = ""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """key: 32 bytes. words: what fills {word}."""

    key: bytes
    canaries: tuple[Sealed, ...]
    words: tuple[str, ...] = ()


def as_bytes(secret: Secret) -> bytes:
    """Returns the file's content."""
    rows = [{name: value for name, value in asdict(one).items() if value not in ("", ())} for one in secret.canaries]
    whole = {
        "object": "memprobe.canaries", "version": _VERSION, "key": secret.key.hex(), "words": " ".join(secret.words),
        "canaries": rows,
    }  # fmt: skip
    return (json.dumps(whole, indent=1, ensure_ascii=True) + "\n").encode()


def commitment(data: bytes) -> str:
    """Returns what can be published of the file."""
    return "sha256:" + sha256(data).hexdigest()


def parse(data: bytes) -> Secret:
    """Returns the secret in a file. Raises InputError where it is none."""
    try:
        whole = json.loads(data)
        if (whole["object"], whole["version"]) != ("memprobe.canaries", _VERSION):
            raise ValueError("another version")
        canaries = tuple(map(_sealed, whole["canaries"]))
        words = tuple(whole["words"].split())
        if sum(one.size for one in canaries) > MOST or not (canaries and (words or all(one.texts for one in canaries))):
            raise ValueError("too much or nothing to draw from")
        return Secret(bytes.fromhex(whole["key"]), canaries, words)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"The secret is damaged, or was made by another memprobe: {RESTORE}.", "folder") from error


def _sealed(row: dict[str, Any]) -> Sealed:
    """Raises ValueError, KeyError or TypeError for what is no canary."""
    one = Sealed(**{**row, "texts": tuple(row.get("texts", ()))})
    strings = (one.id, one.sha256, one.template, *one.texts)
    numbers = (one.drawn, one.size)
    if not all(isinstance(value, str) for value in strings) or not all(type(value) is int for value in numbers):
        raise TypeError("no canary")
    if not 0 <= one.drawn < one.size or (len(one.texts) != one.size if one.texts else not one.template):
        raise ValueError("no canary")
    return one
