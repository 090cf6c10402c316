"""Who asks: whose things are seen, what is charged, and what the record keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastapi import Request

from probe.access.keys import LOCAL, Key
from server.access.opening import Access


@dataclass
class Caller:
    """key: None where the service needs none. hashes: of the texts asked about; about: the id of what was begun."""

    owner: str = LOCAL
    key: Key | None = None
    access: Access | None = None
    hashes: list[str] = field(default_factory=list)
    about: str = ""

    def asks(self, texts: Iterable[str]) -> None:
        """Notes what is asked about."""
        if self.access and self.access.record:
            self.hashes += map(self.access.record.hashed, texts)

    def hands_in(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the pieces of a file and notes it as a whole."""
        seen = self.access.record.hasher() if self.access and self.access.record else None
        for piece in pieces:
            if seen:
                seen.update(piece)
            yield piece
        if seen:
            self.hashes.append(seen.hexdigest())

    def spends(self, tokens: int) -> None:
        if self.access and self.key:
            self.access.quota.spend(self.key, tokens)


def caller_of(request: Request) -> Caller:
    """FastAPI dependency."""
    caller: Caller = request.scope["caller"]
    return caller
