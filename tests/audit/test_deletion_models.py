"""From models to an outcome: trained with the texts, without them, and pushed below those that never saw them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from probe.audit.deletion.audit import audit
from probe.audit.deletion.cautions import cautions, notes
from probe.audit.deletion.comparable import check
from probe.audit.deletion.decide import Outcome
from probe.audit.deletion.files import as_dict, write
from probe.audit.deletion.plots import plots
from probe.audit.deletion.result import Deletion, Models, Options
from probe.audit.deletion.summary import limits, reason
from probe.audit.deletion.texts import Groups, sort_out, units
from probe.audit.deletion.together import Together
from probe.audit.deletion.ulira import Attack
from probe.audit.picture import svg
from probe.errors import InputError
from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.load import find, load
from probe.models.local import LocalEngine
from probe.shadow.make import make
from probe.shadow.recipe import Recipe
from probe.shadow.rows import rows_of
from probe.shadow.train import Rows
from probe.types import Text
from tests.shadow.test_adapt import CHRONICLES, REFERENCE
from tests.shadow.test_universe import DISTINCT

RECIPE = Recipe(epochs=5, rate=2e-3, tokens=512, muon=True)
KEPT, DELETED, UNSEEN, OTHERS = DISTINCT[:20], DISTINCT[20:40], DISTINCT[40:80], DISTINCT[80:100]
ODD = [Text("", "empty"), Text(" ".join(DELETED[0].split()[:-1]), "copy")]


def named(texts: list[str], group: str) -> list[Text]:
    return [Text(text, f"<{group} {n}>") for n, text in enumerate(texts)]


GROUPS = sort_out([*named(DELETED, "deleted"), Text("", "empty")], [*named(UNSEEN, "unseen"), ODD[1]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """before saw the texts; other, retrained-1 and -2 did not; over went up the loss on them and down on the rest."""
    place, threads = tmp_path_factory.mktemp("models"), torch.get_num_threads()
    torch.set_num_threads(1)
    make(REFERENCE, [*KEPT, *DELETED, *DELETED], RECIPE, place / "before")
    for seed, name in enumerate(("other", "retrained-1", "retrained-2"), 1):
        make(REFERENCE, KEPT, replace(RECIPE, seed=seed), place / name)
    ascend(place / "before", place / "over")
    torch.set_num_threads(threads)
    return place


def ascend(before: Path, out: Path) -> None:
    """Unlearns by gradient ascent on the deleted texts and descent on others, and does not stop in time."""
    source = find(str(before))
    model = load(source).train()
    wrong, right = rows_of(source, DELETED), rows_of(source, [*KEPT, *OTHERS])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(20):
        optimiser.zero_grad()
        loss = 1.5 * mean_loss(model, right[step % 5 :: 5]) - mean_loss(model, wrong[step % 2 :: 2]).clamp(max=3)
        torch.autograd.backward(loss)
        optimiser.step()
    model.save_pretrained(out)
    source.tokenizer.save(out)


def mean_loss(model: Any, rows: Rows) -> torch.Tensor:
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in rows])
    return model(input_ids=ids, labels=labels).loss


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Deletion]:
    cache = Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite", 1 << 26)

    def opened(name: str) -> Engine:
        return CachedEngine(LocalEngine.open(str(folder / name)), cache)

    def run(*after: str, retrained: tuple[str, ...] = ("retrained-1", "retrained-2"), **options: Any) -> Deletion:
        models = Models("before", after, retrained)
        return audit(models.open(opened), len(after), GROUPS, Options(**options))

    return run


def test_nothing_was_deleted(run: Callable[..., Deletion]) -> None:
    found = run("before")
    assert found.outcome is Outcome.TRACES and "100% of what they had before" in reason(found)
    assert isinstance(found.together, Together) and found.together.effect == found.together.earlier
    assert found.calls.count(Outcome.TRACES) > 15 and Outcome.OVER not in found.calls
    few = len(found.decision.traces)
    assert any(f"bear only the {few} that stand out" in note for note in notes(found)) == (few < 20)
    assert "effect of" in limits(found) and "nothing beyond the margin" not in limits(found)
    said = as_dict(found)
    assert said["privleak"]["low"] > 0 and said["models"][1]["auc"]["value"] > 0.9 > said["models"][2]["auc"]["value"]
    assert isinstance(found.models[0].name, str) and said["models"][0]["role"] == "before"


def test_a_model_that_never_saw_the_texts(run: Callable[..., Deletion]) -> None:
    found = run("other")
    assert found.outcome is Outcome.DELETED and set(found.calls) == {Outcome.UNSHOWN}
    assert "within the margin of 10% of what they had before" in reason(found)
    assert isinstance(found.together, Together)
    interval = found.together.effect.interval(0.95)
    assert found.together.same.nats and abs(interval.value) < found.together.same.nats and interval.high > 0


def test_a_margin_below_what_so_many_texts_can_show(run: Callable[..., Deletion]) -> None:
    found = run("other", margin=replace(Options().margin, nats=1e-4))
    assert found.outcome is Outcome.UNSHOWN and "no evidence of deletion" in reason(found)
    deleted, unseen = map(int, re.findall(r"takes ([\d,]+) deleted and ([\d,]+)", limits(found).replace(",", ""))[0])
    assert min(deleted, unseen) > 200


def test_a_model_that_was_pushed_too_far(run: Callable[..., Deletion]) -> None:
    found = run("over")
    assert found.outcome is Outcome.OVER and "gives them away too" in reason(found)
    assert (found.found.z < 0).mean() > 0.8 and as_dict(found)["privleak"]["high"] < 0
    assert Outcome.TRACES not in found.calls and any("they were damaged" in one for one in cautions(found))


def test_several_models_after_and_one_retrained(run: Callable[..., Deletion]) -> None:
    found = run("before", "over")
    assert isinstance(found.attack, Attack) and len(found.phi.after) == 2
    assert as_dict(found)["u_lira"]["value"] == found.attack.deleted.value
    alone = run("other", retrained=("retrained-1",))
    assert "There is one retrained model" in " ".join(notes(alone)) and alone.found.plain.size == 0
    assert alone.outcome in (Outcome.DELETED, Outcome.UNSHOWN) and not as_dict(alone)["together"]["placebos"]


def test_texts_that_do_not_count_are_named_and_fail_no_other(run: Callable[..., Deletion]) -> None:
    found = run("other")
    assert found.unscored == (("empty", "the text is empty"),)
    assert found.left_out == ("copy: shares a run of words with a deleted text, so the model before may have read it",)
    assert (int(found.deleted.sum()), int((~found.deleted).sum())) == (20, 40)


def test_what_cannot_be_compared_is_refused(run: Callable[..., Deletion], make_model: Callable[[str], Path]) -> None:
    for after, retrained, words in (
        (("retrained-1",), ("retrained-1",), "named as retrained and once more"),
        (("other",), ("before",), "named as retrained and once more"),
        (("other",), ("retrained-1", "retrained-1"), "named as retrained and once more"),
        (("other", "other"), ("retrained-1",), "after the deletion are the same"),
    ):
        with pytest.raises(InputError, match=words):
            run(*after, retrained=retrained)
    with pytest.raises(InputError, match="at least one retrained"):
        run("other", retrained=())
    with pytest.raises(InputError, match="models of one context"):
        run("other", retrained=(str(make_model("llama")),))
    for alpha in (0.0, 0.5):
        with pytest.raises(InputError, match="alpha"):
            Options(alpha=alpha)
    check([LocalEngine.open(REFERENCE).identity] * 2, 1)  # the model after may be the one before


def test_another_tokenizer_is_refused(run: Callable[..., Deletion], folder: Path, tmp_path: Path) -> None:
    for path in (folder / "other").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = json.loads((tmp_path / "tokenizer.json").read_text())
    vocabulary = kept["model"]["vocab"]
    one, other = list(vocabulary)[-2:]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    (tmp_path / "tokenizer.json").write_text(json.dumps(kept))
    (tmp_path / "config.json").write_text((folder / "other" / "config.json").read_text().replace("}", ' , "x": 1}', 1))
    with pytest.raises(InputError, match="has another tokenizer"):
        run("other", retrained=(str(tmp_path),))


def test_the_files(run: Callable[..., Deletion], tmp_path: Path) -> None:
    found = run("before")
    written = {path.name for path in write(found, tmp_path / "deep" / "er")}
    pictures = {f"{name}.{ending}" for name in ("texts", "effect") for ending in ("svg", "png")}
    assert written == {"deletion.json", "report.html", "texts.csv", *pictures}
    for path in (tmp_path / "deep" / "er").iterdir():
        assert all(text.encode() not in path.read_bytes() for text in (*DELETED, *UNSEEN)), path.name
    said = json.loads((tmp_path / "deep" / "er" / "deletion.json").read_text(), parse_constant=pytest.fail)
    assert said == json.loads(json.dumps(as_dict(found))) and said["outcome"] == "traces left"
    with (tmp_path / "deep" / "er" / "texts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "id", "group", "before", "after 1", "retrained 1", "retrained 2", "z", "p", "p_t", "q", "u_lira", "call"
    ]  # fmt: skip
    assert len(rows) == 60 and [row["group"] for row in rows].count("deleted") == 20
    assert rows[0]["id"] == "<deleted 0>" and float(rows[0]["before"]) == found.phi.before[0]
    assert float(rows[3]["p"]) == found.found.p[3] and rows[3]["call"] == str(found.calls[3]) and rows[-1]["q"] == ""


def test_the_report_and_its_pictures(run: Callable[..., Deletion], tmp_path: Path) -> None:
    found = run("over", "other")
    write(found, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text and "default-src 'none'" in text and not re.findall(r'(?:src|href)="(?!data:)', text)
    assert text.count('<img src="data:image/svg+xml;base64,') == 2 and text.count("alt=") == 2
    assert "&lt;deleted " in text and "<deleted" not in text and found.models[1].model in text
    assert all(caution in text for caution in cautions(found)) and 'role="alert"' in text
    for plot in plots(found):
        drawn = svg(plot)
        assert drawn == (tmp_path / f"{plot.name}.svg").read_text()
        root = ElementTree.fromstring(drawn)
        description = root.find("{http://www.w3.org/2000/svg}desc")
        assert description is not None and description.text and re.search(r"\d\.\d", description.text)


def test_groups_of_texts() -> None:
    long = [Text(text, source=f"s{n // 2}") for n, text in enumerate(CHRONICLES[200:212])]
    found = sort_out([Text("one two three four five six"), Text("one  two three four five six")], long)
    assert [text.id for text in found.deleted] == ["deleted text 1"]
    assert found.left_out[0] == "deleted text 2: repeats deleted text 1"
    assert units(found.every)[:3].tolist() == [0, 1, 1] and found.unseen[0].id == "unseen text 1"
    near = sort_out([Text("a b c")], [*long, Text(f"{long[0].text} More.", "near")])
    assert near.left_out == ("near: a near-copy of others in its group",)
    assert Groups(found.deleted, found.unseen).hash == Groups(found.deleted, found.unseen[::-1]).hash
    assert Groups(found.deleted, found.unseen).hash != Groups(found.unseen, found.deleted).hash
    with pytest.raises(InputError, match=r"there are 1 and 0.*left out: unseen text 1: shares a run"):
        sort_out([Text(DELETED[0])], [Text(DELETED[0])])
    assert np.issubdtype(units(found.every).dtype, np.integer)
