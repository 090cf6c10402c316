"""The local engine: transformers models on this machine's CPU or CUDA devices.

pre: windows of all texts, sorted by length, into batches under a token budget.
forward: the body once per batch: texts packed without padding where the model allows it (packed.py), else padded on the
right without an attention mask, because causal attention never looks there.
post: full-vocabulary statistics in chunks (statistics.py), put back in the order of the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from probe.data.windows import POLICY, Window, cut
from probe.models.activation import fuse
from probe.models.base import NO_EXTRAS, OWN, Extras, Identity, Sampler, Tokenizing, stats_of
from probe.models.checks import check_causal, plain_head
from probe.models.gradient import gradient
from probe.models.hub import explained
from probe.models.kernel import keep_memory
from probe.models.lanes import Lanes, lanes
from probe.models.layers import fuse_layers
from probe.models.load import ALIEN, Source, alien, find, load
from probe.models.packed import batch_decides, enable, keep, run, shares
from probe.models.passes import planned, spared
from probe.models.prefix import Prefix
from probe.models.rotary import fuse_rotary
from probe.models.sampling import go_on
from probe.models.statistics import Columns, reduce
from probe.models.streaming import linear
from probe.models.writing import Prompt
from probe.types import Tokens, TokenStats, Unscored
from probe.wanted import still_wanted

CPU_TOKENS, CUDA_TOKENS = 2048, 16384  # padded tokens per batch
Arrays = dict[str, Any]


class Piece(NamedTuple):
    """One window of one text."""

    text: int
    window: Window


class LocalEngine(Tokenizing):
    """Scores tokens with a transformers causal language model. Not safe for several threads at a time."""

    def __init__(self, source: Source, batch_tokens: int | None = None, model: Any = None) -> None:
        """The weights are read when the first text needs them, unless a `model` is given."""
        self._source, self._tokenizer, self._batch_tokens = source, source.tokenizer, batch_tokens
        self._model = model
        self.context, self.warnings = source.context, source.warnings + source.tokenizer.warnings
        self.identity = Identity(
            name=source.name, model=source.hash, tokenizer=source.tokenizer.hash, dtype=source.dtype,
            windows=f"{POLICY}/{source.context}", engine="local", device=source.device_map or "cpu",
            revision=source.revision,
        )  # fmt: skip

    @classmethod
    def open(
        cls, source: str, *, dtype: str | None = None, device_map: str | None = None, revision: str | None = None,
        batch_tokens: int | None = None,
    ) -> LocalEngine:  # fmt: skip
        """Finds a hub id or folder. Raises ModelError."""
        return cls(find(source, dtype=dtype, device_map=device_map, revision=revision), batch_tokens)

    def load(self) -> None:
        """Reads the weights now. Raises ModelError."""
        if self._model is None:
            model = load(self._source)
            with explained(self._source.name):
                check_causal(model, self._source.name)
            self._model = model
        keep_memory()

    @cached_property
    def _device(self) -> torch.device:
        return torch.device(self._model.get_input_embeddings().weight.device)

    @cached_property
    def _head(self) -> Any:
        return plain_head(self._model)

    @cached_property
    def _packs(self) -> bool:
        fuse(self._model)
        fuse_rotary(self._model)
        fuse_layers(self._model)
        return self._head is not None and enable(self._model)

    @cached_property
    def _shares(self) -> bool:
        return self._packs and shares(self._model)

    @property
    def _lanes(self) -> Lanes:
        """Models that do not pack may keep something of a pass in themselves, and to those that accelerate keeps in
        part elsewhere each pass brings weights and takes them away: theirs go one by one.
        """
        beside = self._packs and self._whole and self._device.type == "cpu"
        return lanes(torch.get_num_threads() if beside else 1)

    @cached_property
    def _whole(self) -> bool:
        return not any(hasattr(part, "_hf_hook") for part in self._model.modules())

    @property
    def _budget(self) -> int:
        if batch_decides(self._model.config.get_text_config()):
            return 0  # each text alone
        return self._batch_tokens or (CPU_TOKENS if self._device.type == "cpu" else CUDA_TOKENS)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        if texts:
            self.load()
        known = self._source.vocabulary
        windows = [[] if alien(tokens.ids, known) else cut(tokens, self.context, extras.prefix) for tokens in texts]
        prefix = self._keep(extras.prefix) if any(windows) else None
        if prefix:
            windows = [[Window(ids[prefix.tokens :], scored) for ids, scored in group] for group in windows]
        pieces = [Piece(index, window) for index, group in enumerate(windows) for window in group]
        found: dict[int, list[tuple[int, Arrays | Unscored]]] = {index: [] for index in range(len(texts))}
        order = sorted(range(len(pieces)), key=lambda number: len(pieces[number].window.ids))
        lengths = [len(pieces[number].window.ids) for number in order]

        def pass_of(batch: range) -> list[Arrays | Unscored]:
            still_wanted()
            return self._run([pieces[order[place]].window for place in batch], extras, prefix)

        if pieces:
            side = self._lanes if lengths[-1] * self._lanes.many <= 2 * sum(lengths) else lanes(1)  # one text is most
            plan = planned(lengths, self._budget, side.many, self._packs)
            plan.reverse()  # the largest first: what the allocator got for it serves all that follow
            for batch, columns in zip(plan, side.map(pass_of, plan), strict=True):
                for place, column in zip(batch, columns, strict=True):
                    found[pieces[order[place]].text].append((order[place], column))
        return [
            _join(tokens, [columns for _, columns in sorted(found[index], key=lambda item: item[0])])
            for index, tokens in enumerate(texts)
        ]

    def write(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[list[str] | Unscored]:
        if prompts:
            self.load()
        return go_on(self._model, self._source, prompts, samples, sampler)

    @torch.inference_mode()
    def _keep(self, ids: Sequence[int]) -> Prefix | None:
        """Runs a prefix but for its last token, which stays with the texts to predict their first."""
        if len(ids) < 2 or not self._shares:
            return None
        return keep(self._model, torch.tensor([ids[:-1]], device=self._device))

    def _run(self, windows: Sequence[Window], extras: Extras, prefix: Prefix | None) -> list[Arrays | Unscored]:
        return spared(windows, lambda some: self._forward(some, extras, prefix), lambda window: len(window.ids))

    @torch.inference_mode()
    def _forward(self, windows: Sequence[Window], extras: Extras, prefix: Prefix | None) -> Iterator[Arrays]:
        predicts = [np.arange(len(ids) - scored - 1, len(ids) - 1) for ids, scored in windows]  # rows with a next token
        targets = torch.from_numpy(np.concatenate([ids[-scored:] for ids, scored in windows]))
        hidden, begins = self._packed(windows, prefix) if self._packs else self._padded(windows)
        places = np.concatenate([begin + rows for begin, rows in zip(begins, predicts, strict=True)])
        chosen = hidden[torch.from_numpy(places).to(hidden.device)]
        targets, scored = targets.to(hidden.device), [window.scored for window in windows]
        columns = reduce(self._head or _as_it_is, chosen, targets, extras)
        arrays = {name: column.cpu().numpy() for name, column in _present(columns)}
        if extras.gradient and linear(self._head):
            arrays["gradient"] = gradient(self._head, chosen, targets, scored).cpu().numpy()
        bounds = np.cumsum(scored)[:-1]
        split = {name: np.split(column, bounds) for name, column in arrays.items()}
        for row in range(len(windows)):
            yield {name: parts[row] for name, parts in split.items()}

    def _packed(self, windows: Sequence[Window], prefix: Prefix | None) -> tuple[Tensor, Sequence[int]]:
        """Returns hidden states [tokens, width] and where each window begins in them."""
        lengths = [len(window.ids) for window in windows]
        ids = torch.from_numpy(np.concatenate([window.ids for window in windows])).long()
        return run(self._model, ids[None].to(self._device), lengths, prefix), np.cumsum([0, *lengths[:-1]]).tolist()

    def _padded(self, windows: Sequence[Window]) -> tuple[Tensor, Sequence[int]]:
        """The same with padding between the windows; logits [tokens, vocabulary] where the head cannot stand alone."""
        width = max(len(window.ids) for window in windows)
        rows = np.stack([np.pad(window.ids, (0, width - len(window.ids))) for window in windows])
        ids = torch.from_numpy(rows).long().to(self._device)
        if self._head is None:
            found = self._model(input_ids=ids, use_cache=False).logits
        else:
            found = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return found.flatten(0, 1), range(0, ids.numel(), width)


def _as_it_is(logits: Tensor) -> Tensor:
    """The head of models that scale or cap their logits after it: they make them themselves."""
    return logits


def _join(tokens: Tokens, windows: Sequence[Arrays | Unscored]) -> TokenStats | Unscored:
    if not windows:
        return ALIEN
    good: list[Arrays] = []
    for window in windows:
        if isinstance(window, Unscored):
            return window
        good.append(window)
    joined = {name: np.concatenate([window[name] for window in good]) for name in good[0]}
    return stats_of(tokens, joined, len(windows))


def _present(columns: Columns) -> Iterator[tuple[str, Tensor]]:
    for name in ("logprob", "mu", "sigma", "rank", "top", "sampled"):
        column = getattr(columns, name)
        if column is not None:
            yield name, column
