"""One model on several devices (device_map "cuda:0,cuda:1"): a process for each, among which the texts are divided.

python -m probe.models.replicas FD OPTIONS is such a process; it answers until the connection is closed.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Lock
from typing import Any
from weakref import finalize

from probe.errors import InputError, MemprobeError, ModelError
from probe.models.around import Around
from probe.models.base import NO_EXTRAS, OWN, Extras, Sampler
from probe.models.lanes import side_by_side
from probe.models.load import BETWEEN
from probe.models.local import LocalEngine
from probe.models.writing import Prompt
from probe.types import Tokens, TokenStats, Unscored
from probe.wanted import still_wanted

_MOST, _LEAST, _EACH = 65_536, 2_048, 4  # tokens handed over at once; so often a device comes back for more
_LOOK, _PATIENCE = 0.2, 5.0  # seconds between two looks at whether work is still wanted, and for a process to end


class Replicas(Around):
    """The engine; this process keeps the tokenizer and no weights."""

    def __init__(self, source: str, device_map: str, **options: Any) -> None:
        """options: dtype, revision and batch_tokens, as of `LocalEngine.open`. Raises ModelError."""
        devices = [device.strip() for device in device_map.split(BETWEEN)]
        if not all(devices):
            raise InputError(
                f"device_map {device_map!r} names a device without a name between its commas.", "device_map"
            )
        super().__init__(LocalEngine.open(source, device_map=devices[0], **options))
        self._replicas = [Replica({"source": source, "device_map": device, **options}) for device in devices]
        self._pool = ThreadPoolExecutor(len(devices), "replica")

    def load(self) -> None:
        side_by_side(self._pool, len(self._replicas), lambda one: one.ask("load"), self._replicas)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        return self._divided("score", texts, [len(tokens.ids) for tokens in texts], extras)

    def write(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[list[str] | Unscored]:
        sizes = [len(prompt.ids) + prompt.size * max(samples, 1) for prompt in prompts]
        return self._divided("write", prompts, sizes, samples, sampler)

    def _divided(self, method: str, items: Sequence[Any], sizes: Sequence[int], *how: object) -> list[Any]:
        """Returns one answer per item, in order."""
        free: SimpleQueue[Replica] = SimpleQueue()
        for replica in self._replicas:
            free.put(replica)

        def ask(share: Sequence[int]) -> list[Any]:
            replica = free.get()
            try:
                return list(replica.ask(method, [items[place] for place in share], *how))
            finally:
                free.put(replica)

        shares = list(divide(sizes, len(self._replicas)))
        parts = side_by_side(self._pool, len(self._replicas), ask, shares)
        found = {
            place: one
            for share, part in zip(shares, parts, strict=True)
            for place, one in zip(share, part, strict=True)
        }
        return [found[place] for place in range(len(items))]


def divide(sizes: Sequence[int], many: int) -> Iterator[list[int]]:
    """Yields the places of items of these sizes in shares, the largest first."""
    most = min(_MOST, max(_LEAST, sum(sizes) // (many * _EACH)))
    share: list[int] = []
    total = 0
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if share and total + sizes[place] > most:
            yield share
            share, total = [], 0
        share.append(place)
        total += sizes[place]
    if share:
        yield share


class Replica:
    """A process with the model on one device. It begins when it is first asked, anew where it has ended."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options, self._asking, self._owed = options, Lock(), False
        self._process: subprocess.Popen[bytes] | None = None
        self._bury: finalize[..., Any]

    def ask(self, method: str, *arguments: object) -> Any:
        """Returns what the engine there says. Raises ModelError, and what `still_wanted` does."""
        while not self._asking.acquire(timeout=_LOOK):
            still_wanted()
        try:
            self._begin()
            if self._owed:  # to somebody who went away; until it is taken nobody reads at the other end
                self._hear()
            self._owed = True
            self._line.send((method, arguments))
            good, found = self._hear()
        except (EOFError, OSError) as error:
            device = self._options["device_map"]
            raise ModelError(
                f"The process for device {device} ended; see what it said, free memory there, and ask again."
            ) from error
        finally:
            self._asking.release()
        if not good:
            raise ModelError(found)
        return found

    def _hear(self) -> tuple[bool, Any]:
        while not self._line.poll(_LOOK):
            still_wanted()
        good, found = self._line.recv()
        self._owed = False
        return good, found

    def _begin(self) -> None:
        if self._process and self._process.poll() is None:
            return
        if self._process:
            self._bury()
        self._line, theirs = Pipe()
        self._owed = False
        with theirs:
            command = [sys.executable, "-m", "probe.models.replicas", str(theirs.fileno()), json.dumps(self._options)]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        self._bury = finalize(self, _end, self._line, self._process)


def _end(line: Connection, process: subprocess.Popen[bytes]) -> None:
    """Closes the line, at which the process ends."""
    line.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(number: str, told: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells everybody; the other end decides
    options = json.loads(told)
    engine = LocalEngine.open(options.pop("source"), **options)
    with Connection(int(number)) as line, suppress(EOFError, OSError):
        while True:
            method, arguments = line.recv()
            try:
                answer = True, getattr(engine, method)(*arguments)
            except MemprobeError as error:
                answer = False, str(error)
            line.send(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
