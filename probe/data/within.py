"""Which places lie under a prefix: what a service may read for others."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from probe.data.hub import SCHEME


def within(place: str, prefix: str) -> bool:
    """Returns whether a path, URL or hf:NAME lies under a prefix of its kind: the same scheme, user, host and port, and
    the same first parts of the path, for a path of this machine once its links are followed.
    """
    if "::" in place or "\0" in place:  # a chain of file systems
        return False
    if place.startswith(SCHEME) or prefix.startswith(SCHEME):
        rest = place.removeprefix(prefix.rstrip("/"))
        return ".." not in place.split("/") and place.startswith(prefix) and (not rest or rest[0] in "/:")
    one, other = _split(place), _split(prefix)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc):
        return False
    if not one.scheme:
        return Path(one.path).resolve().is_relative_to(Path(other.path).resolve())
    parts, first = (PurePosixPath(unquote(found.path)).parts for found in (one, other))
    return ".." not in parts and parts[: len(first)] == first


def _split(place: str) -> SplitResult:
    """Returns the parts of a URL; of a path, or a file: URL, without scheme and host."""
    if "://" not in place:
        return SplitResult("", "", place, "", "")
    found = urlsplit(place)
    return SplitResult("", found.netloc, unquote(found.path), "", "") if found.scheme == "file" else found
