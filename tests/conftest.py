"""What several tests share: the embedded pair, tiny models made here, and the folder of real models where it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from probe.pipeline import Probe

os.environ["MEMPROBE_CACHE_BYTES"] = "0"  # a test must not pass on what an earlier engine computed
if not Path("/dev/nvidiactl").exists() and find_spec("vllm") is None:  # which has kernels of its own
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported, which torch may do
settings.register_profile("any machine", deadline=None)  # speed is measured in benchmarks
settings.load_profile("any machine")
SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The test material that is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real models and texts is absent")
    return SHARED


@pytest.fixture(scope="session")
def demo() -> Probe:
    from probe import open_probe

    return open_probe()


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a folder with a small randomly initialised model of a named shape and the embedded tokenizer."""
    from tests.tiny import save

    made: dict[str, Path] = {}

    def make(shape: str) -> Path:
        if shape not in made:
            made[shape] = save(shape, tmp_path_factory.mktemp(shape))
        return made[shape]

    return make
