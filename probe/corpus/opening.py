"""From a name to a corpus: a folder that holds an index, or the address of a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from probe.types import InCorpus


class Corpus(Protocol):
    """What texts are looked up in. hash: of what it holds, where that can be known."""

    @property
    def source(self) -> str:
        """As it was named."""

    @property
    def hash(self) -> str | None:
        """sha256:..."""

    def look(self, texts: Sequence[str]) -> list[InCorpus]:
        """Returns one entry per text; what cannot be looked up says so."""


def open_corpus(source: str, concurrency: int = 16) -> Corpus:
    """Opens a folder (`memprobe corpus build`) or http(s)://HOST/#INDEX (infini-gram). Raises InputError."""
    if source.startswith(("http://", "https://")):
        from probe.corpus.infinigram import InfiniGram

        return InfiniGram(source, concurrency)
    from probe.corpus.index import open_index

    return open_index(Path(source))
