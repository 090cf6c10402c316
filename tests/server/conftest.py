"""The service in process, on the embedded pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from probe.config import Settings
from probe.pipeline import Probe
from server.app import create_app
from tests.serving import local


@pytest.fixture(scope="module")
def client(demo: Probe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home: Path = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, max_texts=8, max_body_bytes=20_000, max_tokens=300, max_request_tokens=400)
    with local(create_app(settings, lambda _: {"demo": demo}), raised=False) as found:
        yield found
