"""How many of something each owner may have at once, so that nobody takes all that there is for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from probe.errors import Busy


class Places:
    """Not safe for threads: the event loop's alone."""

    def __init__(self, most: int, refusal: str, seconds: int) -> None:
        """most: of an owner. refusal, seconds: what is said to one who asks for more, and when to ask again."""
        self._most, self._refusal, self._seconds = most, refusal, seconds
        self._taken = Counter[str]()

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """Takes a place for the block. Raises Busy."""
        if self._taken[owner] >= self._most:
            raise Busy(self._refusal, self._seconds)
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
