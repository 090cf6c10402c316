"""What stands for a text where the text itself is not kept."""

from __future__ import annotations

from hashlib import sha256


def text_hash(text: str) -> str:
    """Returns sha256:... of a text, white space around it aside."""
    return "sha256:" + sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()
