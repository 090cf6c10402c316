"""Who asks: whose things are seen, what is charged, and what the record keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastapi import Request

from probe.access.keys import LOCAL, Key
from probe.access.tab import Tab, about
from server.access.opening import Access


@dataclass
class Caller:
    """key, tab: None where the service needs none. hashes: of the texts asked about; about: the id of what was begun.
    works: a job goes on behind the answer, which settles what is held for it when it is over.
    """

    owner: str = LOCAL
    key: Key | None = None
    access: Access | None = None
    hashes: list[str] = field(default_factory=list)
    about: str = ""
    tab: Tab | None = None
    works: bool = False

    @property
    def operates(self) -> bool:
        """True at a service without keys. A key is never the operator's, not even one of the owner `default`."""
        return self.key is None and self.owner == LOCAL

    def asks(self, texts: Iterable[str], reads: bool = True) -> None:
        """Notes what is asked about and, where a model reads it, holds about the tokens. Raises OverQuota."""
        asked = list(texts)
        if self.access and self.access.record:
            self.hashes += map(self.access.record.hashed, asked)
        if reads and self.tab:
            self.holds(sum(len(text.encode("utf-8", "surrogatepass")) for text in asked))

    def hands_in(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the pieces of a file and notes it as a whole."""
        seen = self.access.record.hasher() if self.access and self.access.record else None
        for piece in pieces:
            if seen:
                seen.update(piece)
            yield piece
        if seen:
            self.hashes.append(seen.hexdigest())

    def holds(self, size: int) -> int:
        """Holds about the tokens of so many bytes of text, and returns how many. Raises OverQuota."""
        tokens = about(size)
        self.takes(tokens)
        return tokens

    def takes(self, tokens: int) -> None:
        """Holds tokens whose number is known beforehand. Raises OverQuota."""
        if self.tab:
            self.tab.hold(tokens)

    def most(self) -> int | None:
        """Returns the bytes of text that its whole budget pays for, None where it has none. Raises OverQuota where that
        is spent.
        """
        return self.tab.most() if self.tab else None

    def spends(self, tokens: int) -> None:
        """Counts tokens that were read."""
        if self.tab:
            self.tab.spend(tokens)

    def settles(self) -> None:
        """Gives back what was held and not read."""
        if self.tab:
            self.tab.settle()


async def caller_of(request: Request) -> Caller:
    """FastAPI dependency."""
    caller: Caller = request.scope["caller"]
    return caller
