"""A memprobe command whose models fail on purpose, with messages that quote the text.

python -m tests.system.breaking COMMAND: all libraries log all that they ever log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import probe.opening
from probe.cli import main
from probe.models.base import NO_EXTRAS, Extras
from probe.models.local import LocalEngine
from probe.types import Tokens, TokenStats, Unscored

RAISED = {kind.__name__.lower(): kind for kind in (OverflowError, RuntimeError, MemoryError, KeyError, AssertionError)}


class Breaking(LocalEngine):
    """Fails at texts that name an error, by that error."""

    def tokenize(self, texts: Sequence[str]) -> list[Tokens | Unscored]:
        for text in texts:
            if "untokenizable" in text:
                raise ValueError(f"no tokens of {text}") from LookupError(text)
        return super().tokenize(texts)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        for text in self._tokenizer.decode([tokens.ids.tolist() for tokens in texts]):
            for word, kind in RAISED.items():
                if word in text:
                    raise kind(f"cannot score {text}")
        return super().score(texts, extras)


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    probe.opening.LocalEngine = Breaking  # type: ignore[misc]
    sys.argv[0] = "memprobe"
    main()
