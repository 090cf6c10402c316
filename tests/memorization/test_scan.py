"""The scan is what its windows are, and on the embedded pair it finds what was planted, and where."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest

from probe.audit.metrics import auc
from probe.demo.locate import Mark, find, marks
from probe.documents.passages import Passage
from probe.documents.read import read_bytes
from probe.errors import InputError
from probe.memorization.continued import behind
from probe.memorization.extraction import LEVELS
from probe.memorization.scan import ALWAYS, Options, Scan, scan
from probe.memorization.strip import gains, peaks
from probe.memorization.windows import Shape, body, exact, whole
from probe.models.base import Sampler
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats
from tests.tiny import ASSETS

TARGET, REFERENCE = (LocalEngine.open(str(ASSETS / name)) for name in ("target", "reference"))
SMALL = Options(Shape(16, 16, 4))


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """Passages that the target read once, never, or 8, 16 and 32 times."""
    wanted = [entry for entry in marks() if entry.role == "planted" or entry.split == "test"]
    groups: dict[str, list[Mark]] = {}
    for entry in wanted:
        groups.setdefault(f"planted {entry.times}" if entry.role == "planted" else entry.role, []).append(entry)
    found = find([entry for group in groups.values() for entry in group[:60]])
    return {name: [found[entry] for entry in group[:60] if entry in found] for name, group in groups.items()}


def tokens_of(text: str) -> Tokens:
    (found,) = TARGET.tokenize([text])
    assert isinstance(found, Tokens)
    return found


def scans(texts: list[str]) -> list[Scan]:
    return [scan(TARGET, REFERENCE, text) for text in texts]


def heights(found: list[Scan]) -> tuple[np.ndarray, np.ndarray]:
    """Returns log10 p_z of each text's second half under target and reference."""
    rows = [(one.target.log_p.max(), one.reference.log_p.max()) for one in found if one.reference]
    target, reference = np.array(rows).T / math.log(10)
    return target, reference


def test_members_stand_above_the_reference_and_others_do_not(texts: dict[str, list[str]]) -> None:
    for name, stands in (("member", True), ("nonmember", False)):
        target, reference = heights(scans(texts[name]))
        difference = target - reference
        least = difference.mean() - 3 * difference.std() / math.sqrt(len(difference))
        assert len(difference) >= 30 and (least > 0) == stands


def test_what_was_planted_often_can_be_extracted_and_nothing_else(texts: dict[str, list[str]]) -> None:
    greedy = {name: [bool(one.target.greedy.any()) for one in scans(group)] for name, group in texts.items()}
    for times in (8, 16, 32):
        assert len(greedy[f"planted {times}"]) >= 5 and np.mean(greedy[f"planted {times}"]) >= 0.8
    assert not any(greedy["member"]) and not any(greedy["nonmember"])
    highs = [heights(scans(texts[f"planted {times}"]))[0].mean() for times in (8, 16, 32)]
    assert highs == sorted(highs) and highs[0] > -4
    control = [one.reference for group in texts.values() for one in scans(group)]
    assert not any(one.greedy.any() or one.log_p.max() >= math.log(LEVELS[0]) for one in control if one)


def test_the_strip_shows_which_half_was_read(texts: dict[str, list[str]]) -> None:
    rows = [(text, True) for text in texts["member"]] + [(text, False) for text in texts["nonmember"]]
    random.Random(0).shuffle(rows)
    document = read_bytes("\n\n".join(text for text, _ in rows).encode(), "a.txt")
    found = scan(TARGET, REFERENCE, document.text)
    places = [Passage(one.start, one.end, "") for one in document.paragraphs]
    values, member = gains(found, places), np.array([member for _, member in rows])
    assert len(places) == len(rows) and auc(values[member], values[~member]).low > 0.9


def test_windows_are_texts_of_their_own() -> None:
    """p_z of a window is that of its prefix and suffix alone, and greedy means that every token is the likeliest."""
    tokens = tokens_of(" ".join(f"Line {n} of the file says {n * n}." for n in range(40)))
    shape = Shape(9, 5, 7)
    begins = shape.begins(len(body(tokens)))
    logs, greedy = exact(TARGET, tokens, begins, shape, lambda count: None)
    for begin, log_p, flag in zip(begins, logs, greedy, strict=True):
        ids = np.concatenate([tokens.ids[:1], body(tokens)[begin : begin + 14]])
        (stats,) = TARGET.score([Tokens(ids, ids[1:], ids[1:], True)])
        assert isinstance(stats, TokenStats)
        assert log_p == pytest.approx(float(stats.logprob[-5:].sum()), abs=1e-3)
        assert flag == bool((stats.rank[-5:] == 0).all())
    assert begins[0] == 0 and begins[-1] == len(body(tokens)) - 14


def test_a_sampler_that_cannot_give_a_token_never_gives_the_suffix() -> None:
    tokens = tokens_of("The quick brown fox jumps over 13 lazy dogs; nobody knows why they lie there at noon, in June.")
    begins = np.array([0])
    shape = Shape(8, len(body(tokens)) - 8)
    logs = [exact(TARGET, tokens, begins, shape, lambda n: None, Sampler(1.0, k))[0][0] for k in (1, 2048)]
    plain = exact(TARGET, tokens, begins, shape, lambda n: None)[0][0]
    assert logs[0] == -math.inf and logs[1] == pytest.approx(plain, abs=1e-2)


def test_the_whole_text_is_scored_once() -> None:
    text = " ".join(f"Sentence number {n} is about nothing." for n in range(200))
    tokens, read = tokens_of(text), []
    logprob, rank = whole(TARGET, tokens, 1 << 20, read.append)
    (stats,) = TARGET.score([tokens])
    assert isinstance(stats, TokenStats) and len(tokens.ids) > 2 * TARGET.context
    np.testing.assert_allclose(logprob, stats.logprob, atol=1e-4)
    assert (rank == stats.rank).mean() > 0.999 and sum(read) < 2.2 * len(tokens.ids)


def test_shares_are_of_the_text_and_never_above_what_was_scored(texts: dict[str, list[str]]) -> None:
    text = "\n\n".join(texts["nonmember"][:12] + texts["planted 32"][:4])
    found = scan(TARGET, REFERENCE, text, SMALL)
    shares = [found.share(found.target, level) for level in LEVELS]
    assert 0 < shares[1] <= shares[0] < 0.3 and shares == sorted(shares, reverse=True)
    assert found.reference and found.share(found.reference, LEVELS[0]) == 0
    assert 0.1 < found.recalled(found.target) < 0.5 and found.recalled(found.reference) == 0
    assert found.scored.sum() >= ALWAYS and not np.isfinite(found.target.log_p[~found.scored]).any()
    first, middle, end = found.characters(int(found.target.log_p.argmax()))
    assert 0 <= first < middle < end <= len(text) and any(
        text[middle:end].strip()[:20] in one for one in texts["planted 32"]
    )
    places = [Passage(0, len(text) // 2, ""), Passage(len(text) // 2, len(text), "")]
    assert peaks(found, found.target, places).max() == found.target.log_p.max()
    few = scan(TARGET, REFERENCE, text, Options(SMALL.shape, most=1))
    assert few.scored.sum() == 1 and few.capped > 0


def test_the_window_before_a_place_is_the_nearest_that_reaches_into_it(texts: dict[str, list[str]]) -> None:
    text = "\n\n".join(texts["member"][:8])
    found = scan(LocalEngine.open(str(ASSETS / "target")), None, text, Options(Shape(12, 12, 5)))
    places = [found.characters(window) for window in range(len(found.begins))]
    assert [(middle, end) for _, middle, end in places] == list(zip(*found.suffixes, strict=True))
    first = min(middle for _, middle, _ in places)
    for start in range(0, len(text) - 40, 29):
        if start + 40 <= first:
            with pytest.raises(InputError, match="fewer than the 12 tokens"):
                behind(found, start, start + 40)
            continue
        chosen = behind(found, start, start + 40)
        reach = [n for n, (_, middle, end) in enumerate(places) if middle < start + 40 and end > start]
        assert chosen in reach and all(
            abs(places[chosen][1] - start) <= abs(places[other][1] - start) for other in reach
        )


def test_progress_ends_at_the_whole(texts: dict[str, list[str]]) -> None:
    steps: list[tuple[int, int]] = []
    scan(TARGET, REFERENCE, "\n".join(texts["member"]), progress=lambda *step: steps.append(step))
    assert all(done <= total for done, total in steps) and steps[-1][0] > 0.9 * steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_without_a_reference_and_with_one_of_another_tokenizer(shared: Path) -> None:
    alone = scan(TARGET, None, "A text of some words that nobody has ever written before today.")
    assert alone.reference is None and np.isnan(gains(alone, [Passage(0, 9, "")])).all()
    other = LocalEngine.open(str(shared / "models" / "stories260K"))
    assert scan(TARGET, other, "A text of some words that nobody has ever written before.").reference is None


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", Options(), "cannot be scored: the text is empty"),
        ("Hi", Options(), "fewer than 4 tokens"),
        ("word " * 900, Options(Shape(200, 200)), "prefix of 200 and a suffix of 200: name smaller ones, 255 together"),
        ("word " * 300, Options(Shape(700, 50)), "prefix of 700 and a suffix of 50"),
    ],
)
def test_what_cannot_be_scanned_is_told(text: str, options: Options, said: str) -> None:
    with pytest.raises(InputError, match=said):
        scan(TARGET, REFERENCE, text, options)


@pytest.mark.parametrize("stride", [0, -1, 10**30])
def test_windows_have_bounds(stride: int) -> None:
    with pytest.raises(InputError, match="1 at least and 1,000,000 at most"):
        Shape(5, 5, stride)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_is_a_number_above_0(temperature: float) -> None:
    with pytest.raises(InputError, match="above 0; a top-k of 1 is greedy"):
        Sampler(temperature=temperature)


def test_a_sampler_has_its_own_p_z() -> None:
    text = "Return a new list containing all items from the iterable in ascending order, and nothing else at all."
    highest = [
        scan(TARGET, None, text, Options(Shape(8, 8), Sampler(temperature))).target.log_p.max()
        for temperature in (None, 1.0, 0.5)
    ]
    assert highest[0] == pytest.approx(highest[1], abs=1e-3) and abs(highest[2] - highest[1]) > 0.1
    for wrong in (lambda: Sampler(top_k=0), lambda: Options(most=0)):
        with pytest.raises(InputError, match="1 at least"):
            wrong()
