"""Whether a verdict can be given: what stands in its way, and a text that is scored where the models are in doubt."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from probe.prepared import Options
from probe.types import Text
from server.service import Service

Obstacle = tuple[str, str]
_TRIAL = 3.0  # seconds that a text to try the models with may take: who asks here does not wait for long
_LOSS = Options(frozenset({"loss"}))


def obstacle(service: Service) -> Obstacle | None:
    """Returns a word and the reason why no verdict can be given, as far as that can be seen without trying."""
    if service.ending.begun:
        return "ending", "The service is being ended."
    if not service.models or service.desk is None:
        return "loading", "The models are being loaded."
    reason = _failing(service)
    return None if reason is None else ("failing", reason)


def _failing(service: Service) -> str | None:
    limit = service.settings.request_seconds
    if not service.batcher.running:
        return "The task that shares passes out has ended: start the service again."
    if service.batcher.still > limit:
        return f"A thread has taken no step for {limit:g} seconds: start the service again."
    if service.scanning and not service.scanning.running:
        return "The worker of batches has ended: start the service again."
    if service.batcher.doubtful:
        return "The models gave no statistics the last time: see the log, or the server that holds them."
    return None


async def lacking(service: Service) -> Obstacle | None:
    """The same, after trying the models where the last pass leaves them in doubt, and asking who counts requests."""
    found = obstacle(service)
    if found and service.batcher.doubtful and service.models and not service.ending.begun:
        probe = next(iter(service.models.values()))
        text = Text(f"The number {uuid4().int} is written here, so that no cache holds this sentence.")
        try:
            await asyncio.wait_for(service.batcher.run(probe, [text], _LOSS), _TRIAL)
        except Exception:  # whatever it is: the models still fail
            return found
        found = obstacle(service)
    return found or await asyncio.to_thread(uncounted, service)


def uncounted(service: Service) -> Obstacle | None:
    """Returns the same where nothing counts requests; what is kept elsewhere is asked, so not in the event loop."""
    access = service.access
    if access is None or not access.required or access.quota.answers():
        return None
    return "failing", "The storage of quotas does not answer, so no request is let in: mend MEMPROBE_QUOTA_STORAGE."
