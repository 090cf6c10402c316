"""Values out of sight: what stands in logs, pages and results unless somebody asks for the values."""

from __future__ import annotations

from collections.abc import Sequence

from probe.memorization.pii.spans import Span

_SIGHT = 2  # characters that stay, so that the owner knows it again


def mask(value: str) -> str:
    """Returns the value with its form: letters and digits hidden but for the first few of a long one."""
    shown = _SIGHT if len(value) > 4 * _SIGHT else 0
    return value[:shown] + "".join("*" if character.isalnum() else character for character in value[shown:])


def masked(text: str, spans: Sequence[Span]) -> str:
    """Returns the text with every span masked, as long as it was."""
    parts, last = [], 0
    for span in sorted(spans, key=lambda one: one.start):
        parts += [text[last : span.start], mask(text[span.start : span.end])]
        last = span.end
    return "".join([*parts, text[last:]])
