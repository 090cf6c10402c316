"""What a server says of the models that it serves."""

from __future__ import annotations

from typing import Any

from probe.errors import ModelError

_SHORTEST, _LONGEST = 8, 2**31  # tokens of a context: windows can be cut for it, and any model's lies below
_CONTEXT = 2048  # where the server does not say


def served(answer: Any) -> dict[str, dict[str, Any]]:
    """Returns the cards of the models by their ids, in the server's order; nothing for an answer that lists none."""
    listed = answer.get("data") if isinstance(answer, dict) else None
    cards = [card for card in listed if isinstance(card, dict)] if isinstance(listed, list) else []
    return {card["id"]: card for card in cards if isinstance(card.get("id"), str)}


def context_of(card: dict[str, Any]) -> int:
    """Returns the context that a server states. Raises ModelError for what is none."""
    stated = card.get("max_model_len")
    if stated is None:
        return _CONTEXT
    if not isinstance(stated, int) or isinstance(stated, bool) or not _SHORTEST <= stated < _LONGEST:
        said = str(stated)[:40] if isinstance(stated, int | float | str) else type(stated).__name__
        raise ModelError(f"The server states a max_model_len of {said}: set a sane one there.")
    return stated
