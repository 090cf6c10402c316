"""Workers on a Ray cluster: actors with a model each, over the same ledger and store.

An actor that dies is started again by Ray, and its shard is taken over when its lease runs out. Actors end with the
driver; a driver that is started again finds the ledger as it was.
"""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from pydantic import SecretStr

from probe.config import Settings
from probe.errors import InputError, MemprobeError, ModelError

_LOG = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between looks at the actors


class Actor:
    """What runs on a node; Ray makes it a remote class."""

    def __init__(self, settings: dict[str, Any], revision: str | None) -> None:
        self._settings, self._revision = settings, revision

    def work(self, until_idle: bool) -> None:
        """Opens the model here and not when it is made: an error of its own reaches the driver, and is no death."""
        from probe.opening import open_named
        from probe.scans import serving

        own = Settings(**self._settings)
        serving.work(own, open_named(own, self._revision), once=until_idle, revision=self._revision)


def run_on_ray(settings: Settings, revision: str | None, address: str, actors: int, gpus: float, once: bool) -> None:
    """Keeps so many actors working until SIGTERM or Ctrl-C; once: until nothing waits.

    address: as ray.init takes it, or local. Raises InputError where Ray is not installed or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError("--ray takes Ray: pip install 'memprobe[ray]'.") from error
    try:
        ray.init(address=None if address == "local" else address, log_to_driver=False, include_dashboard=False)
    except ConnectionError as error:
        raise InputError(f"No Ray cluster answers at {address}: ray start --head begins one.") from error
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    remote = ray.remote(num_gpus=gpus, num_cpus=1, max_restarts=-1, max_task_retries=0)(Actor)
    made: list[Any] = [remote.remote(_plain(settings), revision) for _ in range(actors)]
    try:
        _watch(ray, {actor: actor.work.remote(once) for actor in made}, stop, once)
    finally:
        ray.shutdown()


def _plain(settings: Settings) -> dict[str, Any]:
    """Returns the settings as values that travel, the environment's and secrets among them."""
    given = settings.model_dump(exclude_defaults=True)
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in given.items()}


def _watch(ray: Any, pool: dict[Any, Any], stop: threading.Event, once: bool) -> None:
    """Gives an actor that Ray has started again its work again."""
    while pool and not stop.wait(_LOOK):
        for actor, running in list(pool.items()):
            done, _ = ray.wait([running], timeout=0)
            if not done:
                continue
            try:
                ray.get(running)
                del pool[actor]
            except ray.exceptions.RayActorError:
                _LOG.warning("An actor died; its work begins again.")
                pool[actor] = actor.work.remote(once)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, MemprobeError):
                    raise error.cause from error
                raise ModelError(f"An actor failed: {type(error.cause).__name__}.") from error
