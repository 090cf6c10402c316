"""A fleet of trained shadow models as scores use it: its engines, who saw which text, and what was pooled over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from probe.data.hashed import text_hash
from probe.data.read import Columns, read
from probe.errors import ModelError
from probe.models.base import Engine
from probe.scores.shadowed import Flags, Shadowed, Vector
from probe.shadow.folder import POPULATION, made, place_of
from probe.shadow.quantiles import regress
from probe.shadow.study import Study, phis, read_study
from probe.shadow.universe import Membership, read_membership
from probe.types import Text, Tokens, TokenStats, Unscored

ALIEN = Unscored("the shadow models have another tokenizer than the target, and their likelihoods cannot be compared")
SHARES = Unscored("it shares a run of words with a text that some shadow models were trained on, and is none of theirs")
Open = Callable[[str], Engine]
Entry = Shadowed | Unscored


@dataclass(frozen=True, eq=False)
class Background:
    """What a target makes of texts that nobody was trained on: log ratios, ascending, and quantiles of its phi."""

    ratios: Vector
    quantiles: Vector | None


@dataclass(frozen=True, eq=False)
class Shadows:
    """engines: in the order of membership.inside, [models]. One thread at a time may measure."""

    engines: Sequence[Engine]
    membership: Membership
    population: Sequence[Text]
    study: Study
    hash: str
    _backgrounds: dict[str, Background] = field(default_factory=dict)

    @cached_property
    def _apart(self) -> frozenset[str]:
        return frozenset(text_hash(text.text) for text in self.population)

    @property
    def size(self) -> int:
        return len(self.engines)

    def measure(self, target: Engine, texts: Sequence[str], entries: Sequence[Tokens | Unscored]) -> list[Entry]:
        """Returns what the shadows say of each text; entries: its tokens under the target."""
        if not self.engines[0].same_tokenizer(target):
            return [ALIEN] * len(texts)
        inside = [self.membership.of(text) for text in texts]
        usable = [
            entry if flags is not None or not self.membership.shares(text) else SHARES
            for text, entry, flags in zip(texts, entries, inside, strict=True)
        ]
        tokens = [entry for entry in usable if isinstance(entry, Tokens)]
        by_model = [iter(engine.score(tokens)) for engine in self.engines]
        background = self._background(target) if tokens else Background(np.zeros(0), None)
        return [
            entry
            if isinstance(entry, Unscored)
            else self._one([next(stats) for stats in by_model], flags, background, text_hash(text) in self._apart)
            for text, entry, flags in zip(texts, usable, inside, strict=True)
        ]

    def _one(self, stats: list[TokenStats | Unscored], inside: Flags | None, behind: Background, apart: bool) -> Entry:
        good = [one for one in stats if isinstance(one, TokenStats)]
        if len(good) < len(stats):
            return next(one for one in stats if isinstance(one, Unscored))
        flags = np.zeros(self.size, dtype=bool) if inside is None else inside
        known, study = inside is not None, self.study
        return Shadowed(good, flags, known, study.pooled, behind.ratios, study.attacks, behind.quantiles, apart)

    def _background(self, target: Engine) -> Background:
        """Returns what this target makes of the population; it is measured once."""
        name = target.identity.model
        if name not in self._backgrounds:
            usual, phi = self.study.usual, phis(target, self.population)
            ratios = phi - usual
            entries = target.tokenize([text.text for text in self.population])
            tokens = np.array([len(one.ids) - 1 if isinstance(one, Tokens) else 0 for one in entries])
            self._backgrounds[name] = Background(np.sort(ratios[~np.isnan(ratios)]), regress(phi, usual, tokens))
        return self._backgrounds[name]


def open_shadows(folder: Path, opened: Open) -> Shadows:
    """opened: gives an engine for a model's folder. Raises ModelError where the fleet is not whole."""
    membership = read_membership(folder)
    places = [place_of(folder, number) for number in range(len(membership.inside))]
    if missing := [place.name for place in places if not made(place)]:
        raise ModelError(
            f"{folder} lacks {len(missing)} of {len(places)} shadow models: go on with memprobe shadow train."
        )
    population = [row for row in read(folder / POPULATION, Columns()) if isinstance(row, Text)]
    engines = [opened(str(place)) for place in places]
    digest = sha256(json.dumps([[one.identity.model for one in engines], membership.digest]).encode()).hexdigest()
    return Shadows(engines, membership, population, read_study(folder), f"sha256:{digest}")
