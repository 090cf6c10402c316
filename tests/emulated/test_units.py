"""What is compiled for matrix units, where the processor has none: else nobody would test it before it is used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from probe.models.processor import has_units

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_TESTS = ("test_head.py", "test_alike.py", "test_linear.py", "test_attention.py")
_UNITS = ("-mamx-tile", "-mamx-bf16", "-mamx-int8")
_LIBRARY = ("-O3", "-march=native", "-shared", "-fPIC", "-ftls-model=initial-exec")
_SECONDS = 400


@pytest.fixture(scope="module")
def compiler() -> str:
    """A compiler that knows the units."""
    if has_units():
        pytest.skip("this processor has them, and those tests ran on it")
    if not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this processor has no bfloat16 in AVX-512, which code for the units needs, too")
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None or subprocess.run([found, *_UNITS, "-xc", "-fsyntax-only", os.devnull], check=False).returncode:
        pytest.skip("there is no C compiler that knows the units")
    return found


def test_the_units_code_passes_its_tests_in_software(compiler: str, tmp_path: Path) -> None:
    library, folder = tmp_path / "amx.so", tmp_path / "bin"
    subprocess.run([compiler, *_LIBRARY, str(_HERE / "amx.c"), "-o", str(library)], check=True, timeout=60)
    folder.mkdir()
    (folder / "cc").write_text(f'#!/bin/sh\nexec {compiler} {" ".join(_UNITS)} "$@"\n')
    (folder / "cc").chmod(0o700)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:faulthandler"]  # which takes SIGILL
    command += ["-p", "tests.emulated.units", *(f"tests/models/{name}" for name in _TESTS)]
    changed = {"PATH": f"{folder}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path), "LD_PRELOAD": str(library)}
    found = subprocess.run(
        command, cwd=_ROOT, env=os.environ | changed, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"^\d+ passed", found.stdout, re.MULTILINE) and "skipped" not in found.stdout, found.stdout
