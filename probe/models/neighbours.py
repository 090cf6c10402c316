"""Which words could stand in another's place: by a masked model, from both sides, or a causal one, from the left.

Masked: the word's tokens give way to one mask, and the words are ranked by their probability there. Causal: ranked by
their probability behind all that precedes, one pass for all places of a text. A word is a token of its own that stands
behind white space and holds letters only, so a causal model may propose the beginning of a longer one: a masked model
makes the better neighbours. Models are read as targets are: safetensors only, no remote code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from probe.data.windows import cut
from probe.models.checks import check_causal
from probe.models.load import Source, find, load
from probe.models.passes import batches
from probe.models.tokens import Tokenizer
from probe.neighbours import Span
from probe.types import Ints, Tokens

_BUDGET = 1024  # padded tokens per forward pass
_SIDE = 120  # tokens that a masked model sees on each side of the word
_MARKS = ("Ġ", "▁")  # with which tokenizers write the white space before a word


class Row(NamedTuple):
    """What the model reads, and the places in it whose next-word logits are wanted, each with (text, span)."""

    ids: Ints
    places: list[int]
    owners: list[tuple[int, int]]


class LocalProposer:
    """A masked or causal model on this machine; the weights are read when the first text needs them."""

    def __init__(self, source: Source, masked: bool) -> None:
        self._source, self._masked = source, masked
        self.hash = "sha256:" + sha256(f"{source.hash}\n{source.tokenizer.hash}".encode()).hexdigest()

    @classmethod
    def open(cls, source: str, *, device_map: str | None = None) -> LocalProposer:
        """Finds a hub id or folder. Raises ModelError."""
        from transformers import AutoConfig
        from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

        found = find(source, dtype="float32", device_map=device_map)
        kind = AutoConfig.from_pretrained(found.folder, trust_remote_code=False).model_type
        return cls(found, found.tokenizer.mask is not None and kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES)

    @cached_property
    def _model(self) -> Any:
        model = load(self._source, masked=self._masked)
        if not self._masked:
            check_causal(model, self._source.name)
        return model

    @cached_property
    def _words(self) -> tuple[Tensor, list[str]]:
        found = words(self._source.tokenizer)
        return torch.tensor(list(found), dtype=torch.long), list(found.values())

    def propose(self, texts: Sequence[str], spans: Sequence[Sequence[Span]], depth: int) -> list[list[list[str]]]:
        """Returns, per text and span, at most `depth` words, the likeliest first, none of them the word itself."""
        proposed: list[list[list[str]]] = [[[] for _ in group] for group in spans]
        make = self._masked_rows if self._masked else self._causal_rows
        rows = [
            row for number, tokens in enumerate(self._source.tokenizer(texts))
            if isinstance(tokens, Tokens) and tokens.ids.max() < self._source.vocabulary
            for row in make(number, tokens, spans[number])
        ]  # fmt: skip
        rows.sort(key=lambda row: len(row.ids))
        for batch in batches([len(row.ids) for row in rows], _BUDGET):
            group = [rows[place] for place in batch]
            owners = [owner for row in group for owner in row.owners]
            for (text, span), ranked in zip(owners, self._run(group, depth), strict=True):
                begin, end = spans[text][span]
                proposed[text][span] = _others(ranked, texts[text][begin:end])[:depth]
        return proposed

    def _masked_rows(self, number: int, tokens: Tokens, spans: Sequence[Span]) -> Iterator[Row]:
        mask, closing = self._source.tokenizer.mask, self._source.tokenizer.closing
        side = min(_SIDE, self._source.context // 2 - 2)
        head, body = np.split(tokens.ids, [int(tokens.has_bos)])
        for owner, first, last in _covered(tokens, spans):
            left = first + 1 - len(head)  # place of the word's first token in the body
            right = left + last - first + 1
            tail = [] if closing is None else [closing]
            before = np.concatenate([head, body[max(0, left - side) : left]])
            ids = np.concatenate([before, [mask], body[right : right + side], tail]).astype(np.int32)
            yield Row(ids, [len(before)], [(number, owner)])

    def _causal_rows(self, number: int, tokens: Tokens, spans: Sequence[Span]) -> Iterator[Row]:
        wanted = {first: owner for owner, first, _ in _covered(tokens, spans)}
        done = 0
        for ids, scored in cut(tokens, self._source.context):
            found = [(place, wanted[done + place]) for place in range(scored) if done + place in wanted]
            if found:
                begin = len(ids) - 1 - scored  # whose logits are those of the first token that is scored here
                yield Row(ids, [begin + place for place, _ in found], [(number, owner) for _, owner in found])
            done += scored

    @torch.inference_mode()
    def _run(self, rows: Sequence[Row], depth: int) -> list[list[str]]:
        """Returns the likeliest words at each place of each row."""
        width = max(len(row.ids) for row in rows)
        device = self._model.get_input_embeddings().weight.device
        ids = torch.from_numpy(np.stack([np.pad(row.ids, (0, width - len(row.ids))) for row in rows])).long().to(device)
        lengths = torch.tensor([len(row.ids) for row in rows], device=device)
        mask = (torch.arange(width, device=device) < lengths.unsqueeze(1)).long()
        logits = self._model(input_ids=ids, attention_mask=mask).logits
        at = [(number, place) for number, row in enumerate(rows) for place in row.places]
        chosen = logits[[number for number, _ in at], [place for _, place in at]].float()
        numbers, spelled = self._words
        best = chosen[:, numbers.to(device)].topk(min(4 * (depth + 1), len(spelled)), dim=1).indices
        return [[spelled[place] for place in row] for row in best.tolist()]


def words(tokenizer: Tokenizer) -> dict[int, str]:
    """Returns the ids that are words: letters only, and the beginning of a word where the tokenizer says so."""
    pieces = tokenizer.vocabulary
    marked = any(piece.startswith(_MARKS) for piece in pieces)
    ids = sorted(
        number for piece, number in pieces.items()
        if (piece.startswith(_MARKS) if marked else not piece.startswith("##"))
    )  # fmt: skip
    texts = (text.strip() for text in tokenizer.decode([[number] for number in ids]))
    return {number: text for number, text in zip(ids, texts, strict=True) if text.isalpha()}


def _covered(tokens: Tokens, spans: Sequence[Span]) -> Iterator[tuple[int, int, int]]:
    """Yields (span, first, last scored token) for each span that has tokens to itself, white space before it aside."""
    for owner, (begin, end) in enumerate(spans):
        first = int(np.searchsorted(tokens.end, begin, side="right"))
        last = int(np.searchsorted(tokens.start, end, side="left")) - 1
        if first <= last < len(tokens.end) and tokens.start[first] >= begin - 1 and tokens.end[last] == end:
            yield owner, first, last


def _others(ranked: Sequence[str], word: str) -> list[str]:
    """Returns the words that are not this one, each once, whatever their capitals."""
    found: dict[str, str] = {}
    for entry in ranked:
        found.setdefault(entry.casefold(), entry)
    found.pop(word.casefold(), None)
    return list(found.values())
