"""The folder: kept private, checked with sha256sum, and anything changed in it noticed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probe.canaries.draw import draw, rebuild
from probe.canaries.folder import COMMITMENT, PLANT, SECRET, open_folder, write
from probe.canaries.published import standing
from probe.canaries.secret import as_bytes, commitment, parse
from probe.errors import InputError, MemprobeError, Tampered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(draw(3, 9), tmp_path / "deep" / "canaries")
    return tmp_path / "deep" / "canaries"


def test_what_is_written(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {PLANT, SECRET, COMMITMENT}
    assert (folder / SECRET).stat().st_mode & 0o077 == 0
    found = open_folder(folder)
    rows = [json.loads(line) for line in (folder / PLANT).read_text().splitlines()]
    assert rows == [{"id": canary.id, "text": canary.planted} for canary in found.canaries]
    assert (
        not found.committed and subprocess.run(["sha256sum", "-c", COMMITMENT], cwd=folder, check=False).returncode == 0
    )
    for said in (found.commitment, found.commitment.removeprefix("sha256:").upper()):
        assert open_folder(folder, said).committed
    (folder / PLANT).unlink()
    assert open_folder(folder).canaries == found.canaries
    (folder / COMMITMENT).unlink()
    assert open_folder(folder, found.commitment).canaries == found.canaries
    with pytest.raises(InputError, match="there already"):
        write(draw(1, 9), folder)


def test_another_commitment_than_was_published(folder: Path) -> None:
    with pytest.raises(Tampered, match=r"is not what sha256:0000.* was published for"):
        open_folder(folder, "0" * 64)
    with pytest.raises(InputError, match="is no commitment"):
        open_folder(folder, "sha256:12")


@pytest.mark.parametrize("name", [SECRET, COMMITMENT])
def test_a_changed_byte_is_noticed(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    for place in (0, len(data) // 2):
        (folder / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(MemprobeError, match="make"):
            open_folder(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        open_folder(folder)


def edited(change: Callable[[list[Any]], None], folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / PLANT).read_text().splitlines()]
    change(rows)
    (folder / PLANT).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda rows: rows[1].update(text="Something else."), "canary-2"),
        (lambda rows: rows.pop(0), "canary-1"),
        (lambda rows: rows.append({"id": "more", "text": "One more."}), "more"),
        (lambda rows: rows[2].update(id=None), "canary-3"),
    ],
)
def test_an_edited_plant_is_noticed(folder: Path, change: Callable[[list[Any]], None], name: str) -> None:
    edited(change, folder)
    with pytest.raises(Tampered, match=f"plant.jsonl is not as it was drawn.*{name}.*--published"):
        open_folder(folder)


def reseal(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """A secret rewritten by somebody who writes its hash anew, and takes away what was planted."""
    (folder / PLANT).unlink()
    whole = json.loads((folder / SECRET).read_text())
    change(whole)
    data = json.dumps(whole).encode()
    (folder / SECRET).write_bytes(data)
    (folder / COMMITMENT).write_text(f"{commitment(data).removeprefix('sha256:')}  {SECRET}\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole["canaries"][0].update(drawn=(whole["canaries"][0]["drawn"] + 1) % 10),
        lambda whole: whole.update(key="00" * 32),
        lambda whole: whole["canaries"][0].update(size=2_000_001),
        lambda whole: whole["canaries"][0].update(drawn=10),
        lambda whole: whole["canaries"][0].update(drawn=True),
        lambda whole: whole["canaries"][0].update(extra=1),
        lambda whole: whole["canaries"][0].update(template="only {digit}", size=100, drawn=0),
        lambda whole: whole["canaries"][0].update(template=""),
        lambda whole: whole["canaries"][0].update(template=["{word}"]),
        lambda whole: whole.update(canaries=[]),
        lambda whole: whole.update(words=""),
        lambda whole: whole.update(words=None),
        lambda whole: whole.update(version=2),
        lambda whole: whole.update(key="xyz"),
        lambda whole: whole.pop("key"),
    ],
)
def test_a_secret_that_is_none(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    before = open_folder(folder).commitment
    reseal(folder, change)
    with pytest.raises(MemprobeError, match="put back the file"):
        open_folder(folder)
    with pytest.raises(Tampered, match="was published for"):
        open_folder(folder, before)


def test_an_array_is_no_secret() -> None:
    for data in (b"[]", b"\xff", b"[" * 100_000):
        with pytest.raises(InputError, match="damaged"):
            parse(data)


def test_a_secret_made_anew_is_noticed_by_its_commitment(folder: Path) -> None:
    before = open_folder(folder).commitment
    secret = parse((folder / SECRET).read_bytes())
    data = as_bytes(replace(secret, canaries=secret.canaries[:2]))
    (folder / SECRET).write_bytes(data)
    (folder / COMMITMENT).write_text(f"{commitment(data).removeprefix('sha256:')}  {SECRET}\n")
    (folder / PLANT).unlink()
    assert len(open_folder(folder).canaries) == 2
    with pytest.raises(Tampered):
        open_folder(folder, before)


def test_which_stand_in_what_was_published() -> None:
    canaries = rebuild(draw(4, 9))
    one, two, three, four = (canary.planted for canary in canaries)
    page = f"Before. {one[:20]}{one[20:].replace(' ', chr(10) + '   ')} After.\n{three.upper()}"
    found, missing = standing(canaries, [page, f"{two}", four[:-1]])
    assert [canary.id for canary in found] == ["canary-1", "canary-2"] and missing == ["canary-3", "canary-4"]
