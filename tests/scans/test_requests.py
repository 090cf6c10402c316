"""What a row asks for: plain rows, bare strings, OpenAI's envelopes; a bad one says why."""

from __future__ import annotations

from typing import Any

import pytest

from probe.data.rows import Raw, Unreadable
from probe.errors import InputError
from probe.scans.options import ScanOptions, of_metadata
from probe.scans.requests import Request, request
from probe.types import Text


def asked(value: Any, options: ScanOptions | None = None) -> Request:
    return request(Raw(7, value), options or ScanOptions(), "demo")


def envelope(body: Any, **more: Any) -> dict[str, Any]:
    return {"custom_id": "a", "method": "POST", "url": "/v1/probe", "body": body, **more}


def test_plain_rows() -> None:
    assert asked("words") == Request(7, None, (Text("words"),))
    assert asked({"id": 3, "text": "words"}) == Request(7, "3", (Text("words", "3"),))
    assert asked({"n": "x", "body": "words"}, ScanOptions(text_column="body", id_column="n")).texts == (
        Text("words", "x"),
    )


def test_envelopes_of_one_text_and_of_several() -> None:
    assert asked(envelope({"model": "demo", "input": "words"})) == Request(7, "a", (Text("words"),))
    found = asked(envelope({"input": ["one", {"id": "b", "text": "two"}]}))
    assert found == Request(7, "a", (Text("one"), Text("two", "b")))
    same = ScanOptions(scores=("loss", "ref"), alpha=0.05)
    assert not asked(envelope({"input": "x", "scores": ["loss", "ref"], "alpha": 0.05}), same).error


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"id": "b"}, 'no string under "text"'),
        ({"id": "b", "text": {"nested": 1}}, 'no string under "text"'),
        ([1], 'no string under "text"'),
        ({"id": "b", "text": "\ud800"}, "unpaired surrogate"),
        ({"custom_id": "\ud800", "body": {"input": "x"}}, "custom_id"),
        (envelope({"input": "\ud800"}), "unpaired surrogate"),
        (envelope({"input": {"id": 1}}), "body.input must be"),
        (envelope({"input": []}), "body.input must be"),
        (envelope({"input": ["x"] * 257}), "at most 256"),
        (envelope({"input": "x", "model": "other"}), "body.model is not demo"),
        (envelope({"input": "x", "alpha": 0.5}), "body.alpha differs"),
        (envelope({"input": "x", "scores": ["loss"]}), "body.scores differs"),
        (envelope({"input": "x"}, url="/v1/chat/completions"), "only POST /v1/probe"),
        (envelope({"input": "x"}, method="GET"), "only POST /v1/probe"),
        (envelope("x"), "the body is no object"),
    ],
)
def test_a_bad_row_says_why(value: Any, words: str) -> None:
    found = asked(value)
    assert found.error and words in found.error and not found.texts
    assert request(Unreadable(3, "invalid JSON"), ScanOptions(), "demo") == Request(3, None, error="invalid JSON")


def test_a_text_that_no_limit_of_tokens_allows_is_not_kept() -> None:
    found = request(Raw(1, {"text": "a" * 1601, "id": "x"}), ScanOptions(max_tokens=100), "demo")
    assert not found.texts and found.id == "x" and found.error
    assert found.error.startswith("the text is longer than 100 tokens can be")
    assert request(Raw(1, {"text": "a" * 1600}), ScanOptions(max_tokens=100), "demo").texts
    framed = {"text": " " * 1600 + "a" * 1600}  # what stands around a text is not of it
    assert request(Raw(1, framed), ScanOptions(max_tokens=100), "demo").texts


def test_options_in_metadata_are_strings() -> None:
    found = of_metadata(
        {"scores": "loss, ref", "alpha": "0.05", "max_tokens": "99", "return_tokens": "True", "mine": "1", "model": "m"}
    )
    assert found == ScanOptions(scores=("loss", "ref"), alpha=0.05, max_tokens=99, return_tokens=True)
    assert of_metadata({"scores": '["loss"]'}).scores == ("loss",)
    assert ScanOptions.of_stored(found.stored()) == found


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ({"alpha": "x"}, "metadata.alpha"), ({"return_tokens": "perhaps"}, "metadata.return_tokens"),
        ({"alpha": ".9"}, "alpha"), ({"q": "0"}, "q"), ({"scores": "typo"}, "scores"), ({"q": "5e-324"}, "q"),
        ({"alpha": "1e-300"}, "alpha"), ({"q": "nan"}, "q"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(metadata: dict[str, str], param: str) -> None:
    with pytest.raises(InputError) as error:
        of_metadata(metadata)
    assert error.value.param == param
