"""Who has texts scored: a tag that the cache keeps with their statistics, so that they can be deleted with the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from probe.access.keys import LOCAL

_TAG: ContextVar[str | None] = ContextVar("tag", default=None)


@contextmanager
def tagged(tag: str) -> Iterator[None]:
    """What is scored in the block is of this scan or job."""
    before = _TAG.set(tag)
    try:
        yield
    finally:
        _TAG.reset(before)


def tag_now() -> str | None:
    """Returns whose texts are being scored, None for those that nobody can delete by name."""
    return _TAG.get()


def calibration_tag(name: str, owner: str = LOCAL) -> str:
    """Returns the tag of the texts that a calibration was made of."""
    return f"calibration/{owner}/{name}"
