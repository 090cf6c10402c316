"""Which texts a training takes, drawn by a fair coin each: what an audit of its epsilon rests on.

FOLDER/train.jsonl, FOLDER/held-out.jsonl: rows {"id", "text"}
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from probe.audit.labelled import Labelled, both_kinds, distinct, read_labelled
from probe.data.overlap import without_copies
from probe.errors import InputError
from probe.types import Text

TRAIN, HELD_OUT = "train.jsonl", "held-out.jsonl"
FEWEST = 20  # texts; fewer coins show no epsilon above 0 to speak of


def draw(texts: Sequence[Text], folder: Path) -> tuple[int, int]:
    """Writes both files into a new folder; returns how many texts are to be trained on, and how many were left out as
    copies. The coins are the system's. Raises InputError.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already; name a folder that is not.", "out")
    kept = without_copies([text for text in texts if text.text.strip()], lambda text: text.text)
    if len(kept) < FEWEST:
        raise InputError(f"{len(kept)} distinct texts; bring at least {FEWEST}, best some thousands.", "texts")
    coins = [secrets.randbelow(2) for _ in kept]
    folder.mkdir(parents=True)
    for name, side in ((HELD_OUT, 0), (TRAIN, 1)):
        rows = (
            json.dumps({"id": text.id or f"text {number}", "text": text.text, "source": text.source})
            for number, (text, coin) in enumerate(zip(kept, coins, strict=True))
            if coin == side
        )
        (folder / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return sum(coins), len(texts) - len(kept)


def read_drawn(folder: Path) -> Labelled:
    """Returns the texts of both files with what the coins said. Raises InputError."""
    places = [folder / name for name in (TRAIN, HELD_OUT)]
    if missing := [place for place in places if not place.is_file()]:
        raise InputError(f"{missing[0]} is not there: draw the texts first (memprobe audit draw).", "folder")
    found = read_labelled(members=[str(places[0])], nonmembers=[str(places[1])])
    return both_kinds(distinct(found.entries), "Draw again.")
