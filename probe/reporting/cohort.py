"""A cohort: the texts of one report, each of them once, and what is kept of them so that none is reported on again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from probe.data.hashed import text_hash
from probe.data.traces import Trace, distinct, trace
from probe.types import Text


@dataclass(frozen=True, slots=True)
class Cohort:
    """texts: those to be scored, no two alike, in the order of their hashes, so that the caller's decides nothing. key:
    sha256:... of all texts that were given, repeats and order aside. traces: of all that hold a word. given: texts of
    the request; copies: of these, repeats and near-copies; wordless: those of which no near-copy could be known.
    """

    texts: tuple[Text, ...]
    key: str
    traces: tuple[Trace, ...]
    given: int
    copies: int
    wordless: int


def gather(texts: Sequence[Text]) -> Cohort:
    """Returns the cohort of some texts."""
    named = dict(sorted({text_hash(text.text): text for text in texts}.items()))
    found = [(text, trace(text.text)) for text in named.values()]
    worded = [(text, one) for text, one in found if one.size]
    traces = tuple(one for _, one in worded)
    kept = tuple(worded[index][0] for index in distinct(traces))
    wordless = len(found) - len(worded)
    key = "sha256:" + sha256("\n".join(named).encode()).hexdigest()
    return Cohort(kept, key, traces, len(texts), len(texts) - wordless - len(kept), wordless)
