"""Proposals of masked and causal models, against transformers one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from probe.errors import ModelError, UnsafeWeights
from probe.models.neighbours import LocalProposer, words
from probe.models.tokens import open_tokenizer
from probe.neighbours import Span, neighbours, places
from tests.tiny import ASSETS, save_masked

TEXTS = [
    "The quick brown fox jumps over the lazy dog, and then it rests.",
    "A dog rests; the fox jumps.",
    "Over the Brown dog the QUICK fox jumps, jumps, jumps and then rests over a lazy brown dog; it jumps again.",
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_masked(tmp_path_factory.mktemp("masked"), TEXTS[:2])


def others(logits: torch.Tensor, known: dict[int, str], word: str, depth: int) -> list[str]:
    """The likeliest words that are not this one."""
    ranked = [known[number] for number in logits.argsort(descending=True).tolist() if number in known]
    found: list[str] = []
    for entry in ranked:
        if entry.casefold() not in [word.casefold(), *(one.casefold() for one in found)]:
            found.append(entry)
    return found[:depth]


def test_words_are_letters_and_begin_one(bert: Path) -> None:
    found = words(open_tokenizer(str(bert)))
    assert {"fox", "lazy"} <= set(found.values())
    assert not {"[MASK]", "##x", ",", ";"} & set(found.values())
    embedded = words(open_tokenizer(str(ASSETS / "reference")))
    assert "the" in embedded.values() and all(word.isalpha() for word in embedded.values())


def test_a_masked_model_fills_the_place_of_each_word(bert: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model, tokenizer = AutoModelForMaskedLM.from_pretrained(bert).eval(), AutoTokenizer.from_pretrained(bert)
    proposer, spans = LocalProposer.open(str(bert)), [places(text) for text in TEXTS]
    known = words(proposer._source.tokenizer)
    for text, group, found in zip(TEXTS, spans, proposer.propose(TEXTS, spans, 3), strict=True):
        assert len(group) == len(text.split())
        for (begin, end), proposed in zip(group, found, strict=True):
            ids = tokenizer(text[:begin] + "[MASK]" + text[end:], return_tensors="pt")
            with torch.no_grad():
                logits = model(**ids).logits[0, ids["input_ids"][0].tolist().index(tokenizer.mask_token_id)]
            assert proposed == others(logits, known, text[begin:end], 3)


@pytest.mark.parametrize("source", ["embedded", "stories260K"])
def test_a_causal_model_goes_on_from_the_left(source: str, request: pytest.FixtureRequest) -> None:
    from transformers import AutoModelForCausalLM

    folder = ASSETS / "reference" if source == "embedded" else request.getfixturevalue("shared") / "models" / source
    model, proposer = AutoModelForCausalLM.from_pretrained(folder).eval(), LocalProposer.open(str(folder))
    known, text = words(proposer._source.tokenizer), "Once there was a little dog, and it had a big red ball."
    spans = places(text)
    (tokens,) = proposer._source.tokenizer([text])
    (found,) = proposer.propose([text], [spans], 2)
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(tokens.ids).long()[None]).logits[0]  # type: ignore[union-attr]
    starts = tokens.start.tolist()  # type: ignore[union-attr]
    for (begin, end), proposed in zip(spans, found, strict=True):
        first = next(place for place in (begin, begin - 1) if place in starts)
        assert proposed == others(logits[starts.index(first)], known, text[begin:end], 2)


def test_a_long_text_is_seen_around_each_word(bert: Path) -> None:
    text = " ".join(TEXTS) * 3
    proposer = LocalProposer.open(str(bert))  # of 64 positions
    assert len(proposer._source.tokenizer([text])[0].ids) > 100  # type: ignore[union-attr]
    (made,) = neighbours(proposer, [text])
    assert len(made) == 25


def test_batches_do_not_change_proposals(bert: Path) -> None:
    for folder in (bert, ASSETS / "reference"):
        proposer = LocalProposer.open(str(folder))
        together = neighbours(proposer, [*TEXTS[::-1], "", "1 2"])
        alone = [neighbours(proposer, [text])[0] for text in TEXTS]
        assert together == [*alone[::-1], [], []]


def test_the_hash_is_of_the_content(bert: Path, tmp_path: Path) -> None:
    again = save_masked(tmp_path / "again", TEXTS[:2])
    other = save_masked(tmp_path / "other", TEXTS)
    one, same, different = (LocalProposer.open(str(folder)).hash for folder in (bert, again, other))
    assert one == same != different
    (again / "model.safetensors").rename(again / "pytorch_model.bin")
    with pytest.raises(UnsafeWeights):
        LocalProposer.open(str(again))


def test_an_encoder_without_a_mask_token_is_refused(make_model: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="not causal"):
        LocalProposer.open(str(make_model("bert"))).propose(TEXTS[:1], [places(TEXTS[0])], 1)


def test_a_word_inside_a_larger_token_has_no_proposals(bert: Path) -> None:
    proposer = LocalProposer.open(str(bert))
    inside: list[Span] = [(5, 7)]  # "ui" of "quick", one token
    assert proposer.propose(TEXTS[:1], [inside], 2) == [[[]]]
