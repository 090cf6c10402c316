"""A corpus behind infini-gram's API: a real server that counts in a list of texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException

from probe.corpus import infinigram
from probe.corpus.infinigram import InfiniGram
from probe.corpus.opening import open_corpus
from probe.errors import InputError
from probe.models import wire
from probe.types import InCorpus
from tests.corpus.test_index import LONG
from tests.models.raw import Written, drip, raw, reply
from tests.serving import servers

WORDS = LONG.split()
AND = LONG.replace("jumps over", "jumps AND stumbles over")


class Server:
    """Counts like infini-gram, refuses like it, and fails that many requests."""

    def __init__(self, *corpus: str) -> None:
        self.corpus, self.fails, self.queries = corpus, 0, list[str]()
        self.app = FastAPI()
        self.app.post("/")(self.count)

    def count(self, body: dict[str, Any]) -> dict[str, Any]:
        assert set(body) == {"index", "query_type", "query"} and body["query_type"] == "count"
        if self.fails:
            self.fails -= 1
            raise HTTPException(503)
        query = body["query"]
        self.queries.append(query)
        if body["index"] != "mine":
            return {"error": "Invalid index!"}
        if len(query) > 1000:
            return {"error": "Please limit your input to <= 1000 characters!"}
        assert " AND " not in query and " OR " not in query, "operators there"
        return {"count": sum(text.count(query) for text in self.corpus), "approx": False, "latency": 0.1}


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    found = Server(LONG, f"{LONG} {LONG}", " ".join(WORDS[:15]) + " no more", "It was " + " ".join(WORDS[5:20]), AND)
    with servers() as start:
        yield found, f"http://127.0.0.1:{start(found.app).port}/"


def test_look_up(server: tuple[Server, str]) -> None:
    _, address = server
    corpus = open_corpus(f"{address}#mine")
    assert corpus.hash is None
    mixed = " ".join(WORDS[:15]) + " and so the story ends, which is longer than a run of words need be for this."
    exact, run, none, short, unasked = corpus.look([LONG, mixed, mixed[80:], "no words of it", AND])
    assert exact == InCorpus("exact", 20, 1.0, 3)
    assert run == InCorpus("run", 15, 15 / 32, 4)
    assert none.found == "none" and none.note is None
    assert short.found == "none" and short.note and "fewer than 13" in short.note
    assert unasked.found == "run" and unasked.run_words == 17 and unasked.note and '"AND"' in unasked.note


def test_runs_of_different_documents_are_not_one(server: tuple[Server, str]) -> None:
    found, address = server
    found.corpus = (" ".join(WORDS[:15]), " ".join(WORDS[2:17]) + " x", " ".join(WORDS[4:]))
    (run,) = InfiniGram(f"{address}#mine").look([LONG])
    assert run == InCorpus("run", 16, 0.8, 1)


def test_it_tries_again_and_says_why_it_gave_up(server: tuple[Server, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.0)
    found, address = server
    found.fails = 3
    assert InfiniGram(f"{address}#mine").look([LONG])[0].found == "exact"
    found.fails = 4
    failed, stands = InfiniGram(f"{address}#mine").look(["lost \ud800 text", LONG])
    assert failed.found is None and failed.note == "the text is not valid Unicode"
    assert stands.found is None and stands.note and "status 503" in stands.note and LONG not in stands.note
    (other,) = InfiniGram(f"{address}#other").look([LONG])
    assert other.note and "Invalid index!" in other.note
    (nobody,) = InfiniGram("http://127.0.0.1:9/#mine").look([LONG])
    assert nobody.note and "ConnectError" in nobody.note


def test_long_texts_are_bounded(server: tuple[Server, str], monkeypatch: pytest.MonkeyPatch) -> None:
    found, address = server
    monkeypatch.setattr(infinigram, "MOST_RUNS", 20)
    (run,) = InfiniGram(f"{address}#mine").look([" ".join(f"word{i}" for i in range(400)) + LONG])
    assert run.found == "none" and run.note and "only the first" in run.note and len(found.queries) == 20


def test_an_address_names_its_index() -> None:
    with pytest.raises(InputError, match="names no index"):
        open_corpus("https://api.example.org/")


@pytest.mark.parametrize(
    ("written", "note"),
    [
        (drip(b"HTTP/1.1 200 said\r\n\r\n"), "ReadTimeout"),
        (reply(b"[" * 200_000), "no JSON"),
        (reply(b" " * 2**23), "larger than 4 MB"),
        (reply(b'{"count": 1%s}' % (b"0" * 400)), "gave no count: no reason; check"),
        (reply({"error": "No such index."}), "gave no count: No such index; check"),
    ],
    ids=["drip", "deep", "large", "count", "error"],
)
def test_a_hostile_server_is_a_note(written: Written, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TRIES", 1)
    with raw(lambda *_: written) as address:
        (found,) = InfiniGram(f"{address}/#mine", timeout=0.3).look([LONG])
    assert found.found is None and found.note and note in found.note


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(InputError, match="is no address"):
        InfiniGram("http://localhost:abc/#mine")
