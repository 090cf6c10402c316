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
        return place.startswith(SCHEME) and prefix.startswith(SCHEME) and _same_set(place, prefix)
    one, other = _split(place), _split(prefix)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc):
        return False
    if not one.scheme:
        return _inside(Path(one.path), Path(other.path))
    parts, first = (PurePosixPath(unquote(found.path)).parts for found in (one, other))
    return ".." not in parts and parts[: len(first)] == first


def _same_set(place: str, prefix: str) -> bool:
    """The same for data sets: hub ids, or folders, of which all is read that lies in them."""
    rest = place.removeprefix(prefix.rstrip("/"))
    if ".." in place.split("/") or not place.startswith(prefix) or (rest and rest[0] not in "/:"):
        return False
    path, first = (Path(one.removeprefix(SCHEME).partition(":")[0]) for one in (place, prefix))
    if not path.is_dir():
        return not str(path).startswith(("/", ".", "~"))
    return _inside(path, first) and all(_inside(one, first) for one in path.rglob("*") if one.is_symlink())


def _inside(path: Path, prefix: Path) -> bool:
    try:
        return path.resolve().is_relative_to(prefix.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def _split(place: str) -> SplitResult:
    """Returns the parts of a URL; of a path, or a file: URL, without scheme and host."""
    if "://" not in place:
        return SplitResult("", "", place, "", "")
    found = urlsplit(place)
    return SplitResult("", found.netloc, unquote(found.path), "", "") if found.scheme == "file" else found
