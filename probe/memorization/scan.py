"""The memorisation scan of a document (arXiv:2505.12546), with the reference as its negative control.

screen: one pass over the whole text, each token behind one to two prefixes of context; prefix sums over its
log-probabilities tell what each suffix is worth. exact: windows round the peaks of the screen are scored as what they
are, a prefix of 50 tokens and a suffix of 50: those within SLACK of the lowest level, and the highest TOP of all, by
what the target says and by how far it is ahead of the reference. What was not scored counts as below every level.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from probe.errors import InputError
from probe.memorization.extraction import LEVELS, longest_run, near_verbatim
from probe.memorization.windows import Advance, Shape, Vector, body, exact, whole
from probe.models.base import OWN, Engine, Sampler
from probe.types import Floats, Ints, Tokens, Unscored

SLACK = math.log(1e4)  # nats: how much likelier a window may be by itself than with more context before it
TOP = 0.05  # share of the windows
MOST = 5_000  # windows that are scored exactly, the highest of the screen
ALWAYS = 20  # of the highest, whatever they are worth: so that the report of a short text has figures to show
_LEAST = 32  # tokens of context of the screen
Progress = Callable[[int, int], None]  # tokens read, of how many


@dataclass(frozen=True, slots=True)
class Options:
    """sampler: whose p_z is told, and by which continuations are drawn."""

    shape: Shape = field(default_factory=Shape)
    sampler: Sampler = OWN
    most: int = MOST

    def __post_init__(self) -> None:
        if self.most < 1:
            raise InputError("The most windows that are scored are 1 at least.", "most")


@dataclass(frozen=True, eq=False)
class Reading:
    """What one model makes of a document. logprob, rank: [tokens - 1 or tokens], of every scored token.

    screen: log p_z by the screen [windows]. log_p: exact, -inf where it was not scored [windows]. greedy:
    [windows].
    """

    logprob: Floats
    rank: Ints
    screen: Vector
    log_p: Vector
    greedy: npt.NDArray[np.bool_]

    @property
    def run(self) -> tuple[int, int]:
        """First scored token and length of the longest run that the model continues word for word."""
        return longest_run(self.rank == 0)


@dataclass(frozen=True, eq=False)
class Scan:
    """begins: first token of each window [windows]. scored: which windows were scored exactly [windows]."""

    tokens: Tokens
    shape: Shape
    begins: npt.NDArray[np.int64]
    scored: npt.NDArray[np.bool_]
    target: Reading
    reference: Reading | None
    capped: int = 0  # windows near a level that were beyond `most`

    @property
    def size(self) -> int:
        return len(body(self.tokens))

    @property
    def lost(self) -> int:
        """Tokens at the beginning that are not scored and have no place: one where the tokenizer gives no BOS."""
        return 0 if self.tokens.has_bos else 1

    def share(self, reading: Reading, level: float) -> float:
        """Returns the share of the text's tokens that lie in a suffix of p_z >= level."""
        return float(self.covered(reading.log_p >= math.log(level)).mean())

    def recalled(self, reading: Reading) -> float:
        """Returns the near-verbatim recall: the share of scored tokens in stretches, as long as a suffix, of which the
        likeliest token behind the true words before it is nearly always the true one.
        """
        return float(near_verbatim(reading.rank == 0, self.shape.suffix).mean())

    def covered(self, windows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Returns which tokens lie in the suffix of one of these windows [tokens]."""
        edges = np.zeros(self.size + 1, np.int64)
        begins = self.begins[windows] + self.shape.prefix
        np.add.at(edges, begins, 1)
        np.add.at(edges, begins + self.shape.suffix, -1)
        return np.cumsum(edges[:-1]) > 0

    @property
    def suffixes(self) -> tuple[Ints, Ints]:
        """Where the suffix of each window begins and ends in the text, characters [windows]."""
        return self._suffix(self.begins)

    def _suffix(self, begins: npt.NDArray[np.int64]) -> tuple[Ints, Ints]:
        first = begins + self.shape.prefix - self.lost
        return self.tokens.start[first], self.tokens.end[first + self.shape.suffix - 1]

    def characters(self, window: int) -> tuple[int, int, int]:
        """Returns where prefix, suffix and end of a window lie in the text."""
        first = int(self.begins[window])
        (middle,), (end,) = self._suffix(self.begins[[window]])
        return (int(self.tokens.start[first - self.lost]) if first >= self.lost else 0), int(middle), int(end)


def scan(
    target: Engine, reference: Engine | None, text: str, options: Options = Options(),
    progress: Progress = lambda done, total: None,
) -> Scan:  # fmt: skip
    """Raises InputError for a text that cannot be scored, or a context too short for a window."""
    tokens = _tokens(target, text)
    engines = [target, *([reference] if reference is not None and target.same_tokenizer(reference) else [])]
    shape = options.shape.fitted(len(body(tokens)))
    if (least := min(engine.context for engine in engines)) <= shape.tokens:
        asked = options.shape
        raise InputError(
            f"A context of {least} tokens is too short for a prefix of {asked.prefix} and a suffix of {asked.suffix}: "
            f"name smaller ones, {least - 1} together at most.", "prefix",
        )  # fmt: skip
    begins = shape.begins(len(body(tokens)))
    advance = _Bar(progress, 2 * len(tokens.ids) * len(engines))
    wholes = [whole(engine, tokens, max(2 * shape.prefix, _LEAST), advance) for engine in engines]
    screens = [_screen(logprob, tokens, begins, shape) for logprob, _ in wholes]
    scored, capped = _chosen(screens, options.most)
    advance.more(int(scored.sum()) * (shape.tokens + 1) * len(engines))
    readings = [
        _reading(engine, tokens, begins, scored, shape, found, screen, advance, options.sampler)
        for engine, found, screen in zip(engines, wholes, screens, strict=True)
    ]
    return Scan(tokens, shape, begins, scored, readings[0], readings[1] if len(readings) > 1 else None, capped)


def _tokens(target: Engine, text: str) -> Tokens:
    (found,) = target.tokenize([text])
    if isinstance(found, Unscored):
        raise InputError(f"The document cannot be scored: {found.reason}.")
    if len(body(found)) < 4:
        raise InputError("The document has fewer than 4 tokens: there is nothing to split into prefix and suffix.")
    return found


def _screen(logprob: Floats, tokens: Tokens, begins: npt.NDArray[np.int64], shape: Shape) -> Vector:
    """Returns log p_z [windows] by prefix sums."""
    lost = len(body(tokens)) - len(logprob)  # without BOS the first token is not scored
    sums = np.concatenate([np.zeros(1 + lost), np.cumsum(logprob, dtype=np.float64)])
    found: Vector = sums[begins + shape.tokens] - sums[begins + shape.prefix]
    return found


def _chosen(screens: list[Vector], most: int) -> tuple[npt.NDArray[np.bool_], int]:
    """Returns which windows are to be scored exactly [windows], and how many near a level are not for their number."""
    highest = np.max(screens, axis=0)
    top = max(ALWAYS, math.ceil(TOP * len(highest)))
    near = highest >= math.log(LEVELS[0]) - SLACK
    for worth in (screens[0], screens[0] - screens[-1]):
        near[np.argsort(-worth, kind="stable")[:top]] = True
    order = np.argsort(-highest, kind="stable")
    order = order[near[order]]
    chosen = np.zeros(len(highest), bool)
    chosen[order[:most]] = True
    return chosen, max(0, len(order) - most)


def _reading(
    engine: Engine, tokens: Tokens, begins: npt.NDArray[np.int64], scored: npt.NDArray[np.bool_], shape: Shape,
    found: tuple[Floats, Ints], screen: Vector, advance: Advance, sampler: Sampler = OWN,
) -> Reading:  # fmt: skip
    log_p, greedy = np.full(len(begins), -np.inf), np.zeros(len(begins), bool)
    log_p[scored], greedy[scored] = exact(engine, tokens, begins[scored], shape, advance, sampler)
    return Reading(*found, screen, log_p, greedy)


class _Bar:
    """Counts tokens; how many there are in all is known better once the screen has chosen its windows."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def more(self, tokens: int) -> None:
        self._total = self._done + tokens

    def __call__(self, tokens: int) -> None:
        self._done += tokens
        self._progress(self._done, max(self._total, self._done))
