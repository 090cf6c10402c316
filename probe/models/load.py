"""From a hub id or a folder to a loaded causal language model: safetensors only, no remote code.

A folder may hold an adapter (adapters.py): it is merged into its base (merging.py). Quantised weights load where
transformers, and the library that wrote them, can read them here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from probe.errors import ModelError
from probe.models.adapters import Adapter, adapter_of
from probe.models.checks import sample
from probe.models.code import check_code
from probe.models.content import check_unchanged, content_hash, weight_files
from probe.models.hub import commit_of, explained, folder_of
from probe.models.merging import merge
from probe.models.tokens import Tokenizer, open_tokenizer
from probe.types import Ints, Unscored

DTYPES = ("float32", "bfloat16", "float16", "auto")
ALIEN = Unscored("the tokenizer gives ids that the model does not have; is this its own tokenizer?")
_QUICK = 1 << 30  # bytes of weights that load before a progress bar could be read
BETWEEN = ","  # devices of a device_map
_CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")  # as configurations call it
_UNBOUNDED = 2048  # context used for models that state none
_READERS = {  # by quant_method, where transformers names none, or not all
    "awq": "gptqmodel", "bitsandbytes": "bitsandbytes", "compressed-tensors": "compressed-tensors",
    "gptq": "gptqmodel optimum", "hqq": "hqq", "quanto": "optimum-quanto", "torchao": "torchao",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a model before its weights are read: enough to look its statistics up in a cache.

    folder holds configuration and weights. Where adapter is not None they are the base's only: whoever reads them other
    than by load() must merge the adapter, or refuse. revision: the commit on the hub, whatever branch was named.
    """

    folder: Path
    name: str
    tokenizer: Tokenizer
    context: int
    vocabulary: int
    hash: str
    dtype: str
    device_map: str | None = None
    revision: str | None = None
    adapter: Adapter | None = None
    warnings: tuple[str, ...] = ()


def alien(ids: Ints, vocabulary: int) -> bool:
    """True where some id lies beyond a model's vocabulary."""
    return int(ids.max()) >= vocabulary


def find(
    source: str, *, dtype: str | None = None, device_map: str | None = None, revision: str | None = None
) -> Source:
    """Finds a hub id or folder. Of several devices the first is taken. Raises ModelError, or UnsafeWeights for pickled
    weights.
    """
    from transformers import AutoConfig

    if dtype is not None and dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    named = folder_of(source, revision)
    name = named.name if Path(source).is_dir() else source
    adapter = adapter_of(named, name)
    folder = adapter.base if adapter else named
    digest = content_hash(folder, named if adapter else None)
    warnings = check_code(folder, name)
    with explained(source):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
    cuda = torch.cuda.is_available()
    chosen = dtype or ("auto" if cuda else "float32")
    return Source(
        folder=folder, name=name,
        tokenizer=open_tokenizer(str(named if not adapter or adapter.own_tokenizer else folder)),
        context=next((int(size) for name in _CONTEXTS if (size := getattr(config, name, None))), _UNBOUNDED),
        vocabulary=adapter.vocabulary if adapter and adapter.vocabulary else int(config.vocab_size),
        hash=digest, dtype=_stored(config) if chosen == "auto" else chosen,
        device_map=device_map.split(BETWEEN)[0] if device_map else "auto" if cuda else None,
        revision=_commits(named, folder), adapter=adapter, warnings=warnings,
    )  # fmt: skip


def _commits(named: Path, folder: Path) -> str | None:
    """Returns the commit of a model, or those of an adapter and its base."""
    found = [commit for one in dict.fromkeys((named, folder)) if (commit := commit_of(one))]
    return " on ".join(found) or None


def load(source: Source, *, masked: bool = False) -> Any:
    """Reads the weights; returns the transformers model in evaluation mode. Raises ModelError.

    masked: as a model that fills masks, not as a causal one.
    """
    model = _load(source, masked)
    check_unchanged(source.folder, source.adapter.folder if source.adapter else None, source.hash, source.name)
    return model


def _load(source: Source, masked: bool) -> Any:
    from transformers import AutoConfig
    from transformers.utils.logging import disable_progress_bar

    if sum(path.stat().st_size for path in weight_files(source.folder)) < _QUICK:
        disable_progress_bar()
    with explained(source.name):
        config = AutoConfig.from_pretrained(source.folder, trust_remote_code=False)
    if (quantisation := getattr(config, "quantization_config", None)) is not None:
        return _quantised(source, str(dict(quantisation).get("quant_method", "an unstated method")))
    if source.adapter is None:
        return _read(source, source.dtype, masked)
    # Base plus adapter is rounded once, to the chosen dtype: each alone would lose small changes. A base stored in that
    # dtype needs no wider one meanwhile, because peft adds float32 changes and the sum alone is rounded.
    wide = torch.promote_types(getattr(torch, source.dtype), getattr(torch, _stored(config.get_text_config())))
    model = merge(_read(source, wide), source.adapter, source.name)
    for parameter in model.parameters():  # not model.to(): it would round the rotary frequencies too
        if parameter.dtype is wide:
            parameter.data = parameter.data.to(getattr(torch, source.dtype))
    return model


def _read(source: Source, dtype: Any, masked: bool = False) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    with explained(source.name):
        # Any: their annotations know no loading report
        loader: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        try:
            model, report = loader.from_pretrained(
                source.folder, dtype=dtype, device_map=source.device_map, use_safetensors=True,
                trust_remote_code=False, output_loading_info=True,
            )  # fmt: skip
        except SafetensorError as error:
            raise ModelError(f"{source.name} has damaged weights ({error}): download or save them again.") from error
    if missing := sorted(report["missing_keys"]):  # transformers fills them with random numbers
        raise ModelError(
            f"{source.name} is incomplete: its files lack {len(missing)} of the model's tensors, {missing[0]} first. "
            "Download or save it again."
        )
    return model.eval()


def _quantised(source: Source, method: str) -> Any:
    """Reads quantised weights and runs them once, because some kernels are looked for only then."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    known = {name.removesuffix("_4bit").removesuffix("_8bit") for name in AUTO_QUANTIZER_MAPPING}
    if method not in known:  # transformers would warn, and take the quantised numbers for weights
        raise ModelError(
            f"{source.name} is quantised by {method}, which transformers does not read. Name the unquantised model, or "
            f"one quantised by {', '.join(sorted(known))}."
        )
    try:
        model = _read(source, source.dtype)
        with torch.inference_mode(), explained(source.name):
            model(input_ids=sample(model), use_cache=False)
    except ModelError as error:
        reason = str(error.__cause__ or error).rstrip(".")
        remedy = (
            f"If not done yet: pip install {_READERS[method]}. Or name" if method in _READERS else "Mend that, or name"
        )
        raise ModelError(
            f"{source.name} is quantised ({method}) and cannot be read here: {reason}. {remedy} the unquantised model."
        ) from error
    return model


def _stored(config: Any) -> str:
    """Returns the dtype that the weights are stored in, as the configuration states it."""
    return str(config.dtype or "float32").removeprefix("torch.")
