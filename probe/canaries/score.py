"""One score for all alternatives of all canaries, fixed in advance.

    log p(text), the sum over its own tokens under the target, nats;
    with a reference  log p(text) - log q(text), q the reference: what is likely anyway cancels.

Sums, so that tokenizers may differ. The texts are scored in the order in which they are made, which does not depend on
the one that was drawn: what a batch does to the last digit of its texts cannot favour it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from probe.canaries.rank import Value
from probe.measure import CHUNK
from probe.models.base import Engine
from probe.types import Tokens, TokenStats, Unscored

LIKELIHOOD, RATIO = "log-likelihood", "log-likelihood ratio"


def likelihoods(engine: Engine, texts: Sequence[str], advance: Callable[[int], None]) -> list[Value]:
    """Returns log p of each text, nats, or why there is none; advance is told how many more are done."""
    found: list[Value] = []
    for begin in range(0, len(texts), CHUNK):
        entries = engine.tokenize(texts[begin : begin + CHUNK])
        stats = iter(engine.score([entry for entry in entries if isinstance(entry, Tokens)]))
        found += [total(next(stats)) if isinstance(entry, Tokens) else entry for entry in entries]
        advance(len(entries))
    return found


def ratios(target: Sequence[Value], reference: Sequence[Value]) -> list[Value]:
    """Returns target minus reference, text by text."""
    return [_minus(mine, other) for mine, other in zip(target, reference, strict=True)]


def _minus(mine: Value, other: Value) -> Value:
    if isinstance(mine, Unscored):
        return mine
    return Unscored(f"by the reference: {other.reason}") if isinstance(other, Unscored) else mine - other


def total(entry: TokenStats | Unscored) -> Value:
    """Returns log p of a text, nats."""
    return entry if isinstance(entry, Unscored) else float(entry.logprob.sum(dtype=np.float64))
