"""A row of the input -> a request: plain {"id", "text"}, a bare string, or OpenAI's batch envelope round /v1/probe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from probe.data.read import text_of
from probe.data.rows import Raw, Unreadable, is_unicode
from probe.prepare import beyond
from probe.scans.options import ScanOptions
from probe.types import Text

ENDPOINT = "/v1/probe"
MOST_TEXTS = 256  # of one row
_CHOSEN = ("scores", "calibration", "alpha", "return_tokens")


@dataclass(frozen=True, slots=True)
class Request:
    """row counts from 1. error: why it gives no text; its neighbours stand."""

    row: int
    id: str | None
    texts: tuple[Text, ...] = ()
    error: str | None = None


def request(raw: Raw | Unreadable, options: ScanOptions, model: str) -> Request:
    """Returns what a row asks for."""
    if isinstance(raw, Unreadable):
        return Request(raw.row, None, error=raw.reason)
    value = raw.value
    if isinstance(value, dict) and "body" in value and ("custom_id" in value or "url" in value):
        return _envelope(raw.row, value, options, model)
    found = text_of(raw, options.columns)
    if isinstance(found, Unreadable):
        return Request(raw.row, _named(value, options), error=found.reason)
    if beyond(found.text.strip(), options.max_tokens):  # need not be kept to be refused
        said = f"the text is longer than {options.max_tokens:,} tokens can be; send passages of it"
        return Request(raw.row, found.id, error=said)
    return _checked(Request(raw.row, found.id, (found,)))


def _envelope(row: int, value: dict[str, Any], options: ScanOptions, model: str) -> Request:
    name, body = value.get("custom_id"), value["body"]
    if name is not None and not (isinstance(name, str) and is_unicode(name)):
        return Request(row, None, error="the custom_id is no string of valid Unicode")
    if wrong := next(_refusals(value, options, model), None):
        return Request(row, name, error=wrong)
    given = body.get("input")
    entries = given if isinstance(given, list) else [given]
    texts = tuple(_text(entry) for entry in entries)
    if not texts or None in texts:
        return Request(row, name, error='body.input must be a text, a list of texts, or a list of {"id", "text"}')
    if len(texts) > MOST_TEXTS:
        return Request(row, name, error=f"{len(texts)} texts in one row; bring at most {MOST_TEXTS}")
    return _checked(Request(row, name, tuple(text for text in texts if text)))


def _refusals(value: dict[str, Any], options: ScanOptions, model: str) -> Iterator[str]:
    body = value["body"]
    if value.get("method", "POST") != "POST" or value.get("url", ENDPOINT) != ENDPOINT:
        yield f"only POST {ENDPOINT} can be asked for"
    if not isinstance(body, dict):
        yield "the body is no object"
        return
    if body.get("model", model) != model:
        yield f"body.model is not {model}, which this batch is for"
    for name in _CHOSEN:
        chosen = getattr(options, name)
        if body.get(name) is not None and body[name] != (list(chosen) if isinstance(chosen, tuple) else chosen):
            yield f"body.{name} differs from that of the batch: options hold for all rows, in the batch's metadata"


def _text(entry: Any) -> Text | None:
    if isinstance(entry, str):
        return Text(entry)
    if isinstance(entry, dict) and isinstance(entry.get("text"), str):
        name = entry.get("id")
        return Text(entry["text"], None if name is None else str(name))
    return None


def _checked(found: Request) -> Request:
    """Refuses what no file could hold: unpaired surrogates, which JSON can spell."""
    if all(is_unicode(text.text) and is_unicode(text.id or "") for text in found.texts):
        return found
    return Request(found.row, found.id, error="the text is not valid Unicode: it holds an unpaired surrogate")


def _named(value: Any, options: ScanOptions) -> str | None:
    name = value.get(options.id_column) if isinstance(value, dict) else None
    return str(name) if isinstance(name, str | int) and is_unicode(str(name)) else None
