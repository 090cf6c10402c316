"""POST /v1/session: the page hands its key in once and has it back as a cookie, which no script can read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from server.access.caller import Caller, caller_of
from server.access.guard import COOKIE, token_of
from server.errors import envelope
from server.schemas.common import Session, failures

router = APIRouter(prefix="/v1/session", tags=["operation"])


@router.post("", response_model=Session, responses=failures(401))
def begin(request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]) -> Session | Response:
    """Keeps the key of the Authorization header for this browser, until that is closed."""
    if caller.access is None:
        return Session(owner=caller.owner, scopes=[])
    if caller.key is None:
        return envelope(401, "No key of this service: ask its operator for one.", "invalid_key")
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, token_of(request.scope), httponly=True, samesite="strict", secure=secure, path="/")
    return Session(owner=caller.owner, scopes=list(caller.key.scopes))


@router.delete("", status_code=204)
def end(response: Response) -> None:
    """Forgets it."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
