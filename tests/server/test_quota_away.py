"""Requests and tokens that are counted elsewhere: together for several services, and refused while nothing answers."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from limits.storage import MemoryStorage
from starlette.testclient import TestClient

from probe.access.keys import Key, KeyRing
from probe.access.quota import Quota
from probe.config import Settings
from probe.errors import InputError, OverQuota, Uncounted
from probe.pipeline import Probe
from server.app import create_app
from tests.documents.made import paragraphs
from tests.serving import local
from tests.system.conftest import free_port

TEXTS = paragraphs(30)
BODY = {"model": "demo", "input": TEXTS[:1]}


class Away(MemoryStorage):
    """A storage that can be cut off."""

    STORAGE_SCHEME = ("cut-off",)  # type: ignore[assignment]
    reached = True

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def _ask(self) -> None:
        if not Away.reached:
            raise ConnectionRefusedError

    def incr(self, *given: Any, **named: Any) -> int:
        self._ask()
        return super().incr(*given, **named)

    def acquire_entry(self, *given: Any, **named: Any) -> bool:
        self._ask()
        return super().acquire_entry(*given, **named)


@pytest.fixture
def reached() -> Iterator[type[Away]]:
    Away.reached = True
    yield Away
    Away.reached = True


def service(home: Path, demo: Probe, storage: str, **limits: str) -> tuple[TestClient, dict[str, str]]:
    """Returns a client of a service, and what its key is asked with; services of one home share the key."""
    ring = KeyRing(home / "keys.json")
    token = (home / "token").read_text() if (home / "token").exists() else ring.add("alice", ["probe"])[1]
    (home / "token").write_text(token)
    settings = Settings(home=home, scan_workers=0, quota_storage=storage, **limits)
    client = local(create_app(settings, lambda _: {"demo": demo}), raised=False)
    return client, {"Authorization": f"Bearer {token}"}


def test_nobody_is_let_in_while_nothing_counts(demo: Probe, tmp_path: Path, reached: type[Away]) -> None:
    opened, key = service(tmp_path, demo, "cut-off://")
    with opened as client:
        assert client.post("/v1/probe", json=BODY, headers=key).status_code == 200
        assert client.get("/readyz").status_code == 200
        reached.reached = False
        refused = client.post("/v1/probe", json=BODY, headers=key)
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "quota_unreachable"
        assert refused.headers["Retry-After"] == "5"
        assert client.get("/healthz").status_code == 200
        unready = client.get("/readyz")
        assert unready.status_code == 503 and "QUOTA_STORAGE" in unready.json()["reason"]
        reached.reached = True
        time.sleep(1.1)
        assert client.post("/v1/probe", json=BODY, headers=key).status_code == 200


def test_an_operator_sees_that_nothing_counts(demo: Probe, tmp_path: Path, reached: type[Away]) -> None:
    opened, key = service(tmp_path, demo, "cut-off://", key_rate="1/minute")
    admin = {"Authorization": f"Bearer {KeyRing(tmp_path / 'keys.json').add('root', ['admin'])[1]}"}
    with opened as client:
        assert client.get("/metrics", headers=key).status_code == 403
        for there in (True, False):
            reached.reached = there
            found = client.get("/metrics", headers=admin)
            assert found.status_code == 200 and f"memprobe_ready {there:.1f}" in found.text
        assert client.get("/v1/models", headers=admin).status_code == 503


def test_what_has_begun_goes_on_uncounted(
    demo: Probe, tmp_path: Path, reached: type[Away], caplog: pytest.LogCaptureFixture
) -> None:
    opened, key = service(tmp_path, demo, "cut-off://", key_budget="100000/day")
    with opened as client:
        body = {"model": "demo", "members": TEXTS[:15], "nonmembers": TEXTS[15:]}
        name = client.post("/v1/evaluations", json=body, headers=key).json()["id"]
        reached.reached = False
        deadline = time.monotonic() + 60
        while "Tokens that were read were not counted." not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.1)
        reached.reached = True
        time.sleep(1.1)
        while (found := client.get(f"/v1/evaluations/{name}", headers=key).json())["status"] in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert found["status"] == "completed" and "Tokens that were read were not counted." in caplog.text


def test_a_storage_that_does_not_answer_is_told_at_the_beginning(reached: type[Away]) -> None:
    reached.reached = False
    with pytest.raises(InputError, match="does not count"):
        Quota("cut-off://", "", "")
    with pytest.raises(InputError, match="does not count"):
        Quota(f"redis://127.0.0.1:{free_port()}", "", "")


@pytest.mark.parametrize(
    "address",
    [
        "redis://:Secret/Mark#er9@127.0.0.1:1", "rdis://:SecretMarker9@127.0.0.1:1", "redis://:Secret@127.0.0.1:port",
        "redis://[::1", "redis://:Secret@127.0.0.1:1?socket_timeout=abc",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(InputError, match="quota_storage") as refused:
        Quota(address, "", "")
    assert "Secret" not in str(refused.value) and refused.value.__cause__ is None


def test_what_was_silent_is_left_in_peace_for_a_moment(reached: type[Away], tmp_path: Path) -> None:
    quota, (key, _) = Quota("cut-off://", "9/minute", ""), KeyRing(tmp_path / "keys.json").add("alice", ["probe"])
    reached.reached = False
    with pytest.raises(Uncounted):
        quota.take(key)
    reached.reached = True
    with pytest.raises(Uncounted):
        quota.take(key)
    time.sleep(1.1)
    quota.take(key)
    assert quota.answers()


def test_a_budget_of_a_second_gets_back_what_is_its_own() -> None:
    quota, key = Quota("memory://", "", "1000/second"), Key("id", "alice", "alice", ("probe",), "", 0)
    until = quota.hold(key, 900)
    time.sleep(1.1)
    quota.hold(key, 1)
    quota.give_back(key, 900, until)
    with pytest.raises(OverQuota):
        quota.hold(key, 1000)


@pytest.fixture
def redis() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server here")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                Quota(f"redis://127.0.0.1:{port}", "", "")
                break
            except InputError:
                time.sleep(0.1)
        yield f"redis://127.0.0.1:{port}", process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def test_services_count_together_in_redis(
    demo: Probe, tmp_path: Path, redis: tuple[str, subprocess.Popen[bytes]]
) -> None:
    storage, process = redis
    (opened, key), (other, _) = (service(tmp_path, demo, storage, key_rate="4/minute") for _ in range(2))
    with opened as one, other as two:
        asked = [client.post("/v1/probe", json=BODY, headers=key) for client in (one, two, one, two, one, two)]
        assert [answer.status_code for answer in asked] == [200, 200, 200, 200, 429, 429]
        assert "4 times a minute" in asked[-1].text
        process.send_signal(signal.SIGSTOP)  # it holds the connection and says nothing
        begun = time.monotonic()
        with ThreadPoolExecutor(40) as threads:
            hung = list(threads.map(lambda _: one.post("/v1/probe", json=BODY, headers=key).status_code, range(40)))
        assert hung == [503] * 40 and one.get("/readyz").status_code == 503
        assert time.monotonic() - begun < 8  # not a quarter of a second for each
        process.send_signal(signal.SIGCONT)
        time.sleep(1.1)
        assert one.post("/v1/probe", json=BODY, headers=key).status_code == 429


def test_a_budget_in_redis_is_held_and_given_back(tmp_path: Path, redis: tuple[str, subprocess.Popen[bytes]]) -> None:
    storage, process = redis
    key, _ = KeyRing(tmp_path / "keys.json").add("alice", ["probe"], budget="100/day")
    one, two = Quota(storage, "9/minute", ""), Quota(storage, "", "")
    until = one.hold(key, 80)
    with pytest.raises(OverQuota, match="has 20 left"):
        two.hold(key, 30)
    one.give_back(key, 50, until)
    two.hold(key, 30)
    two.spend(key, 500)
    with pytest.raises(OverQuota, match="is spent"):
        one.whole(key)
    process.kill()
    process.wait()
    for asked in (lambda: one.take(key), lambda: one.whole(key), lambda: one.hold(key, 1)):
        with pytest.raises(Uncounted):
            asked()
    one.spend(key, 1)
    one.give_back(key, 1, until)
    assert not one.answers()
