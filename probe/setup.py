"""What texts are measured with: a target, perhaps a reference, and the known material that some scores need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from probe.corpus.opening import Corpus
from probe.data.frequencies import Frequencies
from probe.models.base import Engine
from probe.neighbours import Proposer
from probe.prefixes import NO_PREFIXES, Prefixes
from probe.shadow.learned import NOTHING, Shingles
from probe.shadow.shadows import Shadows


@dataclass(frozen=True, eq=False)
class Setup:
    """prefixes: texts put before others, for recall and conrecall; frequencies: of tokens in a corpus, for dcpdd;
    proposer: a model that proposes words, for neighbour and spv; corpus: what it holds of a text stands beside the
    statistic and moves no verdict. learned: shingles of texts that the reference was adapted to (shadow/learned.py): of
    these it is no judge. shadows: models that were trained with and without texts.
    """

    target: Engine
    reference: Engine | None = None
    prefixes: Prefixes = NO_PREFIXES
    frequencies: Frequencies | None = None
    proposer: Proposer | None = None
    corpus: Corpus | None = None
    learned: Shingles = field(default_factory=lambda: NOTHING)
    shadows: Shadows | None = None

    @cached_property
    def alike(self) -> bool:
        """True where target and reference read the same tokens."""
        return self.reference is not None and self.target.same_tokenizer(self.reference)
