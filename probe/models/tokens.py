"""Text -> tokens, by a model's own tokenizer, and the checks that this loses nothing.

First-token policy: BOS is context where the tokenizer adds one; else the first token is context and is not scored.
Special tokens that the tokenizer appends are not text and are dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from probe.errors import ModelError
from probe.models.code import left_aside
from probe.models.hub import explained, folder_of
from probe.types import Ints, Tokens, Unscored

# Characters that careless tokenizer settings drop or map differently.
CANARY = "One “quoted” word — naïve café, £5, 漢字 😀 <tag>\n\tnew\u00a0line  two"


class Tokenizer:
    """A transformers tokenizer, with character offsets."""

    def __init__(self, tokenizer: Any, source: Path | None = None) -> None:
        if not tokenizer.is_fast:
            raise ModelError(
                f"{type(tokenizer).__name__} gives no character offsets: save it in the tokenizer.json format "
                "(AutoTokenizer.from_pretrained(ID).save_pretrained(FOLDER)) and name that folder."
            )
        tokenizer(
            CANARY, truncation=False, padding=False, verbose=False
        )  # sets the backend up so, for every later call
        self._whole, self._backend = tokenizer, tokenizer.backend_tokenizer
        self._specials = frozenset(tokenizer.all_special_ids)
        self.warnings = tuple(_disagreements(tokenizer, source))
        self.hash = _hash(tokenizer)
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self.mask: int | None = tokenizer.mask_token_id
        self.end: int | None = tokenizer.eos_token_id
        self.closing: int | None = tokenizer.sep_token_id  # what a masked model expects behind a text

    def __call__(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        """Returns Tokens per text, or the reason why there are none, in order."""
        refused = [_refusal(text) for text in texts]
        good = [text for text, refusal in zip(texts, refused, strict=True) if refusal is None]
        rows = iter(self._encode(good) if good else [])
        return [refusal or next(rows) for refusal in refused]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Returns the text of each row of ids, special tokens left out."""
        found: list[str] = self._backend.decode_batch(rows, skip_special_tokens=True)
        return found

    def save(self, folder: Path) -> None:
        """Writes its files, from which it opens with the same hash."""
        self._whole.save_pretrained(folder)

    def _encode(self, texts: list[str]) -> list[Tokens | Unscored]:
        encodings = self._backend.encode_batch(texts)  # transformers would copy every column into lists first
        return [self._tokens(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def _tokens(self, text: str, encoding: Any) -> Tokens | Unscored:
        special = encoding.special_tokens_mask
        if 0 not in special:
            return Unscored("the tokenizer makes no token of this text")
        first, last = special.index(0), len(special) - special[::-1].index(0)
        has_bos = first > 0
        begin = first - 1 if has_bos else first
        if last - begin < 2:
            return Unscored("one token only: the first token is context, so nothing is left to score")
        ids = encoding.ids[begin:last]
        span = np.fromiter(chain.from_iterable(encoding.offsets), np.int32, 2 * len(special)).reshape(-1, 2)
        own = span[first:last]
        warnings = tuple(self._losses(text, ids[has_bos:], own))
        scored = span[begin + 1 : last]
        return Tokens(np.array(ids, dtype=np.int32), scored[:, 0].copy(), scored[:, 1].copy(), has_bos, warnings)

    def _losses(self, text: str, ids: list[int], span: Ints) -> list[str]:
        lost = [character for gap in _gaps(span, len(text)) for character in text[gap] if not character.isspace()]
        found = []
        if lost:
            found.append(f"the tokenizer lost {len(lost)} of {len(text)} characters, so scores are of another text")
        if not self._specials.isdisjoint(ids):
            specials = sum(token in self._specials for token in ids)
            found.append(f"{specials} of {len(ids)} tokens are unknown or read as special tokens")
        return found


def _gaps(span: Ints, length: int) -> Iterator[slice]:
    """Yields the parts of a text of this many characters that no token covers; span [tokens, 2]."""
    reached, begins = np.zeros(len(span) + 1, np.int32), np.empty(len(span) + 1, np.int32)
    np.maximum.accumulate(span[:, 1], out=reached[1:])
    begins[:-1], begins[-1] = span[:, 0], length
    for place in (begins > reached).nonzero()[0]:
        yield slice(int(reached[place]), int(begins[place]))


def open_tokenizer(source: str, revision: str | None = None) -> Tokenizer:
    """Opens a hub id's or folder's tokenizer. Raises ModelError."""
    from transformers import AutoTokenizer

    folder = folder_of(source, revision, weights=False)
    with explained(source):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    found = Tokenizer(tokenizer, folder / "tokenizer.json")
    found.warnings += left_aside(folder / "tokenizer_config.json")
    return found


def _refusal(text: str) -> Unscored | None:
    if not text:
        return Unscored("the text is empty")
    if not text.strip():
        return Unscored("the text is white space only")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return Unscored(f"the text is not valid Unicode: an unpaired surrogate at character {error.start}")
    return None


def _disagreements(tokenizer: Any, source: Path | None) -> list[str]:
    """Compares the loaded tokenizer with the file it came from: class-specific rebuilding may change its ids."""
    if source is None or not source.is_file():
        return []
    from tokenizers import Tokenizer as Plain

    plain = Plain.from_file(str(source))
    plain.no_truncation()
    plain.no_padding()
    written = plain.encode(CANARY).ids
    loaded = tokenizer(CANARY, verbose=False)["input_ids"]
    if written == loaded:
        return []
    return [
        f"the tokenizer loaded as {type(tokenizer).__name__} gives other ids than its own tokenizer.json; "
        "set tokenizer_class to PreTrainedTokenizerFast in tokenizer_config.json if the file is right"
    ]


def _hash(tokenizer: Any) -> str:
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["truncation"] = state["padding"] = None  # call-time settings, not the tokenizer
    return "sha256:" + sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
