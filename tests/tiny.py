"""Small randomly initialised models of real architectures, with the embedded pair's tokenizer."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

ASSETS = Path(str(files("probe.demo") / "assets"))


def save(shape: str, folder: Path, width: int = 32) -> Path:
    """Writes a model of this shape: llama, gpt2, neox, gemma2 (caps its logits), granite (scales them) or bert."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(ASSETS / "reference")
    common: dict[str, Any] = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    modern = {
        **common, "hidden_size": width, "intermediate_size": 3 * width // 2, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64,
    }  # fmt: skip
    configs: dict[str, tuple[str, dict[str, Any]]] = {
        "llama": ("llama", modern),
        "gpt2": ("gpt2", {**common, "n_embd": width, "n_layer": 2, "n_head": 2, "n_positions": 64}),
        "neox": ("gpt_neox", {k: v for k, v in modern.items() if k != "num_key_value_heads"}),
        "gemma2": ("gemma2", {**modern, "head_dim": 16, "final_logit_softcapping": 2.0, "sliding_window": 64}),
        "granite": ("granite", {**modern, "logits_scaling": 4.0}),
        "bert": ("bert", {k: v for k, v in modern.items() if k != "num_key_value_heads"}),
    }
    kind, options = configs[shape]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **options))
    for parameter in model.parameters():  # far from uniform, so that a wrong row or column is noticed
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3 * (32 / width) ** 0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_masked(folder: Path, texts: list[str]) -> Path:
    """Writes a masked model (BERT) whose WordPiece vocabulary holds the words of these texts, and parts of them."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    spelled = [word.strip(".,;").lower() for text in texts for word in text.split()]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted({letter for text in texts for letter in text.lower() if not letter.isspace()})
    pieces = specials + sorted(set(spelled)) + letters + [f"##{letter}" for letter in letters]
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)) + "\n")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True)
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64,
    ))  # fmt: skip
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
