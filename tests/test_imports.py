"""What may be imported when: `import probe` is cheap, the server computes nothing, the engine knows no HTTP."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import probe

ROOT = Path(probe.__file__).parents[1]
HEAVY = (
    "torch", "transformers", "scipy", "sklearn", "datasets", "jinja2", "matplotlib", "fastapi", "pydantic", "vllm",
    "ray", "peft", "opacus", "pypdfium2", "presidio_analyzer", "spacy",
)  # fmt: skip
OWNERS = {  # the files that may name a heavy library
    "accelerate": {"shadow/examine.py", "shadow/fleet.py"},
    "datasets": {"data/hub.py"},
    "jinja2": {"audit/report.py"},
    "matplotlib": {"audit/deletion/plots.py", "audit/picture.py"},
    "peft": {"models/merging.py", "shadow/make.py"},
    "torch": {
        "demo/models.py",
        "models/activation.py",
        "models/attention.py",
        "models/body.py",
        "models/checks.py",
        "models/conv.py",
        "models/cuda.py",
        "models/gradient.py",
        "models/head.py",
        "models/kernel.py",
        "models/lanes.py",
        "models/layers.py",
        "models/linear.py",
        "models/load.py",
        "models/merging.py",
        "models/network.py",
        "models/neighbours.py",
        "models/onednn.py",
        "models/packable.py",
        "models/packed.py",
        "models/passes.py",
        "models/pointwise.py",
        "models/prefix.py",
        "models/processor.py",
        "models/sampling.py",
        "models/scoring.py",
        "models/statistics.py",
        "models/streaming.py",
        "models/vllm_plugin.py",
        "shadow/dice.py",
        "shadow/dropout.py",
        "shadow/fleet.py",
        "shadow/lessons.py",
        "shadow/make.py",
        "shadow/private.py",
        "shadow/run.py",
        "shadow/train.py",
    },
    "opacus": {"shadow/private.py"},
    "presidio_analyzer": {"memorization/pii/spans.py"},
    "pypdfium2": {"documents/pdf.py"},
    "triton": {"models/blocks.py"},
    "transformers": {
        "models/activation.py",
        "models/attending.py",
        "models/body.py",
        "models/conv.py",
        "models/layers.py",
        "models/load.py",
        "models/neighbours.py",
        "models/sampling.py",
        "models/tokens.py",
        "models/vllm_start.py",
        "demo/models.py",
        "demo/build.py",
        "shadow/adapt.py",
        "shadow/make.py",
        "shadow/run.py",
        "shadow/train.py",
    },
    "fsspec": {"data/streams.py", "scans/store.py"},
    "pyarrow": {"data/parquet.py", "data/parquet_apart.py", "scans/parts.py"},
    "ray": {"scans/ray.py"},
    "sqlalchemy": {
        "reporting/ledger.py",
        *(f"scans/{name}.py" for name in ("database", "deleted", "desk", "leases", "ledger", "statements", "sweep")),
        "scans/room.py",
        "scans/tables.py",
        "scans/uploads.py",
    },
    "zstandard": {"data/streams.py"},
    "vllm": {"models/vllm.py", "models/vllm_plugin.py", "models/vllm_start.py"},
}


@pytest.mark.parametrize("module", ["probe", "probe.cli", "probe.types", "probe.errors"])
def test_import_is_light(module: str) -> None:
    heavy = [name for name in HEAVY if not (module == "probe.cli" and name == "pydantic")]
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_everything_public_is_there() -> None:
    assert sorted(probe.__all__) == probe.__all__
    for name in probe.__all__:
        assert getattr(probe, name) is not None
    with pytest.raises(AttributeError):
        probe.nothing  # noqa: B018


@pytest.mark.parametrize("library", list(OWNERS))
def test_heavy_imports_stay_in_the_files_that_own_them(library: str) -> None:
    found = {
        str(path.relative_to(ROOT / "probe"))
        for path in (ROOT / "probe").rglob("*.py")
        if re.search(rf"(import|from) {library}[. \n]", path.read_text())
    }
    assert found == OWNERS[library]


def test_the_engine_knows_no_http() -> None:
    for path in (ROOT / "probe").rglob("*.py"):
        if path.parent.name == "cli":
            continue
        source = path.read_text()
        assert "fastapi" not in source and "from server" not in source, path
