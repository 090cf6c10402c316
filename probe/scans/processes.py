"""Which process on which machine a worker is, and whether it still runs, as far as that can be told from here."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from uuid import uuid4


def new_worker() -> str:
    """Returns a name that says which process on which machine it is."""
    return f"{_machine()}:{os.getpid()}:{uuid4().hex[:8]}"


def _machine() -> str:
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}/{space.readlink() if space.exists() else ''}".replace(":", "-")


def gone(worker: str) -> bool:
    """Returns whether a worker ran on this machine and runs no more."""
    machine, pid, _ = worker.rsplit(":", 2)
    return machine == _machine() and not _alive(int(pid))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"  # killed, not yet buried
    except OSError:
        return False
