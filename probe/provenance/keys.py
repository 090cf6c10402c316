"""Ed25519 keys (RFC 8032) as PEM files, as `openssl genpkey -algorithm ed25519` makes them too."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from probe.errors import InputError

PRIVATE, PUBLIC = "private.pem", "public.pem"


def make_keys(folder: Path, passphrase: bytes | None) -> tuple[Path, Path]:
    """Writes a new pair, the private one readable by its owner only. Raises InputError where there is one already."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}.", "out") from error
    private, public = folder / PRIVATE, folder / PUBLIC
    if private.exists() or public.exists():
        raise InputError(f"{folder} holds a key already, and a key once lost is lost: name another folder.", "out")
    key = Ed25519PrivateKey.generate()
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_private_pem(key, passphrase))
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def load_private(path: Path, ask: Callable[[], bytes]) -> Ed25519PrivateKey:
    """ask: gives the passphrase, and is called where the key has one. Raises InputError."""
    data = _bytes(path)
    try:
        try:
            key = serialization.load_pem_private_key(data, None)
        except TypeError:  # it is encrypted
            key = serialization.load_pem_private_key(data, ask())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} is no private key in PEM, or its passphrase is another.", "key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is no Ed25519 key; make one: memprobe bundle-key --out DIR.", "key")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """Raises InputError."""
    try:
        key = serialization.load_pem_public_key(_bytes(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} is no public key in PEM.", "key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is no Ed25519 key; ask the signer for theirs.", "key")
    return key


def key_hash(key: Ed25519PublicKey) -> str:
    """Returns sha256:... of a key's 32 bytes, to compare by another way than the bundle's."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return "sha256:" + sha256(raw).hexdigest()


def is_signed(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    """Returns whether this key's owner signed the data."""
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _private_pem(key: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    closed: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        closed = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "key") from error
