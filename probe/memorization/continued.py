"""What the model itself writes behind a prefix of the document, beside what stands there: extraction, really done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probe.memorization.extraction import common_run, edit_distance
from probe.memorization.scan import Scan
from probe.memorization.windows import body
from probe.models.base import Engine
from probe.models.writing import Prompt, write
from probe.types import Unscored

NEAR = 0.1  # edit distance, as a share of the longer text, up to which a continuation is near-verbatim


@dataclass(frozen=True, slots=True)
class Continuation:
    """start, middle, end: characters of prefix and suffix in the document's text. written: by the model; why: there is
    nothing. distance: edit distance in characters over the longer length. run: words in a row that both hold.
    """

    start: int
    middle: int
    end: int
    written: str = ""
    why: str = ""
    distance: float = 1.0
    run: int = 0

    @property
    def near(self) -> bool:
        return not self.why and self.distance <= NEAR


def highest(scan: Scan, most: int) -> list[int]:
    """Returns the windows of the highest p_z under the target, none of which overlap in their suffixes."""
    found: list[int] = []
    for window in np.argsort(-scan.target.log_p, kind="stable").tolist():
        if len(found) == most or not scan.scored[window]:
            break
        if all(abs(int(scan.begins[window] - scan.begins[one])) >= scan.shape.suffix for one in found):
            found.append(window)
    return sorted(found)


def go_on(engine: Engine, scan: Scan, text: str, windows: Sequence[int]) -> list[Continuation]:
    """Lets the model go on from the prefixes of these windows, the likeliest token each time."""
    ids, head = body(scan.tokens), scan.tokens.ids[: int(scan.tokens.has_bos)]
    begins = scan.begins[list(windows)].tolist()
    prompts = [
        Prompt(np.concatenate([head, ids[begin : begin + scan.shape.prefix]]), scan.shape.suffix) for begin in begins
    ]
    written = write(engine, prompts, 0)
    return [_compared(text, scan.characters(one), found) for one, found in zip(windows, written, strict=True)]


def _compared(text: str, places: tuple[int, int, int], written: list[str] | Unscored) -> Continuation:
    if isinstance(written, Unscored):
        return Continuation(*places, why=written.reason)
    own, made = text[places[1] : places[2]], written[0]
    distance = edit_distance([*map(ord, own.strip())], [*map(ord, made.strip())])
    return Continuation(*places, made, "", distance, _run(own.split(), made.split()))


def _run(one: list[str], other: list[str]) -> int:
    numbers = {word: number for number, word in enumerate({*one, *other})}
    return common_run([numbers[word] for word in one], [numbers[word] for word in other])
