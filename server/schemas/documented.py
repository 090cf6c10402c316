"""What a route tells of its answers beyond what FastAPI finds out by itself: what an id leads to, and other types."""

from __future__ import annotations

from typing import Any

Responses = dict[int | str, dict[str, Any]]


def leads_to(*operations: str, status: int = 202, field: str = "id") -> Responses:
    """Returns links from an answer's id to operations, such as "GET /v1/files/{name}", that take it as `name`."""
    value = f"$response.body#/{field}"
    return {status: {"links": {_key(one): _link(one, {"parameters": {"name": value}}) for one in operations}}}


def fills(operation: str, field: str, status: int = 200) -> Responses:
    """Returns a link from an answer's id to an operation whose body holds it under this field."""
    body = {"requestBody": {field: "$response.body#/id"}}
    return {status: {"links": {_key(operation): _link(operation, body)}}}


def joined(*found: Responses) -> Responses:
    """Returns all of them, the links of a status together."""
    every: Responses = {}
    for responses in found:
        for status, one in responses.items():
            known = every.setdefault(status, {})
            links = known.get("links", {}) | one.get("links", {})
            known |= one | ({"links": links} if links else {})
    return every


def text(kind: str) -> Responses:
    """Returns the document of an answer that is text of another type than JSON; use it with response_class=Response,
    so that errors stay JSON.
    """
    return {200: {"content": {kind: {"schema": {"type": "string"}}}}}


def stream(kind: str) -> Responses:
    """The same of server-sent events, of which a schema would have to be each one's."""
    return {200: {"content": {kind: {}}}}


def binary(kind: str) -> Responses:
    """The same of bytes."""
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}


def _key(operation: str) -> str:
    method, _, path = operation.partition(" ")
    last = path.rpartition("/")[2]
    return f"{method.lower()}-{path.strip('/').split('/')[1]}" + ("" if last.startswith("{") else f"-{last}")


def _link(operation: str, found: dict[str, Any]) -> dict[str, Any]:
    method, _, path = operation.partition(" ")
    return {"operationRef": f"#/paths/{path.replace('/', '~1')}/{method.lower()}", **found}
