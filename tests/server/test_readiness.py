"""Ready means that a verdict can be given: what the service says where none can, and that it recovers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from probe.config import Settings
from probe.models.base import Engine
from probe.pipeline import Probe
from server.app import create_app
from server.service import Service
from tests.engines import Faulty, Hung
from tests.serving import local
from tests.system.scans.helper import until

TEXT = "The value must be given before the first call, or an error is raised by the function."
Serving = Callable[[Engine], AbstractContextManager[TestClient]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    @contextmanager
    def serve(engine: Engine) -> Iterator[TestClient]:
        settings = Settings(home=tmp_path, request_seconds=0.3)
        app = create_app(settings, lambda _: {"demo": Probe(engine)})
        with local(app, raised=False) as client:
            yield client

    return serve


def state(client: TestClient) -> tuple[int, Any]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def service_of(client: TestClient) -> Service:
    found: Service = client.app.state.service  # type: ignore[attr-defined]
    return found


def ask(client: TestClient) -> int:
    return client.post("/v1/probe", json={"model": "demo", "input": TEXT, "scores": ["loss"]}).status_code


def gauge(client: TestClient) -> bool:
    return "memprobe_ready 1.0" in client.get("/metrics").text


def test_models_that_give_nothing_any_more_make_it_unready_until_they_do(demo: Probe, serving: Serving) -> None:
    engine = Faulty(demo.target)
    with serving(engine) as client:
        assert ask(client) == 200 and state(client) == (200, {"status": "ready"}) and gauge(client)
        engine.dead = True
        assert ask(client) == 200  # a result with an error
        status, told = state(client)
        assert status == 503 and told["status"] == "failing" and "no statistics" in told["reason"]
        assert not gauge(client)
        engine.dead, engine.error = False, RuntimeError("the engine has died")
        assert state(client)[0] == 503
        engine.error = None
        assert state(client) == (200, {"status": "ready"}) and gauge(client)


def test_a_text_that_the_model_cannot_score_leaves_it_ready(demo: Probe, serving: Serving) -> None:
    engine = Faulty(demo.target)
    with serving(engine) as client:
        engine.dead = True
        ask(client)
        engine.dead = False
        assert state(client) == (200, {"status": "ready"})


def test_a_models_thread_that_hangs_makes_it_unready(demo: Probe, serving: Serving) -> None:
    engine = Hung(demo.target)
    with serving(engine) as client:
        asking = Thread(target=ask, args=(client,))
        asking.start()
        try:
            assert engine.entered.wait(30)
            assert until(lambda: state(client)[0] == 503, 30)
            assert "no step for 0.3 seconds" in state(client)[1]["reason"]
            assert client.get("/healthz").status_code == 200
        finally:
            engine.go.set()
            asking.join()
        assert until(lambda: state(client)[0] == 200, 30)


def test_threads_and_tasks_that_ended_make_it_unready(demo: Probe, serving: Serving) -> None:
    with serving(demo.target) as client:
        service = service_of(client)
        assert service.scanning and service.scanning.stop()
        assert state(client)[0] == 503 and "worker of batches" in state(client)[1]["reason"]
    with serving(demo.target) as client:
        batcher = service_of(client).batcher
        assert batcher._loop_task
        batcher._loop_task.get_loop().call_soon_threadsafe(batcher._loop_task.cancel)
        assert until(lambda: not batcher.running, 30)
        assert state(client)[0] == 503 and "passes" in state(client)[1]["reason"]


def test_a_service_that_loads_or_ends_says_so(demo: Probe, serving: Serving, tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path), lambda _: {"demo": demo})
    without_lifespan = local(app)
    status, told = state(without_lifespan)
    assert (status, told["status"]) == (503, "loading")
    with serving(demo.target) as client:
        service_of(client).end()
        status, told = state(client)
        assert (status, told["status"]) == (503, "ending")
        assert asyncio.run(service_of(client).ending.within(60))
