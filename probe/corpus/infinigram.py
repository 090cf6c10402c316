"""A server that speaks infini-gram's API (Liu 2024, 2401.17377): how often a string of tokens occurs in its corpus.

Asked is POST {"index", "query_type": "count", "query"}; answered {"count": n, ...} or {"error": "..."}. A text of up to
1,000 characters is asked for whole, then its runs of 13 words, then the rows of runs that were found. Matches are of
tokens as they stand: case and punctuation count. " AND " and " OR " are operators there, so that runs which hold one
cannot be asked for. It counts occurrences, not documents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urldefrag

import httpx2

from probe.corpus.grams import RUN
from probe.data.overlap import spans
from probe.errors import InputError, ModelError
from probe.models.wire import Wire, fault
from probe.types import InCorpus

MOST_RUNS = 512  # asked for per text
_CHARACTERS = 1000  # of one query, as the public server allows
_MOST = 2**53  # occurrences: no corpus holds more words
_OPERATOR = re.compile(r" (AND|OR) ")
_LIMITED = f"only the first {MOST_RUNS + RUN - 1} words were looked up"
_TOO_SHORT = f"a text of fewer than {RUN} words is looked up as a whole only"
_OPERATORS = 'runs that hold "AND" or "OR" cannot be looked up there'
_TOO_LONG = f"runs of more than {_CHARACTERS} characters cannot be looked up there"


class InfiniGram:
    """`source` is the server's address with #INDEX behind it."""

    hash: str | None = None  # a server does not tell what its corpus holds

    def __init__(self, source: str, concurrency: int = 16, timeout: float = 30.0) -> None:
        """timeout: seconds. Raises InputError for an address without an index."""
        self.source = source
        self._address, self._index = urldefrag(source)
        if not self._index:
            raise InputError(f"{source} names no index: put it behind the address, as in {source}#INDEX.", "corpus")
        if wrong := fault(self._address):
            raise InputError(wrong, "corpus")
        self._concurrency = concurrency
        self._wire = Wire(self._address, concurrency=concurrency, timeout=timeout, name="corpus server", remedies={})

    def look(self, texts: Sequence[str]) -> list[InCorpus]:
        """Returns what the corpus holds of each text; one that the server fails says so."""
        with self._wire.open() as client, ThreadPoolExecutor(self._concurrency) as pool:
            return [self._look(client, pool, text.strip()) for text in texts]

    def _look(self, client: httpx2.Client, pool: ThreadPoolExecutor, text: str) -> InCorpus:
        places = spans(text)
        try:
            if text and _refusal(text) is None and (count := self._count(client, text)):
                return InCorpus("exact", len(places), 1.0, count)
            return self._runs(client, pool, text, places)
        except ModelError as error:
            return InCorpus(None, note=str(error))

    def _runs(
        self, client: httpx2.Client, pool: ThreadPoolExecutor, text: str, places: Sequence[tuple[int, int]]
    ) -> InCorpus:
        """places: where each word begins and ends."""
        asked = [text[places[i][0] : places[i + RUN - 1][1]] for i in range(min(MOST_RUNS, len(places) - RUN + 1))]
        counts = list(pool.map(lambda run: 0 if _refusal(run) else self._count(client, run), asked))
        notes = [_TOO_SHORT if 0 < len(places) < RUN else None, _LIMITED if len(places) >= MOST_RUNS + RUN else None]
        note = "; ".join(dict.fromkeys(filter(None, [*notes, *map(_refusal, asked)]))) or None
        best = documents = 0
        for begin, end in sorted(_rows(counts), key=lambda row: row[0] - row[1]):
            if end - begin + RUN - 1 > best:
                found = self._longest(client, text, places, begin, end + RUN - 1)
                best, documents = max((best, documents), found)
        return InCorpus("run" if best else "none", best, best / max(1, len(places)), documents, note=note)

    def _longest(
        self, client: httpx2.Client, text: str, places: Sequence[tuple[int, int]], begin: int, end: int
    ) -> tuple[int, int]:
        """Returns the words of the longest run among these words and its count: every 13 of them are found, but
        perhaps in different documents."""

        def count_of(first: int, after: int) -> int:
            run = text[places[first][0] : places[after - 1][1]]
            return 0 if _refusal(run) else self._count(client, run)

        if whole := count_of(begin, end):
            return end - begin, whole
        best = documents = 0
        last = begin + RUN
        while last <= end:
            if count := count_of(begin, last):
                best, documents = last - begin, count
                last += 1
            else:
                begin, last = begin + 1, last + 1  # only longer ones matter
        return best, documents

    def _count(self, client: httpx2.Client, query: str) -> int:
        """Raises ModelError, without the query in it."""
        body = {"index": self._index, "query_type": "count", "query": query}
        found: Any = self._wire.send(client, "POST", self._address, body)
        count = found.get("count") if isinstance(found, dict) else None
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST:
            return count
        said = found.get("error") if isinstance(found, dict) else None
        reason = said[:200].rstrip(".") if isinstance(said, str) and said else "no reason"
        raise ModelError(f"the corpus server at {self.source} gave no count: {reason}; check that it holds this index")


def _refusal(query: str) -> str | None:
    """Returns why a string cannot be asked for."""
    if _OPERATOR.search(query):
        return _OPERATORS
    return _TOO_LONG if len(query) > _CHARACTERS else None


def _rows(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Returns where rows of runs that were found begin and end."""
    found: list[tuple[int, int]] = []
    for place, count in enumerate(counts):
        if count and found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        elif count:
            found.append((place, place + 1))
    return found
