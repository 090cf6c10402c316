"""What the model itself writes behind a prefix of the document, beside what stands there: extraction, really done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probe.errors import InputError
from probe.memorization.extraction import common_run, edit_distance
from probe.memorization.scan import Progress, Scan
from probe.memorization.windows import body
from probe.models.base import OWN, Engine, Sampler
from probe.models.writing import Prompt, cost, write
from probe.types import Unscored

NEAR = 0.1  # edit distance, as a share of the longer text, up to which a continuation is near-verbatim


@dataclass(frozen=True, slots=True)
class Sampled:
    """Continuations drawn by the sampler whose p_z is told. near: how many of `count` are near-verbatim. nearest: the
    one of the least distance; run: of it.
    """

    count: int
    near: int
    nearest: str
    distance: float
    run: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """start, middle, end: characters of prefix and suffix in the document's text. written: by the model, the likeliest
    token each time; why: there is nothing. distance: edit distance in characters over the longer length. run: words in
    a row that both hold.
    """

    start: int
    middle: int
    end: int
    written: str = ""
    why: str = ""
    distance: float = 1.0
    run: int = 0
    sampled: Sampled | None = None

    @property
    def near(self) -> bool:
        return not self.why and self.distance <= NEAR


def check_samples(generate: int, samples: int) -> None:
    """Raises InputError for samples of no window."""
    if samples and not generate:
        raise InputError("Samples are drawn from the windows that the model goes on from: say of how many.", "generate")


def highest(scan: Scan, most: int) -> list[int]:
    """Returns the scored windows of the highest p_z under the target, none of which overlap in their suffixes."""
    found: list[int] = []
    scored = np.flatnonzero(scan.scored)
    for window in scored[np.argsort(-scan.target.log_p[scored], kind="stable")].tolist():
        if len(found) == most:
            break
        if all(abs(int(scan.begins[window] - scan.begins[one])) >= scan.shape.suffix for one in found):
            found.append(window)
    return sorted(found)


def behind(scan: Scan, start: int, end: int) -> int:
    """Returns the window whose suffix begins nearest to `start`, of those that reach into these characters of the text.

    Raises InputError where the text before them is too short for a prefix.
    """
    middles, ends = scan.suffixes
    reach = np.flatnonzero((middles < end) & (ends > start))
    if not len(reach):
        raise InputError(
            f"Before this passage stand fewer than the {scan.shape.prefix} tokens that the model goes on from: choose "
            "a later one." if end <= middles[0] else
            "No window leads into this passage, for they lie too far apart: hand it in again with a smaller stride.",
            "number",
        )  # fmt: skip
    return int(reach[np.argmin(np.abs(middles[reach] - start))])


def price(scan: Scan, samples: int) -> int:
    """Returns how many tokens the model reads and writes, at most, where it goes on from one window."""
    prompts = _prompts(scan, [0])
    return cost(prompts, 0) + (cost(prompts, samples) if samples else 0)


def go_on(
    engine: Engine, scan: Scan, text: str, windows: Sequence[int], samples: int = 0, sampler: Sampler = OWN,
    progress: Progress = lambda done, total: None,
) -> list[Continuation]:  # fmt: skip
    """Lets the model go on from the prefixes of these windows: by the likeliest token each time, and `samples` times by
    the sampler.
    """
    prompts = _prompts(scan, windows)
    made = []
    greedy = write(engine, prompts, 0)
    for done, (window, prompt, written) in enumerate(zip(windows, prompts, greedy, strict=True), 1):
        # one by one: others wait for their turn
        drawn = write(engine, [prompt], samples, sampler)[0] if samples else []
        made.append(_compared(text, scan.characters(window), written, drawn))
        progress(done, len(prompts))
    return made


def _prompts(scan: Scan, windows: Sequence[int]) -> list[Prompt]:
    ids, head = body(scan.tokens), scan.tokens.ids[: int(scan.tokens.has_bos)]
    begins = scan.begins[list(windows)].tolist()
    return [
        Prompt(np.concatenate([head, ids[begin : begin + scan.shape.prefix]]), scan.shape.suffix) for begin in begins
    ]


def _compared(
    text: str, places: tuple[int, int, int], written: list[str] | Unscored, drawn: list[str] | Unscored
) -> Continuation:
    if isinstance(written, Unscored):
        return Continuation(*places, why=written.reason)
    own, made = text[places[1] : places[2]], written[0]
    sampled = None if isinstance(drawn, Unscored) or not drawn else _sampled(own, drawn)
    if not made.strip():
        return Continuation(*places, why="the model ends its text there, or writes white space alone", sampled=sampled)
    return Continuation(*places, made, "", _distance(own, made), _run(own.split(), made.split()), sampled)


def _sampled(own: str, drawn: Sequence[str]) -> Sampled:
    distances = [_distance(own, one) for one in drawn]
    best = int(np.argmin(distances))
    near = sum(distance <= NEAR for distance in distances)
    return Sampled(len(drawn), near, drawn[best], distances[best], _run(own.split(), drawn[best].split()))


def _distance(own: str, made: str) -> float:
    return edit_distance([*map(ord, own.strip())], [*map(ord, made.strip())])


def _run(one: list[str], other: list[str]) -> int:
    numbers = {word: number for number, word in enumerate({*one, *other})}
    return common_run([numbers[word] for word in one], [numbers[word] for word in other])
