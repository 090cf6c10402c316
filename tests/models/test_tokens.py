"""First-token policy, offsets, hostile text, and tokenizers that lose characters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.models.tokens import CANARY, Tokenizer, open_tokenizer
from probe.types import Tokens, Unscored
from tests.tiny import ASSETS


@pytest.fixture(scope="module")
def embedded() -> Tokenizer:
    return load(ASSETS / "target")


def load(folder: Path) -> Tokenizer:
    from transformers import AutoTokenizer

    return Tokenizer(AutoTokenizer.from_pretrained(folder), folder / "tokenizer.json")


def only(tokenizer: Tokenizer, text: str) -> Tokens:
    (found,) = tokenizer([text])
    assert isinstance(found, Tokens), found
    return found


def test_bos_is_context_and_the_first_token_is_scored(embedded: Tokenizer) -> None:
    found = only(embedded, "Return the list.")
    assert found.has_bos and found.ids[0] == 0
    assert found.start[0] == 0 and found.end[-1] == len("Return the list.")
    assert len(found.start) == len(found.ids) - 1


def test_without_bos_the_first_token_is_context(shared: Path) -> None:
    tokenizer = load(shared / "tokenizers" / "gpt2-hf")
    found = only(tokenizer, "Hello world again")
    assert not found.has_bos
    assert list(found.start) == [5, 11]
    (lone,) = tokenizer(["Hello"])
    assert isinstance(lone, Unscored) and "one token only" in lone.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the text is empty"),
        (" \n\t ", "the text is white space only"),
        ("ab\ud800c", "the text is not valid Unicode: an unpaired surrogate at character 2"),
    ],
)
def test_refusals(embedded: Tokenizer, text: str, reason: str) -> None:
    before, refused, after = embedded(["fine", text, "fine"])
    assert refused == Unscored(reason)
    assert isinstance(before, Tokens) and isinstance(after, Tokens)


@settings(max_examples=150)
@given(st.text(min_size=1, max_size=60))
def test_any_text_is_tokenised_whole_or_refused(text: str) -> None:
    tokenizer = load(ASSETS / "target")
    (found,) = tokenizer([text])
    if isinstance(found, Unscored):
        assert not text.strip() or any("\ud800" <= c <= "\udfff" for c in text)
        return
    assert found.warnings == ()  # a byte-level tokenizer loses nothing
    covered = np.zeros(len(text), bool)
    for start, end in zip(found.start, found.end, strict=True):
        covered[start:end] = True
    assert covered.all()


def same_as_transformers(folder: Path) -> None:
    from transformers import AutoTokenizer

    texts = [
        CANARY,
        "Two words",
        "x <|endoftext|> y </s> <s> z",
        "  lead and trail \n",
        "naïve 漢字 👩‍👩‍👧",
        "a\0b " * 700,
    ]
    found, plain = load(folder)(texts), AutoTokenizer.from_pretrained(folder)
    wanted = plain(texts, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False)
    columns = zip(wanted["input_ids"], wanted["offset_mapping"], wanted["special_tokens_mask"], strict=True)
    for tokens, (ids, offsets, special) in zip(found, columns, strict=True):
        assert isinstance(tokens, Tokens)
        own = [place for place, added in enumerate(special) if not added]
        assert tokens.ids[int(tokens.has_bos) :].tolist() == [ids[place] for place in own]
        scored = [offsets[place] for place in own][0 if tokens.has_bos else 1 :]
        assert list(zip(tokens.start.tolist(), tokens.end.tolist(), strict=True)) == scored
        assert not tokens.has_bos or tokens.ids[0] == ids[0]


def test_the_embedded_tokenizer_gives_what_transformers_gives() -> None:
    same_as_transformers(ASSETS / "target")


@pytest.mark.parametrize(
    "name", ["tokenizers/gpt2-hf", "tokenizers/gpt-neox-20b-hf", "models/stories260K", "models/TinyStories-656K"]
)
def test_real_tokenizers_give_what_transformers_gives(shared: Path, name: str) -> None:
    same_as_transformers(shared / name)


@pytest.mark.parametrize("text", ["a\0b", "👩‍👩‍👧 emoji", "naïve “quotes”", "漢字かな"])
def test_unusual_text_keeps_its_offsets(embedded: Tokenizer, text: str) -> None:
    assert only(embedded, text).end[-1] == len(text)


def test_special_tokens_in_a_text_are_named(embedded: Tokenizer) -> None:
    (warning,) = only(embedded, "text <|end|> more").warnings
    assert "read as special tokens" in warning


def test_a_file_that_truncates_is_not_another_tokenizer(tmp_path: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / file).write_bytes((ASSETS / "reference" / file).read_bytes())
    written = json.loads((tmp_path / "tokenizer.json").read_text())
    written["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(written))
    assert load(tmp_path).warnings == ()


def test_only_the_tokenizer_s_files_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def snapshot(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        return str(ASSETS / "reference")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    open_tokenizer("some/model")
    assert not any("safetensors" in pattern for pattern in asked[0])


def test_a_tokenizer_unlike_its_own_file_is_noticed(shared: Path) -> None:
    broken = load(shared / "models" / "TinyStories-656K-original")
    assert "gives other ids than its own tokenizer.json" in broken.warnings[0]
    lost = only(broken, "Hello “world” — 漢字 and more")
    assert any("the tokenizer lost" in warning for warning in lost.warnings)
    assert load(shared / "models" / "TinyStories-656K").warnings == ()
    assert load(shared / "models" / "stories260K").warnings == ()
