"""The nouns of the flow, in the order in which they arise:

    Text -> Tokens -> TokenStats -> Evidence -> Score -> Verdict -> Result

Values only, no behaviour beyond derived figures. A score is higher for a likelier member, everywhere.
"Cannot score" is a value with a reason (`Unscored`, or a `Score` without value); no NaN stands in any of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from probe.scores.shadowed import Shadowed

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Text:
    """One text to be judged. `id` is the caller's own name for it, `source` the document, site or date it is from.
    `refused`: why there is no text, of a row that holds none among others that do.
    """

    text: str
    id: str | None = None
    source: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A tokenised text. `ids[0]` is context only: BOS where the tokenizer adds one, else the first token.

    ids: int32 [1 + scored]; start, end: int32 [scored], character offsets of the scored tokens in the text.
    """

    ids: Ints
    start: Ints
    end: Ints
    has_bos: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TokenStats:
    """What one forward pass says of each scored token; every array is [scored].

    logprob: nats, log p(x_t | x_<t). mu: nats, E[log p] under p, that is minus the entropy. sigma: nats, the standard
    deviation of log p under p. rank: 0 = the argmax. mu and sigma are None on engines without full-vocabulary
    statistics. On request: top, [scored, 5] largest log-probabilities; sampled, log-probability under a sampler;
    gradient, each token's part in the squared norm of its window's gradient by the output head (models/gradient.py).
    """

    tokens: Tokens
    logprob: Floats
    rank: Ints
    mu: Floats | None = None
    sigma: Floats | None = None
    top: Floats | None = None
    sampled: Floats | None = None
    gradient: Floats | None = None
    windows: int = 1

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood, nats per token."""
        return -float(np.mean(self.logprob, dtype=np.float64))

    @property
    def perplexity(self) -> float:
        return float(np.exp(self.loss))


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why there is no value."""

    reason: str


NO_SHADOWS = Unscored("no shadow models are named (--shadows, MEMPROBE_SHADOWS)")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that the scores of one text may look at.

    copies: other texts made of it, under the target, by their name (scores/copies.py). behind: the text under the
    target behind a prefix of known texts, by their role (prefixes.py). rarity: float64 [scored], log(1/f) in nats of a
    corpus's token frequencies. reference_copies: some of the copies under the reference. continuations: how the target
    went on from the text's first half. shadows: what models that were trained with and without it say.
    """

    text: str
    target: TokenStats | Unscored
    reference: TokenStats | Unscored
    copies: Mapping[str, Sequence[TokenStats | Unscored]] = field(default_factory=dict)
    behind: Mapping[str, TokenStats | Unscored] = field(default_factory=dict)
    same_tokenizer: bool = True
    rarity: npt.NDArray[np.float64] | None = None
    reference_copies: Mapping[str, Sequence[TokenStats | Unscored]] = field(default_factory=dict)
    continuations: Sequence[str] | Unscored = Unscored("not requested")
    shadows: Shadowed | Unscored = NO_SHADOWS


@dataclass(frozen=True, slots=True)
class Score:
    """A membership score, or the reason why there is none."""

    value: float | None = None
    reason: str | None = None


class Call(StrEnum):
    """The four answers."""

    MEMBER = "member"
    NOT_MEMBER = "not_member"
    INCONCLUSIVE = "inconclusive"
    OUT_OF_DISTRIBUTION = "out_of_distribution"


Gate = Literal["pass", "fail", "untestable"]
Grade = Literal["A", "B", "C", "D"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What "exceeds the threshold" promises: FPR <= alpha with this confidence, given n known non-members.

    k: a text exceeds when fewer than k non-members score at least as high; 0 when n is too small for alpha. kind: of
    the non-members, where a text is held against those of its own kind ("" against all).
    """

    alpha: float
    confidence: float
    nonmembers: int
    k: int
    members: int
    smallest_alpha: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A calibrated answer and what it rests on. `p_value` is against known non-members, `p_member` against members.

    ppv: of a `member`, by prior: the least share of such answers that is right where that share of the texts are
    members. Empty without known members.
    """

    call: Call
    reason: str
    p_value: float | None = None
    p_member: float | None = None
    claim: Claim | None = None
    gates: dict[str, Gate] = field(default_factory=dict)
    evidence: Grade | None = None
    ppv: dict[float, float] = field(default_factory=dict)

    @property
    def tested(self) -> bool:
        """True where the p-value stands: no gate failed but `size`, which is about the level that was asked for, and
        the text is comparable. Only then has it a part in the decision on many texts.
        """
        failed = {name for name, gate in self.gates.items() if gate == "fail"}
        return self.p_value is not None and failed <= {"size"} and self.call is not Call.OUT_OF_DISTRIBUTION


@dataclass(frozen=True, slots=True)
class Default:
    """The score that the verdict rests on. `calibrated` is its value freed of length and difficulty, in null sd."""

    name: str
    value: float
    calibrated: float | None = None


@dataclass(frozen=True, slots=True)
class InCorpus:
    """What a corpus holds of a text: all of it as it stands ("exact"), a run of 13 words or more, or nothing.

    run_words: of the longest run, share: of the text's words. documents: how many hold it, ids: the first of them.
    found is None where it could not be looked up; note says why, or what limits the answer.
    """

    found: Literal["exact", "run", "none"] | None
    run_words: int = 0
    share: float = 0.0
    documents: int = 0
    ids: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Everything that is said of one text; `error` is set exactly where there is no verdict.

    corpus: truth beside the statistic where a corpus was named; it moves no verdict.
    """

    index: int
    id: str | None
    verdict: Verdict | None
    score: Default | None
    scores: dict[str, Score]
    target: TokenStats | None = None
    reference: TokenStats | None = None
    q_value: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    corpus: InCorpus | None = None
