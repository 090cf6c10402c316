"""Texts and requests as targets: the way of a text to its tokens, and bodies to the application itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.hostile.mutate import changed, changes
from tests.hostile.seeds import TEXTS
from tests.hostile.targets import FILES, Run, Target

_PATHS = ("/v1/probe", "/v1/batches", "/v1/calibrations", "/v1/evaluations", "/v1/pii", "/v1/aggregates")
_TYPES = ("application/json",) * 6 + ("application/json; charset=utf-16", "text/plain", "application/x+json", "")
_BODIES: dict[str, dict[str, Any]] = {
    "/v1/probe": {
        "model": "demo",
        "input": [TEXTS[0], {"id": "a", "text": "b c d"}],
        "alpha": 0.01,
        "scores": ["loss"],
    },
    "/v1/batches": {"input_file_id": "file-1", "endpoint": "/v1/probe", "metadata": {"model": "demo", "q": "0.1"}},
    "/v1/calibrations": {"name": "a", "model": "none", "nonmembers": TEXTS[:2], "seed": 0, "random_split": False},
    "/v1/evaluations": {"model": "none", "members": TEXTS[:1], "nonmembers": TEXTS[1:2], "seed": 1},
    "/v1/pii": {"model": "none", "input": TEXTS[0], "patterns": {"a": "[a-z]+"}, "fillers": 100},
    "/v1/aggregates": {"model": "demo", "input": TEXTS},
}


# texts

Said = tuple[str, str]  # a text, and an expression to look for in it
_MUTATED = st.builds(changed, st.sampled_from([text.encode() for text in TEXTS]), changes("html") | changes("text"))
_TEXT = st.text() | _MUTATED.map(lambda content: content.decode("utf-8", "surrogateescape"))
_EXPRESSION = st.text(max_size=12) | st.sampled_from(("(a+)+$", "(?<x>.)*", "[a-z", "a{9999999}", r"(\w|\w\w)*\b"))


@contextmanager
def _tokens(folder: Path) -> Iterator[Run]:
    from probe.data.odd import oddities
    from probe.data.overlap import index, overlap
    from probe.data.traces import trace
    from probe.data.windows import cut
    from probe.errors import InputError
    from probe.memorization.pii.spans import find, patterns_of
    from probe.opening import open_probe
    from probe.prepared import Options
    from probe.types import Text, Tokens

    probe, known = open_probe(), index([TEXTS[0]])

    def run(said: Said) -> None:
        text, expression = said
        (entry,) = probe.target.tokenize([text])
        if isinstance(entry, Tokens):
            assert len(entry.start) == len(entry.end) == len(entry.ids) - 1
            assert (entry.start >= 0).all() and (entry.end <= len(text)).all() and (entry.start <= entry.end).all()
            assert sum(window.scored for window in cut(entry, 64)) == len(entry.ids) - 1
        prepared = probe.prepare([Text(text), Text(TEXTS[0])], Options(max_tokens=2000))
        assert isinstance(prepared.target[1], Tokens)  # whatever its neighbour is
        oddities(text), trace(text), overlap(text, known), overlap(TEXTS[0], index([text]))
        with suppress(InputError):
            find(text[:500], patterns_of({"a": expression}), presidio=False)

    yield run


# requests

Asked = tuple[str, str, bytes]  # path, type, body


def _asked(path: str) -> st.SearchStrategy[Asked]:
    body = json.dumps(_BODIES[path]).encode()
    return st.tuples(st.just(path), st.sampled_from(_TYPES), changes("json").map(lambda every: changed(body, every)))


@contextmanager
def _requests(folder: Path) -> Iterator[Run]:
    from probe.config import Settings
    from probe.opening import open_probe
    from server.app import create_app

    probe = open_probe()
    app = create_app(Settings(home=folder, max_tokens=300, cache_bytes=0, scan_workers=0), lambda _: {"demo": probe})
    with asyncio.Runner() as runner:
        life = app.router.lifespan_context(app)
        runner.run(life.__aenter__())

        def run(asked: Asked) -> None:
            status, headers, content = runner.run(_answer(app, *asked))
            assert status < 500, content
            if status != 200:
                assert headers[b"content-type"] == b"application/json"
                assert set(json.loads(content)["error"]) == {"message", "type", "param", "code"}

        yield run
        runner.run(life.__aexit__(None, None, None))


async def _answer(app: Any, path: str, kind: str, body: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Calls the application as a server would."""
    waiting, said = [{"type": "http.request", "body": body, "more_body": False}], list[dict[str, Any]]()
    over = asyncio.Event()
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body)), (b"host", b"x")]
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    over.set()
    return said[0]["status"], dict(said[0]["headers"]), b"".join(message.get("body", b"") for message in said[1:])


TARGETS: dict[str, Target] = FILES | {
    "tokens": Target(10, st.tuples(_TEXT, _EXPRESSION), _tokens),
    "requests": Target(4, st.one_of([_asked(path) for path in _PATHS]), _requests),
}
