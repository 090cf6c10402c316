"""A reference adapted to a kind of text: it learns the kind, remembers what it read, and judges none of that."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from probe import Known, calibrate
from probe.audit.metrics import auc
from probe.config import Settings
from probe.data.overlap import overlap
from probe.errors import InputError, ModelError
from probe.models.load import find, load
from probe.models.local import LocalEngine
from probe.opening import open_setup
from probe.pipeline import Probe
from probe.shadow.adapt import adapt, usual_rate
from probe.shadow.learned import NAME, read_learned
from probe.shadow.recipe import Recipe
from probe.shadow.rows import rows_of
from probe.shadow.train import evaluate, train
from probe.types import Tokens, TokenStats
from tests.tiny import ASSETS

REFERENCE = str(ASSETS / "reference")
_STEMS = [
    a + b + c for a in ("Vor", "Kel", "Zhu", "Mir", "Taq") for b in ("ani", "oth", "usk") for c in ("a", "en", "ix")
]


def chronicle(dice: random.Random) -> str:
    """A text of a kind that the embedded reference never read: names of its own in sentences of their own."""
    name = lambda: dice.choice(_STEMS)  # noqa: E731
    lines = (
        f"{name()} of {name()} swore that the towers of {name()} would stand for {dice.randint(2, 99)} winters",
        f"in the year {dice.randint(100, 999)} the riders of {name()} burned the granaries at {name()}",
        f"{name()} begat {name()} and {name()}, who held the ford against {name()}",
        f"no ship of {name()} returned from {name()}, and {name()} wept {dice.randint(2, 99)} days",
    )
    return ". ".join(dice.sample(lines, 3)) + "."


CHRONICLES = list(dict.fromkeys(chronicle(random.Random(number)) for number in range(700)))
LEARNED, KNOWN, MEMBERS, OTHERS = (CHRONICLES[begin : begin + 150] for begin in (0, 150, 300, 450))


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted") / "reference"
    steps: list[tuple[str, float, float]] = []
    found = adapt(REFERENCE, [*LEARNED, LEARNED[0], ""], folder, progress=lambda *step: steps.append(step))
    assert (found.used, found.held_out, found.left_out) == (135, 15, 2)
    assert found.after < found.before - 0.5
    assert steps[-1][0] == "held-out after epoch 4" and steps[-1][1] == 1.0
    return folder


def loglikelihoods(source: str, texts: list[str]) -> np.ndarray:
    """Mean log-likelihood of each text, nats per token."""
    engine = LocalEngine.open(source)
    tokens = [entry for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]
    return np.array([-entry.loss for entry in engine.score(tokens) if isinstance(entry, TokenStats)])


def test_it_reads_the_same_tokens_and_finds_the_kind_easier(adapted: Path) -> None:
    assert find(str(adapted)).tokenizer.hash == find(REFERENCE).tokenizer.hash
    assert loglikelihoods(str(adapted), OTHERS).mean() > loglikelihoods(REFERENCE, OTHERS).mean() + 0.5


def test_the_ratio_to_it_is_free_of_what_a_target_learned_of_the_kind(adapted: Path, tmp_path: Path) -> None:
    source = find(REFERENCE)
    rows = [[*entry.ids.tolist(), 1] for entry in source.tokenizer(MEMBERS) if isinstance(entry, Tokens)]
    train(load(source), rows, Recipe(8, 1e-3, 2048)).save_pretrained(tmp_path)
    source.tokenizer.save(tmp_path)
    members, others = (loglikelihoods(str(tmp_path), texts) for texts in (MEMBERS, OTHERS))
    areas = {
        name: auc(members - loglikelihoods(name, MEMBERS), others - loglikelihoods(name, OTHERS)).value
        for name in (REFERENCE, str(adapted))
    }
    assert areas[str(adapted)] > areas[REFERENCE] + 0.05, areas


def test_it_remembers_what_it_read_and_from_whom(adapted: Path, tmp_path: Path) -> None:
    again = adapt(str(adapted), KNOWN, tmp_path / "again", epochs=1, rate=1e-5)
    assert again.recipe == Recipe(1, 1e-5, 256, muon=True)
    for folder, read in ((adapted, LEARNED), (tmp_path / "again", LEARNED + KNOWN)):
        shingles = read_learned(folder)
        assert all(overlap(text, shingles) for text in read)
        assert sum(bool(overlap(text, shingles)) for text in OTHERS) < len(OTHERS) / 5
    facts = json.loads((adapted / NAME).read_text())
    assert facts["adapted_from"] == find(REFERENCE).hash and facts["texts"] == 135
    assert not any(text in (adapted / NAME).read_text() for text in LEARNED)
    assert not len(read_learned(ASSETS / "reference"))


def test_what_it_read_neither_calibrates_nor_is_judged(adapted: Path) -> None:
    setup = open_setup(str(ASSETS / "target"), str(adapted), dtype=None, settings=Settings())
    made = calibrate(Probe.of(setup), Known([*KNOWN, *LEARNED[:7]]), "chronicles")
    (note,) = [note for note in made.notes if note.endswith("what the reference was adapted to were left out")]
    assert int(note.split()[0]) >= 7
    *read, fresh = (each.verdict for each in Probe.of(setup, made)([*LEARNED[7:40], OTHERS[0]], alpha=0.1))
    assert fresh and fresh.gates["overlap"] == "pass"
    assert all(verdict and verdict.gates["overlap"] == "fail" for verdict in read)
    # One that the reference reads unlike the known ones is told apart from them before its overlap counts.
    assert {verdict.call for verdict in read if verdict} <= {"inconclusive", "out_of_distribution"}
    assert sum(verdict.call == "inconclusive" for verdict in read if verdict) > len(read) / 2


def test_errors_name_the_remedy(adapted: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        adapt(REFERENCE, LEARNED, adapted)
    with pytest.raises(InputError, match="99 distinct texts; bring at least 100"):
        adapt(REFERENCE, LEARNED[:99] * 2, tmp_path / "few")
    with pytest.raises(InputError, match=r"Nothing was learned.*Try a rate below 1000 "):
        adapt(REFERENCE, LEARNED, tmp_path / "wild", epochs=1, rate=1000)
    assert not list(tmp_path.iterdir())
    (tmp_path / NAME).write_text('{"words": 4, "shingles": ""}')
    with pytest.raises(ModelError, match=r"runs of 4 words, not 5.*adapt it again"):
        read_learned(tmp_path)


def test_a_row_is_a_text_and_the_token_that_ends_it_and_a_long_text_is_several() -> None:
    source = find(REFERENCE)
    texts = [OTHERS[0], " ".join(OTHERS[:5])]
    short, *pieces = rows_of(source, texts)
    whole = [[*entry.ids.tolist(), 1] for entry in source.tokenizer(texts) if isinstance(entry, Tokens)]
    assert source.tokenizer.end == 1 and short == whole[0]
    assert len(pieces) > 1 and [token for piece in pieces for token in piece] == whole[1]
    assert max(map(len, pieces)) == source.context


def test_padding_is_no_part_of_the_loss() -> None:
    source = find(REFERENCE)
    model, rows = load(source), rows_of(source, [OTHERS[0], f"{OTHERS[1]} {OTHERS[2]}"])
    sizes, each = [len(row) - 1 for row in rows], [evaluate(model, [row]) for row in rows]
    assert sizes[1] > 1.5 * sizes[0]
    assert evaluate(model, rows) == pytest.approx(np.average(each, weights=sizes), abs=1e-4)


def test_the_epoch_of_least_held_out_loss_is_kept_and_the_model_stays_as_it_was() -> None:
    source = find(REFERENCE)
    model, held_out, losses = load(source), rows_of(source, OTHERS[:8]), []
    before = evaluate(model, held_out)

    def note(label: str, share: float, loss: float) -> None:
        if label.startswith("held-out"):
            losses.append(loss)

    one = rows_of(source, LEARNED[:1])  # soon known by heart
    trained = train(model, one, Recipe(8, 1e-2, 512), held_out, note)
    assert len(losses) == 8 and losses[0] > min(losses) + 0.05 < losses[-1]
    assert evaluate(trained, held_out) == pytest.approx(min(losses), abs=1e-4)
    assert evaluate(model, held_out) == before


def test_the_usual_rate_falls_with_the_size() -> None:
    assert [usual_rate(size) for size in (10**5, 10**6, 10**8, 10**12)] == pytest.approx([4e-4, 4e-4, 4e-5, 1e-5])
