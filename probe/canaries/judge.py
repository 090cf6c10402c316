"""From planted canaries to a verdict: all alternatives are scored, the drawn ones ranked, the ranks judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from probe.calibration.fingerprint import Fingerprint, take
from probe.canaries.draw import Canary
from probe.canaries.folder import Planting
from probe.canaries.published import standing
from probe.canaries.rank import Needed, Ranked, Value, needed, p_value_of, rank, smallest
from probe.canaries.score import LIKELIHOOD, RATIO, likelihoods, ratios
from probe.canaries.verdict import decide, gates_of, notes_of
from probe.errors import InputError
from probe.measure import Progress
from probe.models.base import Engine
from probe.prepared import ALPHA
from probe.setup import Setup
from probe.types import Unscored, Verdict


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """score: which one. smallest: the least p-value that these canaries can give; needed: what they lack for alpha.

    control: p-value of the reference by itself. left_out: id and reason.
    """

    verdict: Verdict
    ranked: tuple[Ranked, ...]
    left_out: tuple[tuple[str, str], ...]
    score: str
    alpha: float
    smallest: float
    needed: Needed | None
    control: float | None
    commitment: str
    fingerprint: Fingerprint
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """alternatives: at most so many of each canary's, chosen before looking, to save time; None: all."""

    alpha: float = ALPHA
    alternatives: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InputError(f"alpha must lie between 0 and 0.5, not {self.alpha}.", "alpha")
        if self.alternatives is not None and self.alternatives < 1:
            raise InputError("Use one alternative at least (--alternatives-used).", "alternatives_used")


def judge_canaries(
    target: Engine, reference: Engine | None, planting: Planting, options: TrialOptions = TrialOptions(),
    published: Sequence[str] | None = None, progress: Progress | None = None,
) -> CanaryResult:  # fmt: skip
    """Tests the canaries, of which only those count that stand in the published texts where these are given.

    Raises InputError where none can be tested.
    """
    chosen, missing = (planting.canaries, []) if published is None else standing(planting.canaries, published)
    if options.alternatives is not None:
        chosen = [canary.among(options.alternatives) for canary in chosen]
    mine, others = _measure(target, reference, chosen, progress)
    found = _rank(chosen, mine if others is None else ratios(mine, others))
    ranked = tuple(one for one in found if isinstance(one, Ranked))
    left_out = [(name, "it does not stand in what was published") for name in missing]
    left_out += [
        (one.id, entry.reason) for one, entry in zip(chosen, found, strict=True) if isinstance(entry, Unscored)
    ]
    if not ranked:
        raise InputError(f"No canary can be tested; {left_out[0][0]}: {left_out[0][1]}.")
    control = None if others is None else p_value_of([one for one in _rank(chosen, others) if isinstance(one, Ranked)])
    sizes = [one.size for one in ranked]
    gates = gates_of(planting.committed, published is not None, control, options.alpha)
    return CanaryResult(
        decide(ranked, options.alpha, gates), ranked, tuple(left_out), LIKELIHOOD if others is None else RATIO,
        options.alpha, smallest(sizes), needed(sizes, options.alpha), control, planting.commitment,
        take(Setup(target, reference)), notes_of(ranked, (target, reference), gates),
    )  # fmt: skip


def _measure(
    target: Engine, reference: Engine | None, canaries: Sequence[Canary], progress: Progress | None
) -> tuple[list[Value], list[Value] | None]:
    """Returns log p of all alternatives of all canaries, one after the other, under both models."""
    texts = [text for canary in canaries for text in canary.texts]
    done, total = 0, len(texts) * (2 if reference else 1)

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(done, total)

    mine = likelihoods(target, texts, advance)
    return mine, likelihoods(reference, texts, advance) if reference else None


def _rank(canaries: Sequence[Canary], values: Sequence[Value]) -> list[Ranked | Unscored]:
    rest = iter(values)
    return [rank(one.id, list(islice(rest, len(one.texts))), one.drawn) for one in canaries]
