"""Where canaries lie.

FOLDER/plant.jsonl        what to publish: {"id", "text"}
FOLDER/secret.json        what to keep (secret.py)
FOLDER/commitment.sha256  the hash of the secret, as sha256sum writes and checks it (`sha256sum -c`)
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from probe.canaries.draw import Canary, rebuild
from probe.canaries.secret import RESTORE, Secret, as_bytes, commitment, parse
from probe.data.hashed import text_hash
from probe.data.read import Columns, read
from probe.errors import InputError, Tampered
from probe.types import Text

PLANT, SECRET, COMMITMENT = "plant.jsonl", "secret.json", "commitment.sha256"
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Planting:
    """committed: whether the commitment is one that the caller named."""

    canaries: Sequence[Canary]
    commitment: str
    committed: bool


def write(secret: Secret, folder: Path) -> str:
    """Writes a new folder, the secret readable by its owner only, and returns the commitment. Raises InputError."""
    if folder.exists():
        raise InputError(
            f"{folder} is there already, and a secret once lost is lost: name a folder that is not.", "out"
        )
    data = as_bytes(secret)
    rows = [json.dumps({"id": one.id, "text": one.planted}, ensure_ascii=False) for one in rebuild(secret)]
    try:
        folder.mkdir(parents=True)
        with os.fdopen(os.open(folder / SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        (folder / PLANT).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        (folder / COMMITMENT).write_text(f"{commitment(data).removeprefix('sha256:')}  {SECRET}\n", encoding="ascii")
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be written ({error.strerror}); name another.", "out") from error
    return commitment(data)


def open_folder(folder: Path, published: str | None = None) -> Planting:
    """Returns the canaries. published: the commitment that was made public.

    Raises InputError where something is missing or damaged, Tampered where something is not as it was made.
    """
    named = None if published is None else _hash(published)
    data = _bytes(folder, SECRET)
    found = commitment(data)
    if named is None and found != _hash(_bytes(folder, COMMITMENT).decode("ascii", "replace").partition(" ")[0]):
        raise Tampered(f"{folder / SECRET} and {COMMITMENT} beside it do not match: {RESTORE}.")
    if named not in (None, found):
        raise Tampered(
            f"{folder / SECRET} is not what {named} was published for: its own is {found}. Name the folder that was "
            "made then."
        )
    canaries = rebuild(parse(data))
    _check_plant(folder, canaries)
    return Planting(canaries, found, named is not None)


def _check_plant(folder: Path, canaries: Sequence[Canary]) -> None:
    """The test does not need the file: one that is not as it was drawn says that others may have been planted."""
    if not (folder / PLANT).is_file():
        return
    there = {row.id: text_hash(row.text) for row in read(folder / PLANT, Columns()) if isinstance(row, Text)}
    wrong = [one.id for one in canaries if there.pop(one.id, None) != text_hash(one.planted)] + [*map(str, there)]
    if wrong:
        more = f" and {len(wrong) - 3:,} more" if len(wrong) > 3 else ""
        raise Tampered(
            f"{folder / PLANT} is not as it was drawn ({', '.join(wrong[:3])}{more}), and only drawn texts can be "
            f"tested: {RESTORE}, or move it away, and let --published FILE tell which stand in what was published."
        )


def _hash(said: str) -> str:
    """Raises InputError."""
    if not (found := _HASH.fullmatch(said.strip())):
        raise InputError(f"{said!a} is no commitment: `memprobe canaries make` printed sha256: and 64 digits, 0 to f.")
    return f"sha256:{found[1].lower()}"


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder / name} cannot be read ({error.strerror}); name a folder of `memprobe canaries make`"
            + (", or the published commitment (--commitment)." if name == COMMITMENT else "."),
            "folder",
        ) from error
