"""The two really pretrained models: the engine against a plain computation, and restraint on a shifted set."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from probe import Call, Known, calibrate, open_probe
from probe.audit.metrics import auc
from probe.pipeline import Probe

TOLERANCE = 1e-4
CONTEXT = 512  # past it there are windows, and the plain way has no answer


def splits(shared: Path) -> tuple[list[str], list[str]]:
    lines = (shared / "tinystories" / "matched_members_heldout.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    seen = [row["text"] for row in rows if row["label"] in (1, "1")]
    return seen, [row["text"] for row in rows if row["label"] not in (1, "1")]


def plain(model: torch.nn.Module, ids: list[int], text: str) -> dict[str, float]:
    """One text at a time, the whole log-softmax, float32: as the published code does it."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
    logp = torch.log_softmax(logits, -1)
    own = logp.gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
    mu = (logp.exp() * logp).sum(-1)
    sigma = ((logp.exp() * logp.square()).sum(-1) - mu.square()).sqrt()
    k = max(1, int(0.2 * len(own)))
    return {
        "loss": own.mean().item(),
        "zlib": own.mean().item() / len(zlib.compress(text.encode(), 6)),
        "mink": own.sort().values[:k].mean().item(),
        "minkpp": ((own - mu) / sigma).sort().values[:k].mean().item(),
    }


def test_scores_equal_one_text_at_a_time(shared: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = shared / "models" / "stories260K"
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        AutoTokenizer.from_pretrained(folder),
    )
    whole = json.loads((shared / "tinystories" / "train_members_1000.json").read_text())
    rows = [(text, ids) for text in whole if len(ids := tokenizer(text, verbose=False)["input_ids"]) <= CONTEXT][:200]
    assert len(rows) == 200
    results = open_probe(str(folder))([text for text, _ in rows], scores=["loss", "zlib", "mink", "minkpp"])
    for (text, ids), result in zip(rows, results, strict=True):
        for name, expected in plain(model, ids, text).items():
            assert result.scores[name].value == pytest.approx(expected, abs=TOLERANCE), (name, text[:40])


@pytest.fixture(scope="module")
def shifted(shared: Path) -> tuple[Probe, list[str], list[str]]:
    """stories260K calibrated on part of the held-out stories, without known members."""
    seen, held_out = splits(shared)
    models = shared / "models"
    bare = open_probe(str(models / "stories260K"), str(models / "TinyStories-656K"))
    known = calibrate(bare, Known(nonmembers=held_out[:395]), "stories")
    return Probe(bare.target, bare.reference, known), seen, held_out[395:]


def test_shifted_stories_are_members_at_most_at_the_nominal_rate(shifted: tuple[Probe, list[str], list[str]]) -> None:
    probe, seen, held_out = shifted
    assert probe.calibration and probe.calibration.score == "ref_bytes"
    assert probe.calibration.claim(0.01).k >= 1, "the calibration must be able to say member at all"
    for texts in (seen, held_out):
        calls = [result.verdict.call for result in probe(texts) if result.verdict]
        assert calls.count(Call.MEMBER) <= 0.01 * len(texts)
        assert Call.NOT_MEMBER not in calls  # no known members: nothing can be ruled out


def test_the_set_is_shifted_indeed(shifted: tuple[Probe, list[str], list[str]]) -> None:
    """The loss ranks these "members" below chance: a tool that reads membership out of it would be wrong."""
    probe, seen, held_out = shifted
    losses = [np.array([r.scores["loss"].value for r in probe(texts, scores=["loss"])]) for texts in (seen, held_out)]
    assert auc(losses[0], losses[1]).value < 0.5
