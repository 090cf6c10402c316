"""A record: a result, and what is needed to repeat it.

As JSON it is the result's own object with one more field, `provenance`. It holds hashes, names and options, and the
text itself only where that is asked for. No seed stands in it: what a score draws at random is seeded by the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

from probe.calibration.file import content_hash
from probe.calibration.fingerprint import Fingerprint
from probe.config import Settings
from probe.data.hashed import text_hash
from probe.data.rows import is_unicode
from probe.pipeline import Probe
from probe.prepared import Options
from probe.response import result_dict
from probe.scores.table import origins
from probe.types import Result, Text
from probe.versions import versions

VERSION = 1


@dataclass(frozen=True, slots=True)
class Sources:
    """Names as they were given, which say where to look again: of models, calibration, files of prefixes, corpus, and
    the model that proposes neighbours, the folder of shadow models.
    """

    target: str | None = None
    reference: str | None = None
    calibration: str | None = None
    revision: str | None = None
    dtype: str | None = None
    prefix: str | None = None
    member_prefix: str | None = None
    corpus: str | None = None
    neighbours: str | None = None
    shadows: str | None = None

    @classmethod
    def of(cls, settings: Settings, revision: str | None = None, calibration: str | None = None) -> Sources:
        """Returns what was opened with these settings; calibration: where another than theirs was named."""
        prefix, before = (None if path is None else str(path) for path in (settings.prefix, settings.member_prefix))
        return cls(
            settings.target, settings.reference, calibration or settings.calibration, revision, settings.dtype, prefix,
            before, settings.corpus, settings.neighbours, None if settings.shadows is None else str(settings.shadows),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Used:
    """A calibration or corpus by name and content; a server's corpus has no hash."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """The texts that were judged together: q-values, and from a hundred texts on the blind gate, are over all."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """text_sha256: of the text's UTF-8 without white space around it. plugins: distribution and version by score."""

    text_sha256: str
    fingerprint: Fingerprint
    batch: Batch
    calibration: Used | None = None
    corpus: Used | None = None
    scores: tuple[str, ...] | None = None
    alpha: float = 0.01
    max_tokens: int | None = None
    sources: Sources = Sources()
    plugins: dict[str, str] = field(default_factory=dict)
    memprobe: str = ""
    version: int = VERSION
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """result: as `probe.response.result_dict` gives it."""

    result: Mapping[str, Any]
    provenance: Provenance

    @property
    def name(self) -> str:
        """What it is called: the caller's id, else its number."""
        given = self.result.get("id")
        return str(self.result.get("index") if given is None else given)

    def as_dict(self, with_text: bool = True) -> dict[str, Any]:
        """Returns it as plain JSON values."""
        provenance = asdict(self.provenance)
        if provenance["text"] is None or not with_text:
            del provenance["text"]
        return {**self.result, "provenance": provenance}


class Hashes:
    """The texts' hashes added up one after the other: what stands for a set, whatever its order, in little room."""

    def __init__(self) -> None:
        self.size, self._sum = 0, 0

    def add(self, hashed: str) -> None:
        self.size += 1
        self._sum = (self._sum + int(hashed.removeprefix("sha256:"), 16)) % (1 << 256)

    @property
    def batch(self) -> Batch:
        return Batch(self.size, "sha256:" + sha256(f"{self.size} {self._sum:064x}".encode()).hexdigest())


def batch_of(hashes: Iterable[str]) -> Batch:
    """Returns what stands for texts judged together, whatever their order."""
    every = Hashes()
    for hashed in hashes:
        every.add(hashed)
    return every.batch


def record_all(
    probe: Probe, texts: Sequence[Text], results: Sequence[Result], options: Options, sources: Sources, *,
    with_texts: bool = False, with_tokens: bool = False,
) -> list[Record]:  # fmt: skip
    """Returns a record per result; texts and results are those of one call of `probe`, all of them."""
    hashes = [text_hash(text.text) for text in texts]
    shared = shared_by(probe, batch_of(hashes), options, sources)
    return [
        Record(
            result_dict(result, with_tokens),
            replace(shared, text_sha256=hashed, text=text.text if with_texts and is_unicode(text.text) else None),
        )
        for text, result, hashed in zip(texts, results, hashes, strict=True)
    ]


def answer(
    probe: Probe, texts: Sequence[Text], results: Sequence[Result], options: Options, sources: Sources,
    with_tokens: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Returns the same as a service answers it: what the results share stands once, beside them."""
    hashes = [text_hash(text.text) for text in texts]
    shared = plain(shared_by(probe, batch_of(hashes), options, sources))
    rows = [
        {**result_dict(result, with_tokens), "text_sha256": hashed}
        for result, hashed in zip(results, hashes, strict=True)
    ]
    return {"results": rows, "fingerprint": shared.pop("fingerprint"), "provenance": shared}


def plain(shared: Provenance) -> dict[str, Any]:
    """Returns what results share as JSON values, without what is each one's own."""
    return {name: value for name, value in asdict(shared).items() if name not in ("text_sha256", "text")}


def shared_by(probe: Probe, batch: Batch, options: Options, sources: Sources) -> Provenance:
    """Returns the provenance of texts judged together, without that which is each one's own."""
    calibration, corpus = probe.calibration, probe.setup.corpus
    return Provenance(
        text_sha256="", fingerprint=probe.fingerprint, batch=batch,
        calibration=Used(calibration.name, content_hash(calibration)) if calibration else None,
        corpus=Used(corpus.source, corpus.hash) if corpus else None,
        scores=None if options.scores is None else tuple(sorted(options.scores)), alpha=options.alpha,
        max_tokens=options.max_tokens, sources=sources, plugins=origins(), memprobe=versions().get("memprobe", ""),
    )  # fmt: skip
