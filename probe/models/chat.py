"""How text is asked for, and found in the answer: the dialects of OpenAI-compatible servers.

`/completions` goes on with a text; `/chat/completions` answers it, and has two names for the limit of its output. Some
servers refuse a seed, so each comes with and without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from probe.models.wire import Refused

Kind = Literal["completions", "chat"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """`limit` is the field that bounds the output, in tokens."""

    kind: Kind
    limit: str
    seeded: bool

    @property
    def path(self) -> str:
        return "completions" if self.kind == "completions" else "chat/completions"

    def body(self, prompt: str, instruction: str, size: int, temperature: float, seed: int) -> dict[str, Any]:
        """Returns the request without its model. The instruction is for chat only: a completion goes on by itself."""
        told = f"{instruction}\n\n{prompt}" if instruction else prompt
        asked = {"prompt": prompt} if self.kind == "completions" else {"messages": [{"role": "user", "content": told}]}
        return {**asked, self.limit: size, "temperature": temperature, **({"seed": seed} if self.seeded else {})}

    def find(self, answer: Any) -> tuple[str | None, str | None]:
        """Returns the text, if there is one, and why it ended. Raises Refused for another kind of answer."""
        try:
            choice = answer["choices"][0]
            text = choice["text"] if self.kind == "completions" else choice["message"].get("content")
            ending = choice.get("finish_reason")
            return (text if isinstance(text, str) else None), (ending[:40] if isinstance(ending, str) else None)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise Refused(f"the server's answer is none to {self.path}") from error

    def text(self, answer: Any) -> str:
        """Returns what was generated. Raises Refused where that is nothing, or was withheld."""
        text, ending = self.find(answer)
        if ending == "content_filter":
            raise Refused("the server withheld its answer (content_filter)")
        if text is None:
            raise Refused(f"the server answered without text (finish_reason {ending})")
        return text


_LIMITS: tuple[tuple[Kind, str], ...] = (
    ("completions", "max_tokens"), ("chat", "max_tokens"), ("chat", "max_completion_tokens"),
)  # fmt: skip
DIALECTS = tuple(Dialect(kind, limit, seeded) for seeded in (True, False) for kind, limit in _LIMITS)
