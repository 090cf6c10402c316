"""What a model is: the hash of its weight files and configuration, whatever its name or folder."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from probe.errors import UnsafeWeights

_CHUNK = 1 << 22


def weight_files(folder: Path) -> list[Path]:
    """Returns the safetensors files of a model folder. Raises UnsafeWeights where there are only pickled ones."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        what = f"only pickled weights ({', '.join(pickled)})" if pickled else "no weights"
        raise UnsafeWeights(
            f"{folder.name} holds {what}; memprobe loads safetensors only, because unpickling runs code. "
            "Convert them where you trust them: model.save_pretrained(FOLDER, safe_serialization=True)."
        )
    return files


def content_hash(folder: Path) -> str:
    """Returns sha256:... over the configuration and every safetensors file, in name order."""
    files = [folder / "config.json", *weight_files(folder)]
    stamp = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return _hash(stamp)


@lru_cache(maxsize=64)
def _hash(stamp: tuple[tuple[str, int, int], ...]) -> str:
    digest = sha256()
    for name, size, _ in stamp:
        digest.update(f"{Path(name).name} {size}\n".encode())
        with Path(name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return "sha256:" + digest.hexdigest()
