"""Token statistics on disk: a score added later, or a scan taken up again, costs no model time.

One SQLite file, safe for several processes. A row is the statistics of one text under one engine, keyed by everything
that decides them: model content, tokenizer, dtype, window policy, engine, device, library versions, optional columns
and the token ids. No text is stored. Bounded: the rows used longest ago go first; those of a scan that is deleted go
with it (stats_table.py). A cache that cannot be read or written never stops a verdict: it warns once and is left alone
from then on.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from probe.models.around import Around
from probe.models.base import NO_EXTRAS, OWN, Engine, Extras, Identity, Sampler
from probe.models.stats_table import SHRINK, connect
from probe.models.tags import tag_now
from probe.models.writing import Prompt, write
from probe.types import Tokens, TokenStats, Unscored
from probe.versions import versions

LAYOUT = 4  # of the packed columns, and of how they are computed: another has other keys
_COLUMNS = ("logprob", "rank", "mu", "sigma", "top", "sampled", "gradient")
_AT_ONCE = 500  # keys in one SELECT
_FRESH = 3600  # seconds within which a further use is not recorded: reads stay reads
_PUT = "INSERT OR REPLACE INTO stats (key, windows, used, value, tag) VALUES (?, ?, ?, ?, ?)"


class Cache:
    """A bounded store of packed statistics. Threads share one connection, processes share the file."""

    def __init__(self, path: Path, limit: int) -> None:
        """limit: bytes that the file's rows may take."""
        self.hits = self.misses = 0  # texts whose statistics were looked up here
        self._path, self._limit, self._lock, self._broken = path, limit, threading.Lock(), False
        with self._spared():
            self._database = connect(path)

    @contextmanager
    def _spared(self) -> Iterator[None]:
        """Leaves the cache alone after its first failure: a full disk, a corrupt or a foreign file."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._broken = True
            logging.getLogger(__name__).warning("The cache %s is not used: %s. Delete or mend it.", self._path, error)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
        """Returns windows and packed columns of those keys that are stored."""
        found: dict[bytes, tuple[int, bytes]] = {}
        if self._broken:
            return found
        now, old = time.time(), []
        with self._lock, self._spared(), self._database:
            for begin in range(0, len(keys), _AT_ONCE):
                part = keys[begin : begin + _AT_ONCE]
                places = ",".join("?" * len(part))
                query = f"SELECT key, windows, used, value FROM stats WHERE key IN ({places})"  # noqa: S608 - marks only
                for key, windows, used, value in self._database.execute(query, part):
                    found[key] = (windows, value)
                    if now - used > _FRESH:
                        old.append((now, key))
            if old:
                self._database.executemany("UPDATE stats SET used = ? WHERE key = ?", old)
        return found

    def put(self, rows: Iterable[tuple[bytes, int, bytes]]) -> None:
        """Stores (key, windows, packed columns) under the tag of now, then drops rows until the limit holds."""
        if self._broken:
            return
        now = time.time()
        with self._lock, self._spared():
            with self._database:
                values = [(key, windows, now, value, tag_now()) for key, windows, value in rows]
                self._database.executemany(_PUT, values)
            if self._size() > self._limit:
                while self._size() > self._limit and self._drop():
                    pass
                self._database.executescript(SHRINK)  # gives the pages of dropped rows back

    def count(self, hits: int, misses: int) -> None:
        """Notes how many look-ups were answered, and how many were not."""
        with self._lock:
            self.hits, self.misses = self.hits + hits, self.misses + misses

    def close(self) -> None:
        if not self._broken:
            self._database.close()

    def _size(self) -> int:
        pages, free, size = (
            self._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _drop(self) -> bool:
        """Drops a tenth of the rows; False where there are none."""
        with self._database:
            (count,) = self._database.execute("SELECT count(*) FROM stats").fetchone()
            oldest = "DELETE FROM stats WHERE key IN (SELECT key FROM stats ORDER BY used LIMIT ?)"
            return self._database.execute(oldest, (max(1, count // 10),)).rowcount > 0


class CachedEngine(Around):
    """An engine that asks the cache first. Only texts that it does not hold reach the model."""

    def __init__(self, engine: Engine, cache: Cache) -> None:
        super().__init__(engine)
        self._cache = cache

    @property
    def cache(self) -> Cache:
        return self._cache

    def write(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[list[str] | Unscored]:
        """Nothing of it is kept: what the cache stores holds no text."""
        return write(self._engine, prompts, samples, sampler)

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        keys = _keys(self.identity, extras, texts)
        stored = self._cache.get(keys)
        read = {i: _unpack(texts[i], *stored[key]) for i, key in enumerate(keys) if key in stored}
        known = {i: stats for i, stats in read.items() if stats}
        missing = [i for i in range(len(texts)) if i not in known]
        self._cache.count(len(known), len(missing))
        fresh = (
            dict(zip(missing, self._engine.score([texts[i] for i in missing], extras), strict=True)) if missing else {}
        )
        # under the identity after scoring: an engine may settle on another route when it starts
        settled = dict(zip(fresh, _keys(self.identity, extras, [texts[i] for i in fresh]), strict=True))
        self._cache.put((settled[i], s.windows, _pack(s)) for i, s in fresh.items() if isinstance(s, TokenStats))
        return [fresh[i] if i in fresh else known[i] for i in range(len(texts))]


def caches_of(engines: Iterable[Engine]) -> list[Cache]:
    """Returns the caches that stand before these engines, each once."""
    return list(dict.fromkeys(engine.cache for engine in engines if isinstance(engine, CachedEngine)))


def _keys(identity: Identity, extras: Extras, texts: Sequence[Tokens]) -> list[bytes]:
    facts = (
        LAYOUT, identity.model, identity.tokenizer, identity.dtype, identity.windows, identity.engine, identity.device,
        sorted(versions().items()), extras,
    )  # fmt: skip
    begins = {bos: blake2b(repr((*facts, bos)).encode(), digest_size=20) for bos in (False, True)}
    return [_key(begins[tokens.has_bos].copy(), tokens) for tokens in texts]


def _key(digest: blake2b, tokens: Tokens) -> bytes:
    digest.update(np.ascontiguousarray(tokens.ids, dtype=np.int32).tobytes())
    return digest.digest()


def _pack(stats: TokenStats) -> bytes:
    """A checksum, four bytes that say which columns there are, then each as float32 (rank as int32)."""
    columns = [getattr(stats, name) for name in _COLUMNS]
    present = sum(1 << bit for bit, column in enumerate(columns) if column is not None)
    parts = [np.ascontiguousarray(column).tobytes() for column in columns if column is not None]
    body = b"".join([present.to_bytes(4, "little"), *parts])
    return zlib.crc32(body).to_bytes(4, "little") + body


def _unpack(tokens: Tokens, windows: int, value: bytes) -> TokenStats | None:
    """Returns None for a row that is not what was stored: a damaged disk must not become a verdict."""
    if len(value) < 8 or zlib.crc32(value[4:]) != int.from_bytes(value[:4], "little"):
        return None
    present, n = int.from_bytes(value[4:8], "little"), len(tokens.ids) - 1
    names = [name for bit, name in enumerate(_COLUMNS) if present >> bit & 1]
    words = np.frombuffer(value, np.float32, offset=8)
    width = (len(words) // n - len(names) + 1) if "top" in names else 1
    columns: dict[str, Any] = {}
    begin = 0
    for name in names:
        size = n * (width if name == "top" else 1)
        part = words[begin : begin + size]
        columns[name] = part.view(np.int32) if name == "rank" else part.reshape(n, width) if name == "top" else part
        begin += size
    return TokenStats(tokens=tokens, windows=windows, **columns)
