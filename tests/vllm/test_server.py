"""The remote engine against real vLLM servers on the loopback, plain and with memprobe's plugin: make test-vllm."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from probe import open_probe
from probe.config import Settings
from probe.errors import ModelError
from probe.models import wire
from probe.models.base import Engine
from probe.models.remote import RemoteEngine
from probe.models.vllm_plugin import ACTIVE
from probe.types import Unscored
from tests.contract import MODEL, TEXTS, Contract, expected, scored, tokens_of
from tests.system.conftest import free_port

pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "0", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1",
}  # fmt: skip
# batches shorter than the context, so that long prompts come in pieces
PLUGIN = ("--runner", "pooling", "--hf-overrides", '{"head_dtype":"model"}', "--max-num-batched-tokens", "128")
NO_MOMENTS = "this engine gives no full-vocabulary moments"


class Served:
    """A vLLM server in a process group of its own."""

    def __init__(self, log: Path, *options: str) -> None:
        self.port, self.log, self.options = free_port(), log, options
        self.address = f"http://127.0.0.1:{self.port}/v1"
        self.start()

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", MODEL, "--dtype", "float32",
                    "--host", "127.0.0.1", "--port", str(self.port), "--enforce-eager", *self.options,
                ],
                env={**os.environ, **ENVIRONMENT, ACTIVE: str(int("pooling" in self.options))},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        for _ in range(360):
            if self.process.poll() is not None:
                break
            if self.get("/health") is not None:
                return
            time.sleep(0.5)
        self.end()
        raise RuntimeError(self.log.read_text()[-4000:])

    def get(self, path: str) -> str | None:
        try:
            answer = httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)
        except httpx2.TransportError:
            return None
        return answer.text if answer.status_code == 200 else None

    def busy(self) -> bool:
        """True once it is at work on some request."""
        running = re.search(r"^vllm:num_requests_running\{.*\} ([\d.]+)$", self.get("/metrics") or "", re.MULTILINE)
        return running is not None and float(running[1]) > 0

    def end(self) -> None:
        """Kills the whole group: server, engine and workers."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("plain") / "log")
    yield served
    served.end()


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("plugin") / "log", *PLUGIN)
    yield served
    served.end()


@pytest.fixture(params=["plain", "plugin"])
def served(request: pytest.FixtureRequest) -> Served:
    found: Served = request.getfixturevalue(request.param)
    return found


class TestPlain(Contract):
    moments = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, plain: Served) -> Engine:
        return RemoteEngine(plain.address)

    def test_it_says_how_it_asks(self, engine: Engine) -> None:
        assert engine.identity.engine == "remote/prompt_logprobs"


class TestPlugin(Contract):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, plugin: Served) -> Engine:
        return RemoteEngine(plugin.address)

    def test_it_says_how_it_asks(self, engine: Engine) -> None:
        assert engine.identity.engine == "remote/pooling"

    def test_no_cache_swallows_the_rows_of_a_shared_beginning(self, engine: Engine) -> None:
        for found in scored(engine, [TEXTS[4], TEXTS[4][:600], TEXTS[4][:300], TEXTS[4]]):
            self.agrees(found, expected(found.tokens, engine.context))


def test_only_a_server_with_the_plugin_has_moments(plain: Served, plugin: Served) -> None:
    settings = Settings(cache_bytes=0)
    found = [
        open_probe(address, dtype="float32", settings=settings)(TEXTS[0])[0].scores["minkpp"]
        for address in (plain.address, plugin.address, MODEL)
    ]
    assert found[0].value is None and found[0].reason == NO_MOMENTS
    assert found[2].value is not None and found[1].value == pytest.approx(found[2].value, abs=1e-3)


def test_another_tokenizer_is_refused(served: Served, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(MODEL) / name, tmp_path)
    written = json.loads((tmp_path / "tokenizer.json").read_text())
    written["normalizer"] = {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(written))
    with pytest.raises(ModelError, match="cuts text into other tokens"):
        RemoteEngine(served.address, str(tmp_path)).load()


def test_a_killed_server_fails_text_by_text_and_serves_again(plain: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.05)
    engine = RemoteEngine(plain.address)
    engine.load()
    (tokens,) = tokens_of(engine, TEXTS[4:5])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.score, [tokens] * 200)
        deadline = time.monotonic() + 60
        while not plain.busy():
            assert not asked.done() and time.monotonic() < deadline
        plain.end()
        found = asked.result(60)
    failed = [entry for entry in found if isinstance(entry, Unscored)]
    assert len(found) == 200 and failed
    asked_in_vain = [entry for entry in failed if not entry.reason.startswith("not asked: the server failed 32 texts")]
    assert asked_in_vain
    assert all(re.search(r"failed: (Connect|Read|RemoteProtocol)Error", entry.reason) for entry in asked_in_vain)
    plain.start()
    assert scored(engine, TEXTS)
