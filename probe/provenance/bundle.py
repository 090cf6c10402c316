"""A bundle of evidence: one zip of results, a report and the manifest of their hashes, and a signature of the manifest.

    results.jsonl   the records (record.py)
    report.html     the same for people
    attached/NAME   files put in beside them
    manifest.json   SHA-256 and size of each of these, and whose key signed
    manifest.sig    64 bytes: Ed25519 over manifest.json, where it was signed

Entries are stored, not compressed, in this order and under one date, so that the same content is the same bytes
anywhere. A reader packs what it read again and compares: any byte that the format does not ask for is noticed, and with
it whatever could hide between the entries. Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe.errors import InputError, Tampered
from probe.provenance.record import Record
from probe.provenance.report import report
from probe.versions import versions

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

RESULTS, REPORT, ATTACHED, MANIFEST, SIGNATURE = (
    "results.jsonl", "report.html", "attached/", "manifest.json", "manifest.sig",
)  # fmt: skip
LARGEST = 1 << 30  # bytes of a bundle
_DATE = (1980, 1, 1, 0, 0, 0)
_KEY = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]{0,127}")
# whatever zipfile raises on a truncated, corrupt or hostile file
_BROKEN = (
    zipfile.BadZipFile, ValueError, OSError, EOFError, RuntimeError, OverflowError, struct.error,
)  # fmt: skip
_DISTRUST = "do not rely on it, and ask its maker for another."
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a whole bundle holds. signed: it has a signature, by the key of this hash, which was checked where a key
    was named."""

    files: Files
    signed: bool
    key: str | None
    checked: bool


def make_bundle(
    records: Sequence[Record], attached: Mapping[str, bytes], key: Ed25519PrivateKey | None, *, with_texts: bool = False
) -> bytes:
    """Returns the bytes of a bundle, the same for the same input. Raises InputError for a name that it cannot hold."""
    lines = (json.dumps(record.as_dict(with_texts), ensure_ascii=True) for record in records)
    files = {
        RESULTS: "".join(f"{line}\n" for line in lines).encode(),
        REPORT: report(records, with_texts=with_texts).encode(),
        **{ATTACHED + name: data for name, data in sorted(attached.items())},
    }
    if wrong := [name for name in attached if not _NAME.fullmatch(name)]:
        raise InputError(f"{wrong[0]!r} cannot name a file of a bundle: use letters, digits, dots and dashes.")
    manifest: dict[str, Any] = {
        "object": "memprobe.bundle", "version": 1, "memprobe": versions().get("memprobe", ""), "key": None,
        "files": {name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()},
    }  # fmt: skip
    if (size := sum(map(len, files.values()))) > LARGEST // 2:
        raise InputError(f"This makes {size:,} bytes; a bundle holds {LARGEST // 2:,}. Make several.")
    if key is None:
        return pack({**files, MANIFEST: _plain(manifest)})
    from probe.provenance.keys import key_hash

    manifest["key"] = key_hash(key.public_key())
    return pack({**files, MANIFEST: _plain(manifest), SIGNATURE: key.sign(_plain(manifest))})


def read_bundle(path: Path, key: Ed25519PublicKey | None) -> Bundle:
    """Opens the bundle at this path. Raises InputError, Tampered."""
    try:
        if path.stat().st_size > LARGEST:
            raise Tampered(f"{path} is larger than any bundle ({LARGEST:,} bytes): {_DISTRUST}")
        return open_bundle(path.read_bytes(), key)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def open_bundle(data: bytes, key: Ed25519PublicKey | None) -> Bundle:
    """Returns what a bundle holds. Raises Tampered where any byte is not what its maker wrote, as far as can be known:
    without a key and a signature, whoever changes a file can change its hash too."""
    files = unpack(data)
    manifest = _manifest(files)
    expected = {name for name in files if name not in (MANIFEST, SIGNATURE)}
    for names, what in ((expected - manifest["files"].keys(), "extra"), (manifest["files"].keys() - expected, "no")):
        if names:
            raise Tampered(f"The bundle holds {what} {', '.join(map(ascii, sorted(names)))}: {_DISTRUST}")
    for name, entry in manifest["files"].items():
        if entry != {"sha256": sha256(files[name]).hexdigest(), "bytes": len(files[name])}:
            raise Tampered(f"{name} is not the file whose hash the manifest holds: {_DISTRUST}")
    signed = SIGNATURE in files
    if signed != (manifest["key"] is not None):
        raise Tampered(f"The manifest and the signature do not belong together: {_DISTRUST}")
    if key:
        _check_signature(files, key, manifest["key"])
    return Bundle(files, signed, manifest["key"], checked=key is not None)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Returns the one zip that holds these files in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            made.writestr(entry, data)
    return out.getvalue()


def unpack(data: bytes) -> Files:
    """Returns the files of a zip, in memory. Raises Tampered for any that `pack` does not make."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            entries = found.infolist()
            for entry in entries:
                _check(entry)
            if len({entry.filename for entry in entries}) < len(entries):
                raise Tampered(f"Two files of the bundle have one name: {_DISTRUST}")
            if sum(entry.file_size for entry in entries) > len(data):
                raise Tampered(f"The bundle claims to hold more than its own bytes: {_DISTRUST}")
            files = {entry.filename: found.read(entry) for entry in entries}
    except _BROKEN as error:
        raise Tampered(f"The bundle is damaged ({error}): {_DISTRUST}") from error
    if pack(files) != data:
        raise Tampered(f"The bundle holds bytes that belong to none of its files: {_DISTRUST}")
    return files


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    plain = name in (RESULTS, REPORT, MANIFEST, SIGNATURE)
    if not plain and not (name.startswith(ATTACHED) and _NAME.fullmatch(name.removeprefix(ATTACHED))):
        raise Tampered(f"No bundle holds a file named {name!a}: {_DISTRUST}")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise Tampered(f"{name} is compressed, which no bundle is: {_DISTRUST}")


def _manifest(files: Files) -> dict[str, Any]:
    """Raises Tampered for what is no manifest."""
    if not {RESULTS, REPORT, MANIFEST} <= files.keys():
        raise Tampered(f"This is no bundle: it holds no {RESULTS}, {REPORT} or {MANIFEST}.")
    try:
        found = json.loads(files[MANIFEST])
        if (found["object"], found["version"]) != ("memprobe.bundle", 1) or not isinstance(found["files"], dict):
            raise ValueError("it is of another version")
        if _plain(found) != files[MANIFEST] or not (found["key"] is None or _KEY.fullmatch(found["key"])):
            raise ValueError("it is not as memprobe writes it")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Tampered(f"{MANIFEST} is not a manifest that this memprobe knows ({error}): {_DISTRUST}") from error
    return dict(found)


def _check_signature(files: Files, key: Ed25519PublicKey, named: str | None) -> None:
    from probe.provenance.keys import is_signed, key_hash

    if SIGNATURE not in files:
        raise Tampered("The bundle is not signed, and a key was named: ask its maker for a signed one.")
    if not is_signed(key, files[SIGNATURE], files[MANIFEST]):
        whose = "by another key" if named != key_hash(key) else "but the manifest is not what was signed"
        raise Tampered(f"The signature is not of this key: it was signed {whose}. Do not rely on it.")


def _plain(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, ensure_ascii=True, indent=1).encode()
