"""What schemathesis cannot make up: files that can be read, or nearly, and groups of texts that are large enough. It
loads this by name (schemathesis.toml).
"""

from __future__ import annotations

import os
import random
from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.generation import GenerationMode

from tests.documents.made import paragraphs
from tests.hostile.seeds import DOCUMENTS, TABLES

_dice = random.Random(int(os.environ.get("HOSTILE_SEED", "0")))
_SHARE = 0.6  # of the requests that are valid by their schema
_TEXTS = paragraphs(300, seed=3)


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Sends a body of ours in the place of a random one."""
    valid = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if valid and _dice.random() < _SHARE:
        kwargs |= _body(case.operation.label)


def _body(operation: str) -> dict[str, Any]:
    if operation == "POST /v1/aggregates":
        return {"json": {"model": "demo", "input": _dice.sample(_TEXTS, _dice.choice((49, 50, 60)))}}
    if operation in ("POST /v1/files", "POST /v1/documents"):
        uploads = operation == "POST /v1/files"
        name, content = _dice.choice(list((TABLES if uploads else DOCUMENTS).items()))
        fields = {"purpose": "batch"} if uploads else {"model": "demo"}
        return {"files": [("file", (name, content)), *((key, (None, value)) for key, value in fields.items())]}
    return {}
