"""The texts that a fleet is trained on, and which model saw which: random halves, in complementary pairs.

Near-copies go first: one on the other side of a split would teach a model a text that counts as unseen. Of a pair of
models each text is in exactly one, so that every text is in about half of the fleet. What must not be told by counting
(an attacked model's own half) belongs to a single, whose half is drawn by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from probe.data.hashed import text_hash
from probe.data.overlap import Seen, index, overlap
from probe.errors import InputError, ModelError
from probe.shadow.folder import UNIVERSE
from probe.shadow.learned import Shingles
from probe.shadow.plan import Plan
from probe.types import Text

FEWEST = 100  # texts
_POPULATION_SHARE = 2  # of the known non-members, one in so many at most
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Universe:
    """texts: distinct; population: non-members that no model is trained on; inside: [models, texts], who saw what.

    member: what is known of each text, True, False or None. spare: texts for early stopping and distillation.
    left_out: near-copies.
    """

    texts: list[Text]
    population: list[Text]
    inside: Flags
    member: list[bool | None]
    left_out: int
    spare: list[Text] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Of all texts, their use, and who saw them."""
        groups = ([text.text for text in group] for group in (self.texts, self.population, self.spare))
        hashes = [[text_hash(text) for text in group] for group in groups]
        return sha256(json.dumps([*hashes, self.inside.tobytes().hex()]).encode()).hexdigest()

    def of_model(self, number: int) -> list[Text]:
        return [text for text, inside in zip(self.texts, self.inside[number], strict=True) if inside]


def universe(plan: Plan) -> Universe:
    """Raises InputError where too few distinct texts are there."""
    seen, kept, given = Seen(), dict[str, list[Text]](), 0
    for name, group in plan.groups.items():
        kept[name], given = [], given + len(group)
        for text in group:
            if text.text.strip() and not seen.shares(text.text):
                kept[name].append(text)
            seen.add(text.text)
    dice = np.random.default_rng(plan.seed)
    others = [kept["nonmembers"][place] for place in dice.permutation(len(kept["nonmembers"]))]
    size = min(plan.population, len(others) // _POPULATION_SHARE)
    population, others = others[:size], others[size:]
    texts = [*kept["members"], *others, *kept["texts"]]
    if len(texts) < FEWEST:
        raise InputError(f"{len(texts)} distinct texts to train on; bring at least {FEWEST}.", "texts")
    member = [True] * len(kept["members"]) + [False] * len(others) + [None] * len(kept["texts"])
    spare = kept.get("spare", [])
    left_out = given - len(texts) - size - len(spare)
    inside = halves(len(texts), plan.shadows, plan.singles, dice)
    return Universe(texts, population, inside, member, left_out, spare)


def halves(texts: int, shadows: int, singles: int, dice: np.random.Generator) -> Flags:
    """Returns [shadows + singles, texts]: pairs of complementary halves, then singles with a half each.

    A single's half is drawn text by text, as an audit from one training assumes (Steinke et al. 2023).
    """
    pairs = np.zeros((shadows // 2, texts), dtype=bool)
    for row in pairs:
        row[dice.permutation(texts)[: texts // 2]] = True
    both = np.stack([pairs, ~pairs], axis=1).reshape(-1, texts)
    return np.concatenate([both, dice.random((singles, texts)) < 0.5])


@dataclass(frozen=True, eq=False)
class Membership:
    """Who saw what, by the hashes of the texts; shingles: of all texts that some model may have seen."""

    places: dict[str, int]
    inside: Flags
    shingles: Shingles

    @classmethod
    def of_texts(cls, texts: Sequence[Text], inside: Flags) -> Membership:
        """inside: [models, texts]."""
        places = {text_hash(text.text): place for place, text in enumerate(texts)}
        return cls(places, inside, index([text.text for text in texts]))

    def of(self, text: str) -> Flags | None:
        """Returns which models saw this text, [models]; None for one that is not of the universe."""
        place = self.places.get(text_hash(text))
        return None if place is None else self.inside[:, place]

    @property
    def digest(self) -> str:
        return sha256("\n".join([*self.places, self.inside.tobytes().hex()]).encode()).hexdigest()

    def shares(self, text: str) -> bool:
        """True where a text that is not of the universe shares a run of words with one that is."""
        return bool(overlap(text, self.shingles))


def write_membership(folder: Path, texts: Sequence[Text], inside: Flags) -> None:
    kept = Membership.of_texts(texts, inside)
    np.savez_compressed(folder / UNIVERSE, hashes=np.array(list(kept.places)), inside=inside, shingles=kept.shingles)


def read_membership(folder: Path) -> Membership:
    """Raises ModelError."""
    try:
        with np.load(folder / UNIVERSE, allow_pickle=False) as kept:
            hashes, inside, shingles = kept["hashes"].tolist(), kept["inside"], kept["shingles"]
        if inside.dtype != np.bool_ or inside.shape[1] != len(hashes) or shingles.dtype != np.uint32:
            raise ValueError("its arrays do not fit together")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelError(f"{folder} holds no shadow models ({error}): train them (memprobe shadow train).") from error
    return Membership({name: place for place, name in enumerate(hashes)}, inside, shingles)
