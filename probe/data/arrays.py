"""Arrays beside a JSON header in one .npz, readable by its owner only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from probe.data.private import opener


def write(path: Path, header: dict[str, Any], **arrays: Any) -> Path:
    """Writes beside the target and renames, so that nobody reads half a file. Returns the path."""
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb", opener=opener) as file:
        np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)
    temporary.replace(path)
    return path
