"""Jobs that wait: owners take turns, so that nobody waits for all that another began; one's own go in their order."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Owned(Protocol):
    """What belongs to somebody."""

    owner: str


T = TypeVar("T", bound=Owned)


class Line(Generic[T]):
    """Not safe for threads: whoever has it locks."""

    def __init__(self) -> None:
        self._waiting: list[T] = []
        self._served: dict[str, int] = {}

    def add(self, one: T) -> None:
        """Puts it at the end."""
        self._waiting.append(one)

    def remove(self, one: T) -> None:
        """Raises ValueError where it does not wait."""
        self._waiting.remove(one)

    def take(self) -> T | None:
        """Returns the first of the owner who was served longest ago, or never; None where nobody waits."""
        if not self._waiting:
            return None
        first = min(self._waiting, key=lambda one: self._served.get(one.owner, -1))
        self._waiting.remove(first)
        self._served[first.owner] = max(self._served.values(), default=-1) + 1
        return first
