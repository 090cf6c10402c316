"""A real HTTP server that generates with the embedded target, or says what it is told to, and can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI, HTTPException

from tests.tiny import ASSETS

Reply = Callable[[str], str | None]
_LOCK = threading.Lock()


@cache
def model() -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(ASSETS / "target"), AutoTokenizer.from_pretrained(ASSETS / "target")


def generate(prompt: str, size: int, temperature: float, seed: int) -> str:
    """Returns what the embedded target goes on with."""
    import torch

    target, tokenizer = model()
    with _LOCK:
        torch.manual_seed(seed)
        ids = tokenizer(prompt, return_tensors="pt", truncation=True, max_length=200)
        options: dict[str, Any] = {"do_sample": True, "temperature": temperature} if temperature else {}
        found = target.generate(
            ids["input_ids"], attention_mask=ids["attention_mask"], max_new_tokens=min(size, 10), **options
        )
    return str(tokenizer.decode(found[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


class Server:
    """`takes` says which bodies are accepted, by path; `fails` answers that many requests with 503."""

    def __init__(self, *paths: str, reply: Reply | None = None, refuses: tuple[str, ...] = ()) -> None:
        self.reply, self.refuses = reply, refuses
        self.fails, self.inflation, self.lock = 0, 1, threading.Lock()
        self.bodies: list[dict[str, Any]] = []
        self.app = FastAPI()
        self.app.get("/v1/models")(lambda: {"data": [{"id": "first"}, {"id": "second"}]})
        for path in paths:
            self.app.post(f"/v1/{path}")(self.chat if path.startswith("chat") else self.complete)

    @property
    def asked(self) -> int:
        return len(self.bodies)

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        text, usage = self._answer(body, body["prompt"])
        return {"choices": [{"text": text, "finish_reason": "stop"}], "usage": usage}

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        text, usage = self._answer(body, body["messages"][0]["content"])
        return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage}

    def _answer(self, body: dict[str, Any], prompt: str) -> tuple[str | None, dict[str, int]]:
        with self.lock:
            self.bodies.append(body)
            if self.fails:
                self.fails -= 1
                raise HTTPException(503, headers={"retry-after": "3600"})
        if any(name in body for name in self.refuses):
            raise HTTPException(400)
        size = body.get("max_tokens") or body["max_completion_tokens"]
        made = self.reply or (lambda text: generate(text, size, body["temperature"], body.get("seed", 0)))
        return made(prompt), {"prompt_tokens": 10 * self.inflation, "completion_tokens": min(size, 5) * self.inflation}
