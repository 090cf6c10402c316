"""The contract of every engine, on the embedded target: a subclass brings the fixture `engine` and says what it gives.

Expected values come from transformers in the plainest way: one text, one window, whole float64 log-softmax.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from probe.data.windows import Window, cut
from probe.models.base import NO_EXTRAS, Engine, Extras
from probe.types import Tokens, TokenStats, Unscored
from tests.tiny import ASSETS

MODEL = str(ASSETS / "target")
PREFIX = "Words that stand before it and have nothing to do with it."
TEXTS = [
    "Return the number of items in the queue.",
    "emoji 😀 and NUL \0 and naïve “quotes” 漢字",
    "Two words",
    "\tIf the file does not exist,\n\n    it is made; otherwise its content is lost.",
    "If the file does not exist, it is made; otherwise its content is lost. " * 20,
    "Return the number of items in the queue.",
]


@cache
def model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()


def plain(model: Any, window: Window) -> dict[str, np.ndarray]:
    """logprob, mu, sigma, rank of a window's scored tokens."""
    ids = torch.from_numpy(window.ids.astype(np.int64))
    with torch.no_grad():
        logp = model(input_ids=ids[None]).logits[0, :-1].double().log_softmax(-1)[-window.scored :]
    own = logp.gather(1, ids[-window.scored :, None])
    mu = (logp.exp() * logp).sum(1)
    sigma = (logp.exp() * (logp - mu[:, None]).square()).sum(1).sqrt()
    return {"logprob": own[:, 0].numpy(), "mu": mu.numpy(), "sigma": sigma.numpy(), "rank": (logp > own).sum(1).numpy()}


def expected(tokens: Tokens, context: int, prefix: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    windows = [plain(model(), window) for window in cut(tokens, context, prefix)]
    return {name: np.concatenate([window[name] for window in windows]) for name in windows[0]}


def tokens_of(engine: Engine, texts: list[str]) -> list[Tokens]:
    found = engine.tokenize(texts)
    good = [entry for entry in found if isinstance(entry, Tokens)]
    assert len(good) == len(found)
    return good


def scored(engine: Engine, texts: list[str], extras: Extras = NO_EXTRAS) -> list[TokenStats]:
    found = engine.score(tokens_of(engine, texts), extras)
    good = [entry for entry in found if isinstance(entry, TokenStats)]
    assert len(good) == len(found) == len(texts), found
    return good


class Contract:
    """What every engine that gives log-probabilities does."""

    moments: ClassVar[bool] = True
    ranks: ClassVar[bool] = True  # else 0 for the likeliest token and 1 for any other
    tolerance: ClassVar[float] = 1e-3  # nats

    def agrees(self, found: TokenStats, wanted: dict[str, np.ndarray]) -> None:
        names = ("logprob", "mu", "sigma") if self.moments else ("logprob",)
        for name in names:
            np.testing.assert_allclose(getattr(found, name), wanted[name], atol=self.tolerance, err_msg=name)
        if self.ranks:
            assert (np.abs(found.rank - wanted["rank"]) <= 2).all()
        else:
            assert (found.rank == np.minimum(wanted["rank"], 1)).mean() > 0.99

    def test_values_equal_transformers(self, engine: Engine) -> None:
        for found in scored(engine, TEXTS):
            self.agrees(found, expected(found.tokens, engine.context))

    def test_columns_have_their_types(self, engine: Engine) -> None:
        (found,) = scored(engine, TEXTS[:1])
        assert found.logprob.dtype == np.float32 and found.rank.dtype == np.int32
        assert (found.mu is not None) == (found.sigma is not None) == self.moments
        assert found.top is None and found.sampled is None

    def test_first_token_is_context_only(self, engine: Engine) -> None:
        """The embedded tokenizer adds BOS, so every token of the text is scored, and BOS is not."""
        (found,) = scored(engine, TEXTS[:1])
        assert found.tokens.has_bos and len(found.logprob) == len(found.tokens.ids) - 1 == len(found.tokens.start)
        assert found.tokens.start[0] == 0

    def test_an_over_long_text_goes_through_windows(self, engine: Engine) -> None:
        (found,) = scored(engine, TEXTS[4:5])
        assert len(found.tokens.ids) > engine.context and found.windows > 1
        assert len(found.logprob) == len(found.tokens.ids) - 1

    def test_order_and_company_do_not_matter(self, engine: Engine) -> None:
        alone = [scored(engine, [text])[0] for text in TEXTS]
        backwards = scored(engine, TEXTS[::-1])[::-1]
        for one, other in zip(alone, backwards, strict=True):
            np.testing.assert_allclose(one.logprob, other.logprob, atol=1e-4)

    def test_nothing_to_score_is_nothing(self, engine: Engine) -> None:
        assert engine.score([]) == [] and engine.tokenize([]) == []

    @pytest.mark.parametrize("text", ["", "  \n", "\ud800"])
    def test_texts_without_tokens_say_why(self, engine: Engine, text: str) -> None:
        before, found, after = engine.tokenize(["One text.", text, "Another."])
        assert isinstance(found, Unscored) and len(found.reason) > 10
        assert isinstance(before, Tokens) and isinstance(after, Tokens)

    def test_a_prefix_is_context_for_every_text(self, engine: Engine) -> None:
        prefix = tuple(tokens_of(engine, [PREFIX])[0].ids.tolist())
        texts = [*TEXTS[:2], TEXTS[4]]
        for found in scored(engine, texts, Extras(prefix=prefix)):
            self.agrees(found, expected(found.tokens, engine.context, prefix))

    def test_optional_columns_are_given_or_refused_in_words(self, engine: Engine) -> None:
        (found,) = engine.score(tokens_of(engine, TEXTS[:1]), Extras(top=True))
        assert found.top is not None if isinstance(found, TokenStats) else "columns" in found.reason

    def test_gradients_are_given_or_left_out(self, engine: Engine) -> None:
        (found,) = scored(engine, TEXTS[:1], Extras(gradient=True))
        self.agrees(found, expected(found.tokens, engine.context))
        assert found.gradient is None or (len(found.gradient) == len(found.logprob) and found.gradient.sum() > 0)

    def test_its_identity_does_not_change(self, engine: Engine) -> None:
        engine.load()
        before = engine.identity
        scored(engine, TEXTS[:1])
        assert engine.identity == before and before.name and before.tokenizer.startswith("sha256:")

    def test_it_knows_its_tokenizer(self, engine: Engine) -> None:
        from probe.models.around import Around
        from probe.models.local import LocalEngine

        other = LocalEngine.open(MODEL)
        for one in (other, Around(other), Around(Around(other))):
            assert engine.same_tokenizer(one) and one.same_tokenizer(engine)
