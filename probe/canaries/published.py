"""Which canaries stand in what was published: word for word, white space aside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.canaries.draw import Canary


def standing(canaries: Sequence[Canary], texts: Iterable[str]) -> tuple[list[Canary], list[str]]:
    """Returns the canaries of which some text holds the planted wording, and the ids of the others."""
    sought = {one.id: _flat(one.planted) for one in canaries}
    for text in texts:
        flat = _flat(text)
        sought = {name: planted for name, planted in sought.items() if planted not in flat}
    return [one for one in canaries if one.id not in sought], list(sought)


def _flat(text: str) -> str:
    return " ".join(text.split())
