"""A real service process, called over a socket."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from probe.demo.locate import find, marks
from probe.pipeline import Probe
from tests.system.conftest import Running, started
from tests.tiny import ASSETS


def ask(running: Running, texts: list[str], **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answer(running, texts, **options))["results"]
    return found


def answer(running: Running, texts: list[str], **options: Any) -> bytes:
    body = json.dumps({"model": "demo", "input": texts, **options}).encode()
    request = Request(f"{running.base}/v1/probe", body, {"content-type": "application/json"})
    with urlopen(request, timeout=60) as response:
        found: bytes = response.read()
        return found


@pytest.fixture(scope="module")
def passages() -> list[str]:
    chosen = [entry for entry in marks() if entry.split == "test" and entry.role in ("member", "nonmember")]
    return list(find(random.Random(0).sample(chosen, 120)).values())


def test_clients_side_by_side_get_what_the_library_gives(service: Running, demo: Probe, passages: list[str]) -> None:
    expected = {result.index: result for result in demo(passages)}
    order = random.Random(2).sample(range(len(passages)), len(passages))
    groups = [order[begin : begin + 1 + begin % 7] for begin in range(0, len(order), 7)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda group: ask(service, [passages[i] for i in group]), groups))
    for group, answer in zip(groups, answers, strict=True):
        for i, served in zip(group, answer, strict=True):
            verdict = expected[i].verdict
            assert verdict and served["verdict"] == verdict.call
            for name, score in expected[i].scores.items():
                if score.value is not None:
                    assert served["scores"][name]["value"] == pytest.approx(score.value, abs=1e-4), name


def test_an_answer_kept_whole_is_verified_again(
    service: Running, memprobe: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, passages: list[str]
) -> None:
    kept, texts = tmp_path / "answer.json", tmp_path / "texts.jsonl"
    whole = json.loads(answer(service, passages[:3], alpha=0.05))
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in passages[:3]))
    kept.write_text(json.dumps(whole))
    done = memprobe("verify", str(kept), "--texts", str(texts))
    assert done.returncode == 0, done.stdout + done.stderr
    whole["results"][1]["scores"]["loss"]["value"] += 0.1
    kept.write_text(json.dumps(whole))
    done = memprobe("verify", str(kept), "--texts", str(texts))
    assert done.returncode == 1 and "loss" in done.stdout, done.stdout + done.stderr


def test_a_full_queue_answers_429_with_retry_after(tmp_path: Path, passages: list[str]) -> None:
    with started(tmp_path, MEMPROBE_QUEUE_DEPTH="1") as busy, ThreadPoolExecutor(8) as pool:

        def status(_: int) -> tuple[int, str | None, str | None]:
            try:
                ask(busy, passages * 2)
                return 200, None, None
            except HTTPError as error:
                with error:
                    return error.code, error.headers["Retry-After"], json.load(error)["error"]["code"]

        found = set(pool.map(status, range(16)))
        assert found == {(200, None, None), (429, "1", "queue_full")}
        assert len(ask(busy, passages[:1])) == 1


def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(10) in (0, -signal.SIGINT, 130)


def test_any_transformers_model_is_served(tmp_path: Path) -> None:
    options = ("--target", str(ASSETS / "sibling"), "--reference", str(ASSETS / "reference"), "--name", "mine")
    with started(tmp_path, *options) as running:
        with urlopen(f"{running.base}/v1/models", timeout=10) as response:
            (model,) = json.load(response)["data"]
        assert (model["id"], model["target"], model["calibration"]) == ("mine", "sibling", None)


def test_a_bad_name_ends_it_with_a_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="No calibration named typo"),
        started(tmp_path, "--target", str(ASSETS / "target"), "--calibration", "typo"),
    ):
        pass
