"""Independent streams of chance from one seed: who knows one of them knows nothing of the others."""

from __future__ import annotations

from hashlib import sha256

import torch


def dice(seed: int, use: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Returns a generator for one use of a training's seed: order, noise, dropout ..."""
    drawn = int.from_bytes(sha256(f"{seed}/{use}".encode()).digest()[:8], "big") >> 1
    return torch.Generator(device).manual_seed(drawn)
