"""Attacks that are learned: some shadows stand in for the target in turn, and the texts they saw are the members.

The real target's labels are never looked at. A text is a member under one shadow and a non-member under another, so
what it says cannot give it away. Shokri et al. 2017 (arXiv:1610.05820); Ilić et al. 2026 (arXiv:2604.03199).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from probe.calibration.learn import learn
from probe.calibration.learn_tokens import learn_tokens
from probe.errors import ModelError
from probe.models.base import Engine, Extras
from probe.scores import feature_attack, shokri
from probe.scores.shadowed import Attacks, Flags, Vector
from probe.scores.token_model import TokenModel
from probe.scores.tokenwise import SCORE as TOKENWISE
from probe.scores.view import View
from probe.types import Evidence, Score, Tokens, TokenStats, Unscored

STAND_INS = 4  # shadows
TEXTS = 1000  # of each kind per stand-in
_FOLDS = 5
ASKED = Extras(top=True, gradient=True)
Progress = Callable[[str], None]


def learn_attacks(
    engines: Sequence[Engine], reference: Engine | None, texts: Sequence[tuple[str, Tokens]], inside: Flags,
    seed: int = 0, say: Progress = lambda what: None,
) -> Attacks | None:  # fmt: skip
    """Returns the classifiers, None where too few texts of a kind can be scored.

    texts: with their tokens; inside: [engines, texts].
    """
    members: list[View] = []
    others: list[View] = []
    chosen = np.random.default_rng(seed).permutation(len(engines))[:STAND_INS]
    for number in chosen:
        say(f"reading what shadow {number} says")
        for member, views in ((True, members), (False, others)):
            places = np.flatnonzero(inside[number] == member)[:TEXTS]
            views.extend(_views(engines[number], reference, [texts[place] for place in places]))
    say("learning attacks")
    members, others = _shuffled(members, seed), _shuffled(others, seed)
    tokens = learn_tokens(members, others, seed)
    unseen = (tokens.members, tokens.nonmembers) if tokens else ()
    return _learned((members, others), tokens.model if tokens else None, unseen, seed)


def _learned(
    sides: Sequence[Sequence[View]], model: TokenModel | None, unseen: Sequence[Vector], seed: int
) -> Attacks | None:  # fmt: skip
    """unseen: what models of tokens say that did not see the text, of both sides."""
    fitted = [[feature_attack.seen_by(view, model) for view in views] for views in sides]
    for views, values in zip(fitted, unseen, strict=False):
        for view, value in zip(views, values, strict=True):
            if not np.isnan(value):
                view.known[TOKENWISE.id] = Score(float(value))
    members, others = (np.array([feature_attack.row(view) for view in views]) for views in fitted)
    whole = learn(members, others, seed, feature_attack.NAMES, _FOLDS)
    members, others = (np.array([shokri.row(view) for view in views]) for views in sides)
    alone = learn(members, others, seed, shokri.NAMES, _FOLDS)
    if whole is None or alone is None:
        return None
    return Attacks(alone.combination, whole.combination, model)


def _views(engine: Engine, reference: Engine | None, texts: Sequence[tuple[str, Tokens]]) -> list[View]:
    tokens = [entry for _, entry in texts]
    mine = engine.score(tokens, ASKED)
    theirs = reference.score(tokens) if reference else [Unscored("no reference model is given")] * len(texts)
    triples = zip(texts, mine, theirs, strict=True)
    return [View(Evidence(text, one, other)) for (text, _), one, other in triples if isinstance(one, TokenStats)]


def _shuffled(views: Sequence[View], seed: int) -> list[View]:
    """Mixes the stand-ins: folds are cut by place."""
    if not views:
        raise ModelError("None of the shadows' texts can be scored.")
    return [views[place] for place in np.random.default_rng(seed).permutation(len(views))]
