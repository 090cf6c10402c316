"""What the embedded models are made of: a byte-level BPE tokenizer and small Llama-shape causal language models.

A training row is one text: BOS, tokens, EOS.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

BOS, EOS, PAD = "<|begin|>", "<|end|>", "<|pad|>"
CONTEXT = 256


def train_tokenizer(texts: Sequence[str], size: int) -> PreTrainedTokenizerFast:
    """Returns a BPE tokenizer of `size` entries that puts BOS before every text and loses no byte."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size, initial_alphabet=alphabet, special_tokens=[BOS, EOS, PAD], show_progress=False
        ),
    )
    bpe.post_processor = processors.TemplateProcessing(single=f"{BOS} $0", special_tokens=[(BOS, bpe.token_to_id(BOS))])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=BOS, eos_token=EOS, pad_token=PAD, model_max_length=CONTEXT
    )


def new_model(tokenizer: PreTrainedTokenizerFast, *, width: int, layers: int, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=width * 8 // 3 // 32 * 32,
        num_hidden_layers=layers,
        num_attention_heads=width // 32, num_key_value_heads=width // 32, max_position_embeddings=CONTEXT,
        tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Returns a training row per text: BOS, tokens, EOS, cut to the context."""
    rows = tokenizer(list(texts))["input_ids"]
    return [[*row[: CONTEXT - 1], tokenizer.eos_token_id] for row in rows]
