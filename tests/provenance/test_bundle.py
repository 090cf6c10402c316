"""Bundles: the same bytes for the same input, and no byte that can be changed unnoticed."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import InputError, Tampered
from probe.pipeline import Probe
from probe.provenance.bundle import MANIFEST, REPORT, RESULTS, SIGNATURE, Files, make_bundle, open_bundle, pack, unpack
from probe.provenance.keys import key_hash, load_private, load_public, make_keys
from probe.provenance.record import Record
from probe.types import Text
from tests.provenance.test_record import SENTENCE, records

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(scope="module")
def found(demo: Probe) -> list[Record]:
    return records(demo, [Text(SENTENCE, "<b>id</b>"), Text("")])


@pytest.fixture(scope="module")
def signed(found: list[Record]) -> bytes:
    return make_bundle(found, {"notes.txt": b"notes"}, KEY)


def test_the_same_input_gives_the_same_bytes(found: list[Record], signed: bytes) -> None:
    assert make_bundle(found, {"notes.txt": b"notes"}, KEY) == signed
    assert make_bundle(found, {"notes.txt": b"others"}, KEY) != signed


def test_the_order_of_attached_files_does_not_matter(found: list[Record]) -> None:
    one, other = {"a.txt": b"a", "b.txt": b"b"}, {"b.txt": b"b", "a.txt": b"a"}
    assert make_bundle(found, one, KEY) == make_bundle(found, other, KEY)


def test_it_opens_as_it_was_made(signed: bytes) -> None:
    bundle = open_bundle(signed, PUBLIC)
    assert list(bundle.files) == [RESULTS, REPORT, "attached/notes.txt", MANIFEST, SIGNATURE]
    assert (bundle.signed, bundle.checked, bundle.key) == (True, True, key_hash(PUBLIC))
    assert not open_bundle(signed, None).checked
    manifest = json.loads(bundle.files[MANIFEST])
    assert manifest["files"][RESULTS]["sha256"] == sha256(bundle.files[RESULTS]).hexdigest()


def test_texts_stay_out_unless_asked_for(found: list[Record]) -> None:
    for with_texts in (False, True):
        files = open_bundle(make_bundle(found, {}, None, with_texts=with_texts), None).files
        assert (SENTENCE.encode() in files[RESULTS]) is (SENTENCE.encode() in files[REPORT]) is with_texts


def test_the_report_says_what_people_need_and_escapes_it(signed: bytes) -> None:
    page = open_bundle(signed, None).files[REPORT].decode()
    assert "&lt;b&gt;id&lt;/b&gt;" in page and "<b>" not in page and "<script" not in page
    for words in ("p-value", "claim", "gates", "evidence", "target hash", "How to verify", "Cannot score"):
        assert words in page
    assert "src=" not in page and "href=" not in page


@pytest.mark.parametrize("key", [None, KEY])
def test_every_byte_that_is_changed_is_noticed(found: list[Record], key: Ed25519PrivateKey | None) -> None:
    data = make_bundle(found, {}, key)
    public = key.public_key() if key else None
    places = random.Random(0).sample(range(len(data)), 300)
    for place in [*range(60), *range(len(data) - 400, len(data)), *places]:
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(Tampered):
            open_bundle(bytes(changed), public)


@pytest.mark.parametrize("harm", [
    lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"\0" + data, lambda data: data[: len(data) // 2],
    lambda data: b"", lambda data: data + data,
])  # fmt: skip
def test_missing_and_extra_bytes_are_noticed(signed: bytes, harm: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Tampered):
        open_bundle(harm(signed), PUBLIC)


def _without(*names: str) -> Callable[[Files], Files]:
    return lambda files: {name: data for name, data in files.items() if name not in names}


def _with(name: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, name: data}


def _rehashed(files: Files) -> Files:
    """What a forger without the key does: another verdict, and the hashes to go with it."""
    results = files[RESULTS].replace(b'"verdict": "', b'"verdict": "not_')
    manifest = json.loads(files[MANIFEST])
    manifest["files"][RESULTS] = {"sha256": sha256(results).hexdigest(), "bytes": len(results)}
    return {**files, RESULTS: results, MANIFEST: json.dumps(manifest, indent=1).encode()}


def _resigned(files: Files) -> Files:
    return {**files, SIGNATURE: OTHER.sign(files[MANIFEST])}


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_without("attached/notes.txt"), "holds no 'attached/notes.txt'"),
        (_without(RESULTS), "no bundle"),
        (_without(SIGNATURE), "do not belong together"),
        (_with("attached/more.txt", b""), "holds extra 'attached/more.txt'"),
        (_with(RESULTS, b"{}"), "not the file whose hash"),
        (_with("attached/notes.txt", b"forge"), "not the file whose hash"),
        (_with("../evil", b""), "No bundle holds a file named"),
        (_with("/etc/evil", b""), "No bundle holds a file named"),
        (_with("attached/../evil", b""), "No bundle holds a file named"),
        (_with("attached/a\\b", b""), "No bundle holds a file named"),
        (_with("attached/.hidden", b""), "No bundle holds a file named"),
        (_with(MANIFEST, b"[" * 100_000), "not a manifest"),
        (_with(MANIFEST, b"{}"), "not a manifest"),
        (_with(SIGNATURE, b""), "not what was signed"),
        (_rehashed, "not what was signed"),
        (_resigned, "not what was signed"),
    ],
)
def test_tampering_is_refused_by_name(signed: bytes, harm: Callable[[Files], Files], words: str) -> None:
    with pytest.raises(Tampered, match=words):
        open_bundle(pack(harm(unpack(signed))), PUBLIC)


def test_another_s_key_does_not_verify(signed: bytes, found: list[Record]) -> None:
    with pytest.raises(Tampered, match="signed by another key"):
        open_bundle(signed, OTHER.public_key())
    with pytest.raises(Tampered, match="is not signed"):
        open_bundle(make_bundle(found, {}, None), PUBLIC)


def zipped(*entries: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as made:
        for name, data in entries:
            made.writestr(name, data)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_bombs_links_and_doubles_are_refused(signed: bytes) -> None:
    bomb = zipped((RESULTS, b"0" * 50_000_000), how=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(Tampered, match="is compressed"):
        open_bundle(bomb, None)
    with pytest.raises(Tampered, match="one name"):
        open_bundle(zipped((RESULTS, b"a"), (RESULTS, b"b")), None)
    with pytest.raises(Tampered, match="belong to none"):
        open_bundle(zipped(*unpack(signed).items()), PUBLIC)  # other dates
    size = (12).to_bytes(4, "little")
    lie = zipped((RESULTS, b"twelve bytes")).replace(size, (1 << 30).to_bytes(4, "little"))
    with pytest.raises(Tampered):
        open_bundle(lie, None)


@given(st.binary(max_size=300))
def test_no_bytes_whatever_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(Tampered):
        open_bundle(data, PUBLIC)


@given(st.dictionaries(st.sampled_from([RESULTS, REPORT, "attached/a", "attached/b.html"]), st.binary(), min_size=1))
def test_packing_is_undone(files: Files) -> None:
    assert unpack(pack(files)) == files


def test_names_that_a_bundle_cannot_hold(found: list[Record]) -> None:
    with pytest.raises(InputError, match="cannot name a file"):
        make_bundle(found, {"../up": b""}, None)


@pytest.mark.parametrize("passphrase", [None, b"secret"])
def test_keys(passphrase: bytes | None, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path / "keys", passphrase)
    assert private.stat().st_mode & 0o077 == 0
    asked: list[bytes] = []

    def ask() -> bytes:
        asked.append(b"secret")
        return b"secret"

    key = load_private(private, ask)
    assert len(asked) == (passphrase is not None)
    assert key_hash(key.public_key()) == key_hash(load_public(public))
    with pytest.raises(InputError, match="holds a key already"):
        make_keys(tmp_path / "keys", None)
    for load in (lambda path: load_private(path, lambda: b"wrong"), load_public):
        wrong = tmp_path / "wrong.pem"
        wrong.write_text("no key")
        with pytest.raises(InputError, match=r"is no (private|public) key in PEM"):
            load(wrong)
        with pytest.raises(InputError, match="cannot be read"):
            load(tmp_path)
    if passphrase:
        with pytest.raises(InputError, match="passphrase is another"):
            load_private(private, lambda: b"wrong")


def test_keys_of_another_kind_are_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    path = tmp_path / "key.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with pytest.raises(InputError, match="no Ed25519 key"):
        load_private(path, bytes)
    path.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(InputError, match="no Ed25519 key"):
        load_public(path)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_makes_keys_and_verifies_signatures(found: list[Record], tmp_path: Path) -> None:
    def openssl(*arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr

    openssl("genpkey", "-algorithm", "ed25519", "-out", "private.pem")
    openssl("pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
    data = make_bundle(found, {}, load_private(tmp_path / "private.pem", bytes))
    for name, content in open_bundle(data, load_public(tmp_path / "public.pem")).files.items():
        (tmp_path / name).write_bytes(content)
    check = ("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", MANIFEST, "-sigfile", SIGNATURE)
    assert "Verified Successfully" in openssl(*check)
