"""A corpus behind the library and the service: beside the verdict, which stays as it is."""

from __future__ import annotations

from pathlib import Path

from probe.config import Settings
from probe.pipeline import Probe
from server.app import create_app
from tests.corpus.test_index import LONG, made
from tests.serving import local


def test_it_stands_beside_the_verdict(demo: Probe, tmp_path: Path) -> None:
    index = made(tmp_path / "index", [LONG])
    probe = Probe(demo.target, demo.reference, demo.calibration, corpus=index)
    texts = [LONG, "", "Nothing of this stands anywhere in that corpus, which holds a single document and no more."]
    with_it, without = probe(texts), demo(texts)
    assert [result.corpus and result.corpus.found for result in with_it] == ["exact", "none", "none"]
    assert [result.verdict for result in with_it] == [result.verdict for result in without]
    assert all(result.corpus is None for result in without)
    settings = Settings(home=tmp_path / "home")
    with local(create_app(settings, lambda _: {"demo": probe})) as client:
        answer = client.post("/v1/probe", json={"model": "demo", "input": texts})
    assert answer.status_code == 200
    assert answer.json()["results"][0]["corpus"] == {
        "found": "exact", "run_words": 20, "share": 1.0, "documents": 1, "ids": ["0"], "note": None,
    }  # fmt: skip
