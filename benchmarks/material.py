"""Real texts and tokenizers from the folder of test material, and models of known shapes saved with them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from benchmarks.shapes import build

DATA = Path(__file__).parents[2] / "shared" / "data"
TOKENIZERS = {"pythia-70m": "gpt-neox-20b-hf", "pythia-14m": "gpt-neox-20b-hf", "gpt2-124m": "gpt2-hf"}


def there() -> bool:
    """True where the folder is; the rows that need it say that they are left out where it is not."""
    return (DATA / "tokenizers").is_dir()


def passages(count: int, words: int = 50) -> list[str]:
    """Returns passages of this many words, one after the other from wikitext-2's test split and the novels."""
    sources = [DATA / "wikitext-2" / "test.txt", *sorted((DATA / "gutenberg").glob("*.txt"))]
    text = " ".join(path.read_text(encoding="utf-8", errors="replace") for path in sources)
    found = re.sub(r"<unk>|@-@|\s+", " ", text).split()
    if len(found) < count * words:
        raise SystemExit(f"the test material has {len(found):,} words, {count * words:,} are needed")
    return [" ".join(found[begin : begin + words]) for begin in range(0, count * words, words)]


def save(shape: str, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Writes a model of this shape with random weights and its real tokenizer."""
    disable_progress_bar()
    build(shape, dtype)[1].save_pretrained(folder)
    AutoTokenizer.from_pretrained(DATA / "tokenizers" / TOKENIZERS[shape]).save_pretrained(folder)
    return folder
