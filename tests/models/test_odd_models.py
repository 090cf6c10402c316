"""Models whose attention or positions are their own: right, alone and in company, past their context too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probe.data.windows import Window, cut
from probe.errors import ModelError
from probe.models.base import Extras
from probe.models.local import LocalEngine
from probe.types import TokenStats
from tests.contract import plain, tokens_of
from tests.tiny import ASSETS

CONTEXT = 96
SMALL: dict[str, Any] = {
    "vocab_size": 4096,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "max_position_embeddings": CONTEXT,
}
LOCAL = {"attention_types": [[["global", "local"], 1]], "window_size": 8}
ROPE = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 8, "long_factor": [8.0] * 8}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "its own attention, one layer local": ("gpt_neo", SMALL | LOCAL | {"num_layers": 2, "num_heads": 2}),
    "positions scaled by the longest text": (
        "phi3", SMALL | {
            "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2, "pad_token_id": 0,
            "original_max_position_embeddings": 24, "rope_parameters": ROPE | {"original_max_position_embeddings": 24},
        }
    ),
    "keys chosen among all that stand in a row": (
        "doge", SMALL | {
            "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2, "keep_window_size": 24,
        }
    ),
    "another name for its context": (
        "mpt", {"vocab_size": 4096, "d_model": 32, "n_heads": 2, "n_layers": 2, "max_seq_len": CONTEXT}
    ),
}  # fmt: skip
TEXTS = [
    "Two words here", "Return the number of items in the queue, or none.", "x y",
    "If the file does not exist, it is made; otherwise its content is lost. " * 4,
    "The iterator yields each key once, and then it stops, as iterators do in every language. " * 2,
]  # fmt: skip


@pytest.fixture(params=list(KINDS))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> LocalEngine:
    kind, options = KINDS[request.param]
    return made(kind, options, tmp_path)


def made(kind: str, options: dict[str, Any], folder: Path) -> LocalEngine:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **options))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(ASSETS / "target").save_pretrained(folder)
    return LocalEngine.open(str(folder), dtype="float32")


@pytest.mark.parametrize("prefixed", [False, True])
def test_values_are_those_of_one_text_at_a_time(engine: LocalEngine, prefixed: bool) -> None:
    assert engine.context == CONTEXT
    texts = tokens_of(engine, TEXTS)
    prefix = tuple(range(5, 35)) if prefixed else ()
    for tokens, found in zip(texts, engine.score(texts, Extras(prefix=prefix)), strict=True):
        assert isinstance(found, TokenStats)
        wanted = [plain(engine.network.model, window)["logprob"] for window in cut(tokens, CONTEXT, prefix)]
        np.testing.assert_allclose(found.logprob, np.concatenate(wanted), atol=1e-3)


def test_a_model_that_counts_what_stands_in_a_row_has_each_text_alone(tmp_path: Path) -> None:
    heads = {f"num_{side}_attention_heads": 2 for side in ("encoder", "decoder")}
    layers = {f"num_{side}_layers": 2 for side in ("encoder", "decoder")}
    small = {"vocab_size": 4096, "hidden_size": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    engine = made("prophetnet", small | heads | layers | {"is_decoder": True, "max_position_embeddings": 256}, tmp_path)
    for tokens, found in zip(texts := tokens_of(engine, TEXTS), engine.score(texts), strict=True):
        assert isinstance(found, TokenStats)
        wanted = plain(engine.network.model, Window(tokens.ids, len(tokens.ids) - 1))["logprob"]
        np.testing.assert_allclose(found.logprob, wanted, atol=1e-4)


def test_a_model_without_room_for_padding_has_each_text_alone(tmp_path: Path) -> None:
    small = {"vocab_size": 4096, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 12}
    engine = made("openai-gpt", small, tmp_path)
    assert all(isinstance(found, TokenStats) for found in engine.score(tokens_of(engine, TEXTS)))


def test_a_model_that_looks_ahead_is_refused_though_it_takes_ids_for_padding(tmp_path: Path) -> None:
    """XLM counts what is not its padding to know how long a text is."""
    small = {"vocab_size": 4096, "emb_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": CONTEXT}
    with pytest.raises(ModelError, match="not causal"):
        made("xlm", small, tmp_path).load()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_casts_what_its_head_reads(dtype: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    MambaForCausalLM(MambaConfig(**SMALL, state_size=8)).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(ASSETS / "target").save_pretrained(tmp_path)
    engine = LocalEngine.open(str(tmp_path), dtype=dtype)
    texts = tokens_of(engine, TEXTS)
    for tokens, found in zip(texts, engine.score(texts), strict=True):
        assert isinstance(found, TokenStats)
        ids = torch.from_numpy(tokens.ids).long()[None]
        with torch.inference_mode():
            logits = engine.network.model(input_ids=ids, use_cache=False).logits[0, :-1].float()
        expected = logits.log_softmax(1).gather(1, ids[0, 1:, None])[:, 0]
        np.testing.assert_allclose(found.logprob, expected.numpy(), atol=1e-4 if dtype == "float32" else 0.1)
