"""What a model is: the hash of its weight files and configuration, whatever its name or folder.

An adapter counts with its base: the hash of both differs from the base's own. Where the adapter's configuration says
that its base lies does not count, because the base's content does.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from probe.errors import ModelError, UnsafeWeights
from probe.models.code import settings_of

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PLACES = ("base_model_name_or_path", "revision")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_CHUNK = 1 << 22
_REMEDY = (
    ", because unpickling runs code. Convert them where you trust them: model.save_pretrained(FOLDER, "
    "safe_serialization=True)."
)


def weight_files(folder: Path) -> list[Path]:
    """Returns the safetensors files of a model folder. Raises UnsafeWeights where there are only pickled ones."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
        what = f"only pickled weights ({', '.join(pickled)})" if pickled else "no weights"
        raise UnsafeWeights(f"{folder.name} holds {what}; memprobe loads safetensors only{_REMEDY}")
    _check_named(folder, {path.name for path in files})
    return files


def _check_named(folder: Path, there: set[str]) -> None:
    """Raises UnsafeWeights where others than these files would be loaded: pickled ones, or some that lie elsewhere."""
    named = set[str]()
    for index in folder.glob("*.safetensors.index.json"):
        shards = settings_of(index).get("weight_map")
        if not isinstance(shards, dict):
            raise ModelError(f"{folder.name} has a damaged {index.name}: download or save it again.")
        named |= set(map(str, shards.values()))
    if explicit := settings_of(folder / "config.json").get("transformers_weights"):
        named.add(str(explicit))
    if strange := sorted(named - there - {path.name for path in folder.glob("*.safetensors.index.json")}):
        raise UnsafeWeights(
            f"{folder.name} names weights that are no safetensors file beside its config.json ({strange[0][:80]}), and "
            f"others are not loaded{_REMEDY}"
        )


def content_hash(folder: Path, adapter: Path | None = None) -> str:
    """Returns sha256:... over the configuration and every safetensors file, in name order, the index that says which
    tensor stands in which of them, and those of an adapter.

    Raises ModelError, or UnsafeWeights for pickled weights.
    """
    files = weight_files(folder)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder.name} holds weights and no config.json: name the folder that save_pretrained wrote.")
    base = _hash(_stamp([folder / "config.json", *sorted(folder.glob("*.safetensors.index.json")), *files]))
    if adapter is None:
        return base
    settings = json.loads((adapter / ADAPTER_CONFIG).read_text())
    kept = json.dumps({name: value for name, value in settings.items() if name not in _PLACES}, sort_keys=True)
    parts = (base, _hash(_stamp([adapter / ADAPTER_WEIGHTS])), kept)
    return "sha256:" + sha256("\n".join(parts).encode()).hexdigest()


def check_unchanged(folder: Path, adapter: Path | None, digest: str, name: str) -> None:
    """Raises ModelError where the files are no longer those that were hashed; untouched ones are not read again."""
    if content_hash(folder, adapter) != digest:
        raise ModelError(f"{name} was written to since it was opened, and is another model now: open it again.")


def _stamp(files: list[Path]) -> tuple[tuple[str, int, int], ...]:
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


@lru_cache(maxsize=64)
def _hash(stamp: tuple[tuple[str, int, int], ...]) -> str:
    digest = sha256()
    for name, size, _ in stamp:
        digest.update(f"{Path(name).name} {size}\n".encode())
        with Path(name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return "sha256:" + digest.hexdigest()
