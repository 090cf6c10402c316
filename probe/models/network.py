"""A loaded model: what its passes may do, found out once, and a pass.

Texts are packed without padding where the model allows it (packable.py), else padded on the right without an attention
mask, because causal attention never looks there; where a model is found to, texts go one by one. Full-vocabulary
statistics are taken in chunks (statistics.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probe.data.windows import Window
from probe.models.activation import fuse
from probe.models.attending import attends
from probe.models.base import Extras
from probe.models.body import fuse_body
from probe.models.checks import may_pad, plain_head
from probe.models.gradient import gradient
from probe.models.lanes import Lanes, lanes
from probe.models.layers import fuse_layers
from probe.models.onednn import rounded
from probe.models.packable import batch_decides, keep, may_pack, run, shares
from probe.models.passes import spared
from probe.models.prefix import Prefix
from probe.models.scoring import scoring
from probe.models.statistics import Columns, reduce
from probe.models.streaming import linear
from probe.types import Unscored

CPU_TOKENS, CUDA_TOKENS = 2048, 16384  # padded tokens per batch
Arrays = dict[str, Any]


class Network:
    """A causal language model of transformers."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @cached_property
    def device(self) -> torch.device:
        return torch.device(self.model.get_input_embeddings().weight.device)

    @cached_property
    def head(self) -> Any:
        """The output head, None where it cannot stand alone. Once it is known, other parts become faster ones."""
        head = plain_head(self.model)
        fuse(self.model)
        fuse_body(self.model)
        fuse_layers(self.model, head)
        return head

    @property
    def packs(self) -> bool:
        """Whether texts share a row without padding; its owner may have given the model another attention since."""
        return self.head is not None and attends(self.model.config.get_text_config()) and self._packs

    @cached_property
    def _packs(self) -> bool:
        return may_pack(self.model)

    @property
    def shares(self) -> bool:
        """Whether a prefix before every text runs once."""
        return self.packs and self._shares

    @cached_property
    def _shares(self) -> bool:
        return shares(self.model)

    @property
    def lanes(self) -> Lanes:
        """Models that do not pack may keep something of a pass in themselves, and to those that accelerate keeps in
        part elsewhere each pass brings weights and takes them away: theirs go one by one.
        """
        beside = self.packs and self._whole and self.device.type == "cpu"
        return lanes(torch.get_num_threads() if beside else 1)

    @cached_property
    def _whole(self) -> bool:
        return not any(hasattr(part, "_hf_hook") for part in self.model.modules())

    @cached_property
    def _pads(self) -> bool:
        with scoring():
            return may_pad(self.model)

    def budget(self, wanted: int | None) -> int:
        """Returns how many tokens a batch has, padding counted: those that are wanted, or 0 for each text alone."""
        if batch_decides(self.model.config.get_text_config()) or not (self.packs or self._pads):
            return 0
        return wanted or (CPU_TOKENS if self.device.type == "cpu" else CUDA_TOKENS)

    @torch.inference_mode()
    def keep(self, ids: Sequence[int]) -> Prefix | None:
        """Runs a prefix, None where there is none, or where it must be repeated before every text."""
        return keep(self.model, torch.tensor([ids], device=self.device)) if ids and self.shares else None

    def columns(self, windows: Sequence[Window], extras: Extras, prefix: Prefix | None) -> list[Arrays | Unscored]:
        """Returns the columns of TokenStats for each window, [scored] each; no window costs another its own."""
        return spared(windows, lambda some: self._forward(some, extras, prefix), lambda window: len(window.ids))

    @torch.inference_mode()
    def _forward(self, windows: Sequence[Window], extras: Extras, prefix: Prefix | None) -> Iterator[Arrays]:
        predicts = [np.arange(len(ids) - scored - 1, len(ids) - 1) for ids, scored in windows]  # rows with a next token
        targets = torch.from_numpy(np.concatenate([ids[-scored:] for ids, scored in windows]))
        hidden, begins = self._packed(windows, prefix) if self.packs else self._padded(windows)
        places = np.concatenate([begin + rows for begin, rows in zip(begins, predicts, strict=True)])
        chosen = hidden[torch.from_numpy(places).to(hidden.device)]
        targets, scored = targets.to(hidden.device), [window.scored for window in windows]
        columns = reduce(self.head or _as_it_is, chosen, targets, extras)
        arrays = {name: column.cpu().numpy() for name, column in _present(columns)}
        if extras.gradient and linear(self.head):
            arrays["gradient"] = gradient(self.head, chosen, targets, scored).cpu().numpy()
        bounds = np.cumsum(scored)[:-1]
        split = {name: np.split(column, bounds) for name, column in arrays.items()}
        for row in range(len(windows)):
            yield {name: parts[row] for name, parts in split.items()}

    def _packed(self, windows: Sequence[Window], prefix: Prefix | None) -> tuple[Tensor, Sequence[int]]:
        """Returns hidden states [tokens, width] and where each begins; texts of one token fill up (onednn.py)."""
        lengths = [len(window.ids) for window in windows]
        tokens = sum(lengths)
        spare = rounded(tokens, self.model.dtype) - tokens if self.device.type == "cpu" else 0
        ids = torch.from_numpy(np.concatenate([*(window.ids for window in windows), windows[0].ids[:1].repeat(spare)]))
        hidden = run(self.model, ids.long()[None].to(self.device), [*lengths, *[1] * spare], prefix)
        return hidden, np.cumsum([0, *lengths[:-1]]).tolist()

    def _padded(self, windows: Sequence[Window]) -> tuple[Tensor, Sequence[int]]:
        """The same with padding between the windows; logits [tokens, vocabulary] where the head cannot stand alone."""
        width = max(len(window.ids) for window in windows)
        rows = np.stack([np.pad(window.ids, (0, width - len(window.ids))) for window in windows])
        ids = torch.from_numpy(rows).long().to(self.device)
        with scoring():
            if self.head is None:
                found = self.model(input_ids=ids, use_cache=False).logits
            else:
                found = self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return found.flatten(0, 1), range(0, ids.numel(), width)


def _as_it_is(logits: Tensor) -> Tensor:
    """The head of models that scale or cap their logits after it: they make them themselves."""
    return logits


def _present(columns: Columns) -> Iterator[tuple[str, Tensor]]:
    for name in ("logprob", "mu", "sigma", "rank", "top", "sampled"):
        column = getattr(columns, name)
        if column is not None:
            yield name, column
