"""Which scope a route asks for. What is not listed is for administrators: a new route is closed until it is."""

from __future__ import annotations

from typing import Any

OPEN = frozenset[str]()  # no key is asked for: nothing of anybody's is told
ADMIN = frozenset(("admin",))
_PROBE, _SCAN, _EITHER = frozenset(("probe",)), frozenset(("scan",)), frozenset(("probe", "scan"))
_SCOPES = {
    "": OPEN, "healthz": OPEN, "readyz": OPEN, "web": OPEN, "openapi.json": OPEN, "docs": OPEN,
    "v1/models": _EITHER, "v1/session": OPEN,
    **dict.fromkeys(
        ("v1/probe", "v1/aggregates", "v1/documents", "v1/pii", "v1/evaluations", "v1/calibrations"), _PROBE
    ),
    **dict.fromkeys(("v1/files", "v1/batches"), _SCAN),
}  # fmt: skip
_LOOKED_AT = {"v1/calibrations": _EITHER}  # for GET: batches name calibrations, too


def with_keys(schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """Returns an OpenAPI schema that says for which operations a key is needed."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            needed = required and scopes_of((method, path)) is not OPEN
            operation["security"] = [{"key": list[str]()}] if needed else []
    kind = {"type": "http", "scheme": "bearer", "description": "made by memprobe keys add"}
    schema["components"]["securitySchemes"] = {"key": kind} if required else {}
    return schema


def scopes_of(route: tuple[str, str] | None) -> frozenset[str]:
    """Returns the scopes of which one is needed, none for what anybody may ask; route: method and path."""
    if route is None:  # no route answers, and what 404 and 405 say is no secret
        return OPEN
    method, (first, *rest) = route[0], route[1].strip("/").split("/")
    place = "/".join([first, *rest[:1]]) if first == "v1" else first
    known = _SCOPES | _LOOKED_AT if method == "GET" else _SCOPES
    return known.get(place, ADMIN)
