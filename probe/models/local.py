"""The local engine: transformers models on this machine's CPU or CUDA devices.

pre: windows of all texts, sorted by length, into batches under a token budget.
forward: the body once per batch, and the statistics of its tokens (network.py).
post: windows joined, in the order of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np

from probe.data.windows import POLICY, Window, cut
from probe.errors import ModelError
from probe.models.base import NO_EXTRAS, OWN, Extras, Identity, Sampler, Tokenizing, stats_of
from probe.models.checks import check_causal
from probe.models.hub import explained
from probe.models.kernel import keep_memory
from probe.models.lanes import lanes
from probe.models.load import ALIEN, Source, alien, find, load
from probe.models.network import Arrays, Network
from probe.models.passes import planned
from probe.models.prefix import Prefix
from probe.models.sampling import go_on
from probe.models.writing import Prompt
from probe.types import Tokens, TokenStats, Unscored
from probe.wanted import still_wanted


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

    @property
    def network(self) -> Network:
        """The model. Raises ModelError, also where it is in training."""
        if self._network.model.training:
            raise ModelError(
                f"{self._source.name} is in training mode, where dropout changes every figure: call eval() on it first."
            )
        return self._network

    @cached_property
    def _network(self) -> Network:
        keep_memory()
        if self._model is not None:
            return Network(self._model)
        model = load(self._source)
        with explained(self._source.name):
            check_causal(model, self._source.name)
        return Network(model)

    def load(self) -> None:
        """Reads the weights now. Raises ModelError."""
        _ = self.network

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        known = self._source.vocabulary
        windows = [[] if alien(tokens.ids, known) else cut(tokens, self.context, extras.prefix) for tokens in texts]
        prefix = self.network.keep(extras.prefix[:-1]) if any(windows) else None
        if prefix:  # its last token stays with the texts, to predict their first
            windows = [[Window(ids[prefix.tokens :], scored) for ids, scored in group] for group in windows]
        columns = iter(self._columns(list(chain(*windows)), extras, prefix))
        return [_join(tokens, list(islice(columns, len(group)))) for tokens, group in zip(texts, windows, strict=True)]

    def write(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[list[str] | Unscored]:
        return go_on(self.network.model, self._source, prompts, samples, sampler) if prompts else []

    def _columns(self, windows: Sequence[Window], extras: Extras, prefix: Prefix | None) -> list[Arrays | Unscored]:
        """Returns the columns of each window, in their order."""
        if not windows:
            return []
        network, found = self.network, dict[int, Arrays | Unscored]()
        order = sorted(range(len(windows)), key=lambda place: len(windows[place].ids))
        lengths = [len(windows[place].ids) for place in order]

        def run(batch: range) -> list[Arrays | Unscored]:
            still_wanted()
            return network.columns([windows[order[place]] for place in batch], extras, prefix)

        side = network.lanes if lengths[-1] * network.lanes.many <= 2 * sum(lengths) else lanes(1)  # one text is most
        plan = planned(lengths, network.budget(self._batch_tokens), side.many, network.packs)
        plan.reverse()  # the largest first: what the allocator got for it serves all that follow
        for batch, columns in zip(plan, side.map(run, plan), strict=True):
            found.update(zip((order[place] for place in batch), columns, strict=True))
        return [found[place] for place in range(len(windows))]


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
