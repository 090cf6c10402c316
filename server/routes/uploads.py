"""What is asked of every upload before it is read."""

from __future__ import annotations

from fastapi import Request

from probe.errors import InputError


async def one_file(request: Request) -> None:
    """FastAPI dependency. Raises InputError where several files came, of which only one would be taken, and where the
    part is no file.
    """
    files = (await request.form()).getlist("file")
    if len(files) > 1:
        raise InputError(f"{len(files)} files came in one request; send each in its own.", "file")
    if any(isinstance(one, str) for one in files):
        raise InputError("The part named file has no file name: send it as a file (curl -F file=@NAME).", "file")
