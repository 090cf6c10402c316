"""From settings to what decides who is let in."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from probe.access.keys import KeyRing
from probe.access.quota import Quota
from probe.access.record import Record
from probe.config import Settings
from probe.errors import InputError
from server.access.sessions import Sessions

LOCAL_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass
class Access:
    """hosts, origins: that are answered beside the usual ones. record: of a service with keys."""

    ring: KeyRing
    quota: Quota
    settings: Settings
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    record: Record | None = None
    sessions: Sessions = field(init=False)
    _seen: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.ring)

    @property
    def required(self) -> bool:
        """True where a key is needed: there is one, or was since the service began. Raises InputError."""
        if not self._seen and self.ring.keys:
            self._seen, self.record = True, Record(self.settings.home)
        return self._seen


def open_access(settings: Settings) -> Access:
    """Raises InputError for an address that others reach where no key is there, for a file of keys that is named and
    not there, and for what cannot be read.
    """
    access = Access(
        KeyRing(settings.keys or settings.home / "keys.json"),
        Quota(settings.quota_storage, settings.key_rate, settings.key_budget), settings,
        frozenset(map(str.lower, settings.allowed_hosts)), frozenset(map(str.lower, settings.allowed_origins)),
    )  # fmt: skip
    if not access.required and settings.keys and not settings.keys.exists():
        raise InputError(
            f"MEMPROBE_KEYS names {settings.keys}, which is not there: mend the path, or make a key in that file "
            "(memprobe keys add NAME).", "keys",
        )  # fmt: skip
    if not access.required and not is_loopback(settings.host):
        raise InputError(
            f"On {settings.host} others reach this service, and there is no key: make one (memprobe keys add NAME), or "
            "serve on 127.0.0.1.", "host",
        )  # fmt: skip
    return access


def is_loopback(host: str) -> bool:
    """True for an address, or a name, that only this machine reaches."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() in LOCAL_NAMES
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
