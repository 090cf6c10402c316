"""Was a benchmark trained on in its published order? Oren et al. 2024 (2310.17623).

Examples that are exchangeable are as likely in one order as in any other, unless the model has read the published one.
The examples are cut in order into shards of even size that fit the target's context, joined by a separator; shuffles
are within shards. T = sum of log-likelihoods over shards, nats: p = (1 + #{shuffles with T at least as high}) / (1 +
shuffles), which is exact. Beside it the paper's sharded test: one-sided t over shards of (published - mean of its
shuffles), which can go below 1 / (1 + shuffles). An order that carries meaning (dates, chapters, sorted names) is not
exchangeable: where a reference that never read the benchmark prefers it too, nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.errors import InputError
from probe.measure import Progress
from probe.models.base import Engine
from probe.prepared import ALPHA
from probe.types import Call, Gate, Grade, Tokens, TokenStats, Unscored, Verdict

Vector = npt.NDArray[np.float64]
FEWEST_SHARDS = 10  # for the t-test
MEANINGFUL = 0.05  # p-value of the reference up to which the order counts as meaning something
_CHUNK = 64  # joined texts scored at once
_SPARE = 1  # tokens per example that joining may add


@dataclass(frozen=True, slots=True)
class Order:
    """p_value: of the permutation test; sharded: of the t-test over shards; examples: those in shards of two up."""

    p_value: float
    sharded: float | Unscored
    shards: int
    examples: int
    shuffles: int


@dataclass(frozen=True, slots=True)
class OrderResult:
    verdict: Verdict
    target: Order
    reference: Order | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """shards: at least so many; separator: what stands between examples."""

    alpha: float = ALPHA
    shuffles: int = 99
    shards: int = 1
    separator: str = "\n"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InputError(f"alpha must lie between 0 and 0.5, not {self.alpha}.", "alpha")
        least = math.ceil(1 / self.alpha - 1e-9) - 1
        if self.shuffles < least:
            raise InputError(
                f"{self.shuffles:,} shuffles give no p-value of {self.alpha:g}; ask for {least:,} or more.", "shuffles"
            )
        if self.shards < 1:
            raise InputError("There must be one shard at least.", "shards")


def judge_order(
    target: Engine, reference: Engine | None, examples: Sequence[str], options: OrderOptions = OrderOptions(),
    progress: Progress | None = None,
) -> OrderResult:  # fmt: skip
    """Returns `member` where the target prefers the published order and the reference does not. Raises InputError."""
    found = prefer(target, examples, options, progress)
    control = prefer(reference, examples, options, progress) if reference else None
    left = len(examples) - found.examples
    notes = [f"{left:,} examples that have no other beside them in the context were left out"] * bool(left)
    if found.shards < options.shards:
        notes.append(
            f"there are {found.shards:,} shards, not {options.shards:,}: elsewhere no two examples fit the context"
        )
    return OrderResult(_decide(found, control, options.alpha), found, control, tuple(notes))


def prefer(engine: Engine, examples: Sequence[str], options: OrderOptions, progress: Progress | None = None) -> Order:
    """Compares the published order with shuffles. Raises InputError for fewer than two examples."""
    cut = [group for group in _shards(engine, examples, options) if len(group) > 1]
    if not cut:
        raise InputError("An order takes two examples that fit the model's context together; name a file of more rows.")
    dice = np.random.default_rng(options.seed)
    orders = [[np.arange(len(group)) for group in cut]]
    orders += [[dice.permutation(len(group)) for group in cut] for _ in range(options.shuffles)]
    joined = [
        options.separator.join(group[place] for place in order)
        for row in orders
        for group, order in zip(cut, row, strict=True)
    ]
    likelihood = _likelihood(engine, joined, progress).reshape(1 + options.shuffles, len(cut))
    totals = likelihood.sum(1)
    p_value = (1 + int((totals[1:] >= totals[0]).sum())) / (1 + options.shuffles)
    gains = likelihood[0] - likelihood[1:].mean(0)
    return Order(p_value, sharded(gains), len(cut), sum(map(len, cut)), options.shuffles)


def sharded(gains: Vector) -> float | Unscored:
    """Returns P(T >= t) of the mean over shards of how much likelier the published order is, nats [shards]."""
    from scipy.special import stdtr

    if len(gains) < FEWEST_SHARDS:
        return Unscored(
            f"the t-test takes {FEWEST_SHARDS} shards of two examples up; there are {len(gains)} "
            f"(--shards {FEWEST_SHARDS}, of {2 * FEWEST_SHARDS} examples at least)"
        )
    spread = float(gains.std(ddof=1))
    if spread == 0:
        return 1.0
    return float(stdtr(len(gains) - 1, -float(gains.mean()) / spread * np.sqrt(len(gains))))


def _shards(engine: Engine, examples: Sequence[str], options: OrderOptions) -> list[list[str]]:
    """Cuts the examples in order; a shard fits the context in any order of its examples.

    Their sizes differ by one at most, but for shards that the context makes smaller. Raises InputError for fewer than
    two examples a shard.
    """
    least = 2 * options.shards
    if options.shards > 1 and len(examples) < least:
        raise InputError(
            f"{options.shards:,} shards take {least:,} examples, two in each; there are {len(examples):,}. Ask for "
            f"{max(1, len(examples) // 2):,} or fewer (--shards), or name a file of more rows.", "shards",
        )  # fmt: skip
    alone = engine.tokenize([f"{text}{options.separator}" for text in examples])
    sizes = [len(found.ids) + _SPARE if isinstance(found, Tokens) else 0 for found in alone]
    shards: list[list[str]] = [[]]
    room, needed, most = engine.context, options.shards, len(examples) // options.shards
    for number, (text, size) in enumerate(zip(examples, sizes, strict=True)):
        if shards[-1] and (size > room or len(shards[-1]) >= most):
            needed -= len(shards[-1]) > 1  # one alone tells nothing of order, and is left out
            most = max(2, (len(examples) - number) // max(1, needed))
            shards.append([])
            room = engine.context
        shards[-1].append(text)
        room -= size
    return shards


def _likelihood(engine: Engine, texts: Sequence[str], progress: Progress | None) -> Vector:
    """Returns the log-likelihood of each text, nats. Raises InputError where one cannot be scored."""
    found: list[float] = []
    for begin in range(0, len(texts), _CHUNK):
        tokens = engine.tokenize(texts[begin : begin + _CHUNK])
        good = [entry for entry in tokens if isinstance(entry, Tokens)]
        for entry in [*(entry for entry in tokens if isinstance(entry, Unscored)), *engine.score(good)]:
            if not isinstance(entry, TokenStats):
                raise InputError(f"The examples cannot be scored one after the other: {entry.reason}.")
            found.append(float(entry.logprob.sum(dtype=np.float64)))
        if progress:
            progress(len(found), len(texts))
    return np.array(found)


def _decide(target: Order, reference: Order | None, alpha: float) -> Verdict:
    gate: Gate = "untestable" if reference is None else "fail" if reference.p_value <= MEANINGFUL else "pass"
    as_likely = round(target.p_value * (1 + target.shuffles)) - 1
    said = (
        f"{as_likely:,} of {target.shuffles:,} shuffles are at least as likely as the published order "
        f"(p = {target.p_value:.2g})"
    )
    call = Call.INCONCLUSIVE
    if target.p_value > alpha:
        reason = f"{said}, which is above {alpha:g}: the target shows no sign of having read it in this order."
    elif gate == "fail":
        reason = "No claim: the reference prefers the published order too, so the order itself carries meaning."
    elif gate == "untestable":
        reason = (
            f"No claim: {said}, but nothing shows that the order carries no meaning of its own; name a --reference "
            "that never read it."
        )
    else:
        call, reason = Call.MEMBER, f"{said}, and the reference does not prefer it."
    grade: Grade = "C" if gate == "pass" else "D"
    return Verdict(call, reason, p_value=target.p_value, gates={"reference": gate}, evidence=grade)
