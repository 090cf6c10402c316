"""Whether an address can be listened on, asked before models are loaded for it."""

from __future__ import annotations

import socket

from probe.errors import InputError


def check_port(host: str, port: int, remedy: str) -> None:
    """Raises InputError, which names the remedy, where the port is taken or the address is not this machine's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise InputError(f"{host}:{port} cannot be had: {error.strerror}. Name another port: {remedy}.") from error
