"""What is learned of tokens: usual gains of other texts, values by models that did not see the text."""

from __future__ import annotations

import numpy as np
import pytest

from probe.calibration.learn_tokens import FEWEST, PULL, PULL_PAIR, Gains, LearnedTokens, for_another, learn_tokens
from probe.scores.token_model import TokenModel
from probe.scores.tokenwise import odds
from probe.scores.view import View
from probe.types import Evidence, Tokens, TokenStats, Unscored

LENGTH, IDS = 40, 50


def text(
    rng: np.random.Generator, member: bool, reference: bool = True, known: int = IDS, even: float = 2.0
) -> View:  # fmt: skip
    """Tokens of even id gain 2 nats in every text; of a member, each token gains a fifth of a nat more."""
    ids = rng.integers(0, known, LENGTH + 1).astype(np.int32)
    span = np.arange(LENGTH, dtype=np.int32)
    tokens = Tokens(ids, span, span, has_bos=True)
    base = rng.normal(-4, 1, LENGTH)
    gain = even * (ids[1:] % 2 == 0) + 0.2 * member + rng.normal(0, 0.5, LENGTH)
    mu, sigma = np.full(LENGTH, -3, np.float32), np.full(LENGTH, 1, np.float32)
    rank = np.zeros(LENGTH, np.int32)
    target, other = (TokenStats(tokens, found.astype(np.float32), rank, mu, sigma) for found in (base + gain, base))
    return View(Evidence("a", target, other if reference else Unscored("none")))


def texts(count: int, member: bool, seed: int, known: int = IDS) -> list[View]:
    rng = np.random.default_rng(seed)
    return [text(rng, member, known=known) for _ in range(count)]


@pytest.fixture(scope="module")
def learned() -> LearnedTokens:
    found = learn_tokens(texts(120, True, 0), texts(120, False, 1), seed=0)
    assert found is not None
    return found


def test_the_usual_gain_by_hand() -> None:
    """Gains of id 0: 1 and 3; of id 2: 2. The mean of all is 2, and each id is given five tokens of it."""
    keys = np.array([2, (2 << 32) | 0], np.int64)  # 2 behind 0, and 0 behind 2
    gains = Gains(
        np.array([4.0, 0.0, 2.0]), np.array([2.0, 0.0, 1.0]), keys, np.array([2.0, 4.0]), np.array([1.0, 2.0])
    )
    first = (4 + 2 * PULL) / (2 + PULL)
    assert gains.usual.single.tolist() == pytest.approx([first, 2, 2, 2])
    assert gains.usual.pair.tolist() == pytest.approx([2, (4 + PULL_PAIR * first) / (2 + PULL_PAIR)])


def test_it_finds_what_each_id_gains(learned: LearnedTokens) -> None:
    usual = learned.model.usual.single
    assert len(usual) == IDS + 1
    assert usual == pytest.approx(Gains.of(texts(120, False, 1), IDS).usual.single)  # of the non-members alone
    assert usual[:IDS:2] == pytest.approx(np.full(IDS // 2, 2.0), abs=0.3)
    assert usual[1:IDS:2] == pytest.approx(np.zeros(IDS // 2), abs=0.3)


def test_it_tells_members_that_the_mean_gain_hides(learned: LearnedTokens) -> None:
    assert not np.isnan(learned.members).any() and len(learned.members) == len(learned.nonmembers) == 120
    auc = (learned.members[:, None] > learned.nonmembers).mean()
    plain = [np.array([view.d.mean() for view in texts(120, member, seed)]) for member, seed in ((True, 0), (False, 1))]
    assert auc > (plain[0][:, None] > plain[1]).mean() + 0.04


@pytest.mark.parametrize("known", [300, 1000, 5000])
def test_it_tells_them_by_ids_that_few_texts_hold(known: int) -> None:
    """A text's own gains must not look usual, nor may what is left out for one kind only tell the two apart."""
    members, others = (texts(120, member, seed, known) for seed, member in enumerate((True, False)))
    found = learn_tokens(members, others)
    assert found is not None
    plain = [np.array([view.d.mean() for view in group]) for group in (members, others)]
    auc = (found.members[:, None] > found.nonmembers).mean()
    assert auc > (plain[0][:, None] > plain[1]).mean() + 0.04


def test_under_another_target_texts_are_held_against_what_that_one_gains(learned: LearnedTokens) -> None:
    """What the first target gains of its own texts' words must not count against such texts under a placebo."""
    rng = np.random.default_rng(7)
    tuning, *placebo = ([text(rng, False, even=0.0) for _ in range(count)] for count in (120, 300))
    even = np.array([(view.target.tokens.ids[1:] % 2 == 0).mean() for view in placebo[0]])  # the first target's words

    def leak(model: TokenModel) -> float:
        return float(np.corrcoef(even, [odds(view, model).mean() for view in placebo[0]])[0, 1])

    assert leak(learned.model) < -0.5 and abs(leak(for_another(learned.model, tuning))) < 0.2
    assert for_another(learned.model, []) is learned.model


@pytest.mark.parametrize("side", [0, 1])
def test_a_text_moves_no_value_of_its_own_fold(learned: LearnedTokens, side: int) -> None:
    """Of 120 texts of each kind a fifth are scored by the one model that does not learn from it."""
    groups = [texts(120, True, 0), texts(120, False, 1)]
    groups[side][7] = texts(1, True, 9)[0]
    found = learn_tokens(*groups)
    assert found is not None
    same = [(found.members == learned.members).sum(), (found.nonmembers == learned.nonmembers).sum()]
    assert same == ([23, 24] if side == 0 else [24, 23])


def test_labels_without_meaning_find_nothing() -> None:
    found = learn_tokens(texts(120, False, 3), texts(120, False, 4), seed=0)
    assert found is not None
    assert abs((found.members[:, None] > found.nonmembers).mean() - 0.5) < 0.12


def test_the_same_seed_learns_the_same(learned: LearnedTokens) -> None:
    again = learn_tokens(texts(120, True, 0), texts(120, False, 1), seed=0)
    assert again is not None and again.members.tolist() == learned.members.tolist()


def test_texts_without_differences_have_no_value_and_few_teach_nothing() -> None:
    rng = np.random.default_rng(5)
    members = [*texts(FEWEST, True, 0), text(rng, True, reference=False)]
    found = learn_tokens(members, texts(FEWEST, False, 1))
    assert found is not None and np.isnan(found.members).tolist() == [False] * FEWEST + [True]
    assert learn_tokens(texts(FEWEST, True, 0), texts(FEWEST - 1, False, 1)) is None
