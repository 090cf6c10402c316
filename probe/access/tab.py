"""What a request, or the job that it begins, costs a key: held before anything is read, put right once counted."""

from __future__ import annotations

from threading import Lock

from probe.access.keys import Key
from probe.access.quota import Quota

BYTES = 4  # of a text, about, that make a token


def about(size: int) -> int:
    """Returns how many tokens so many bytes of text are likely to be, one at least."""
    return max(1, size // BYTES)


class Tab:
    """Safe for the thread of a request and that of its job."""

    def __init__(self, quota: Quota, key: Key) -> None:
        self._quota, self._key, self._lock = quota, key, Lock()
        self._held, self._until = 0, 0.0

    def most(self) -> int | None:
        """Returns the bytes of text that the whole budget pays for, None where there is none. Raises OverQuota where it
        is spent.
        """
        whole = self._quota.whole(self._key)
        return None if whole is None else whole * BYTES

    def hold(self, tokens: int) -> None:
        """Takes tokens for what is about to be read. Raises OverQuota where fewer are left."""
        until = self._quota.hold(self._key, tokens)
        with self._lock:
            self._held, self._until = self._held + tokens, until

    def spend(self, tokens: int) -> None:
        """Counts tokens that were read: first those that are held, then beyond them."""
        with self._lock:
            paid = min(tokens, self._held)
            self._held -= paid
        self._quota.spend(self._key, tokens - paid)

    def settle(self) -> None:
        """Gives back what was held and not read."""
        with self._lock:
            rest, self._held = self._held, 0
        self._quota.give_back(self._key, rest, self._until)
