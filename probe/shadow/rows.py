"""Texts -> rows of token ids that a model is trained on: a text's tokens and the one that ends it."""

from __future__ import annotations

from collections.abc import Sequence

from probe.models.load import Source, alien
from probe.shadow.lessons import Rows
from probe.types import Tokens

LONGEST = 1024  # tokens of a row


def readable(source: Source, texts: Sequence[str]) -> list[str]:
    """Returns the texts that the model can read."""
    pairs = zip(texts, source.tokenizer(texts), strict=True)
    return [text for text, entry in pairs if isinstance(entry, Tokens) and not alien(entry.ids, source.vocabulary)]


def rows_of(source: Source, texts: Sequence[str], cut: bool = False) -> Rows:
    """Returns a row per text, of a long one several, or where it is to be cut only the first."""
    size, end = min(source.context, LONGEST), source.tokenizer.end
    found = [
        entry.ids.tolist() + ([] if end is None else [end])
        for entry in source.tokenizer(texts)
        if isinstance(entry, Tokens)
    ]
    if cut:
        return [row[:size] for row in found if len(row) > 1]
    return [row[begin : begin + size] for row in found for begin in range(0, len(row) - 1, size)]
