"""POST /v1/session: the page hands its key in once and has a cookie for it, which no script can read and is no key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from server.access.caller import Caller, caller_of
from server.access.guard import token_of
from server.access.sessions import COOKIE, session_of
from server.errors import envelope
from server.schemas.common import Session, failures

router = APIRouter(prefix="/v1/session", tags=["operation"])


@router.post("", response_model=Session, responses=failures(401))
def begin(request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]) -> Session | Response:
    """Lets this browser ask as the key of the Authorization header does, until it is closed or the service ends."""
    if caller.access is None:
        return Session(owner=caller.owner, scopes=[])
    if caller.key is None:
        return envelope(401, "No key of this service: ask its operator for one.", "invalid_key")
    if token_of(request.scope) is not None:  # else it came with the cookie of a session, which goes on
        caller.access.sessions.end(session_of(request.scope))
        token, secure = caller.access.sessions.begin(caller.key), request.url.scheme == "https"
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")
    return Session(owner=caller.owner, scopes=list(caller.key.scopes))


@router.delete("", status_code=204)
def end(request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Ends it."""
    if caller.access:
        caller.access.sessions.end(session_of(request.scope))
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
